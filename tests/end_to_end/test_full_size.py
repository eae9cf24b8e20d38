"""Every network of specs/ at full size. It takes minutes: `make full-size`.

A training step of the paper's models, their peers and a network of each later family: what ends
a process by a signal is found here and nowhere else, since the tests run in processes that
pytest-xdist starts, and it names the test that ended one. The others
are made of the same layers in the same sizes, so each is built without numbers, and every map
is compared with the predicted one; a step of all of them would take half an hour.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ctcdsl.codegen.load import build_module
from tests.conftest import NETWORKS, SAMPLE, load
from tests.support.full_size import loss_of_a_step
from tests.support.oracle import assert_as_predicted

OTHERS = [path for path in NETWORKS if path not in SAMPLE]


@pytest.mark.full_size
@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.stem)
def test_a_training_step(path: Path) -> None:
    # Half precision has kernels of its own; both for the network that the float32 ones ended.
    for precision in ("float32", "bf16") if "repvgg" in path.stem else ("float32",):
        assert 0 < loss_of_a_step(load(path), precision) < 1000


@pytest.mark.full_size
@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_the_maps_of_a_module(path: Path) -> None:
    network = load(path)
    with torch.device("meta"):  # shapes alone
        assert_as_predicted(network, build_module(network).eval())
