"""The weights that modules start from: the first loss is that of guessing."""

from __future__ import annotations

from math import log
from pathlib import Path

import pytest
import torch

from ctcdsl.checking import Network, check_source
from ctcdsl.codegen.load import build_module
from ctcdsl.ir import Shape
from ctcdsl.text.files import read_source
from tests.conftest import NETWORKS, SAMPLE, load


def first_loss(network: Network) -> float:
    """The loss of a new module in training, as a share of ln(classes)."""
    torch.manual_seed(0)
    module = build_module(network).train()
    images = torch.randn(8, *network.input)
    labels = torch.randint(0, network.classes, (8,))
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(module(images), labels)
    return float(loss) / log(network.classes)


def small(path: Path) -> Network:
    source = read_source(str(path))
    reports = (check_source(source, input=Shape(3, side, side)) for side in (64, 128))
    return next((report.networks[0] for report in reports if report.ok), None) or load(path)


@pytest.mark.parametrize(
    "name", ["A", "alexnet_owt", "googlenet", "vgg11", "resnet18", "convnext_nano", "squeezenet1_1"]
)
def test_the_first_loss_on_small_images(name: str) -> None:
    path = next(path for path in (*NETWORKS, *SAMPLE) if path.stem == name)
    assert abs(first_loss(small(path)) - 1) < 0.1


@pytest.mark.first_losses
@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_the_first_loss(path: Path) -> None:
    network = load(path)
    if network.nodes[-1].vector:
        assert abs(first_loss(network) - 1) < 0.1
