"""Every network of specs/ in half precision: under autocast, and with weights in bfloat16.

It takes a minute: `make full-size`. Images are small where the network takes them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import ctcdsl
from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from tests.conftest import NETWORKS, load

SIDES = (32, 64, 96, 128)


def small(path: Path) -> Network:
    """A network for the smallest of some images, or for its own."""
    for side in SIDES:
        try:
            return ctcdsl.load(path, input=side)
        except ctcdsl.SpecError:
            continue
    return load(path)


def averaging(network: Network) -> nn.Module:
    """The module of a network, with means as filters: drawing them would take most of the time."""
    with torch.device("meta"):
        module = build_module(network)
    module = module.eval().to_empty(device="cpu")
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.fill_(1 / tensor[0].numel() if tensor.dim() > 1 else 1)
    return module


@pytest.mark.full_size
@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_half_precision(path: Path) -> None:
    network = small(path)
    module, images = averaging(network), torch.randn(2, *network.input)
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            assert module(images).isfinite().all()
        module, images = module.to(torch.bfloat16), images.to(torch.bfloat16)
        scores = module(images)
    assert scores.dtype is torch.bfloat16
    assert scores.isfinite().all()
