"""Counts over operations: against published figures, PyTorch's counter, and modules."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import ctcdsl
from ctcdsl.codegen.load import build_module
from ctcdsl.lowering import lower
from ctcdsl.metrics.counts import (
    buffers,
    input_gradient_macs,
    op_macs,
    parameters,
    training_macs,
    weight_gradient_macs,
)
from tests.conftest import one

GROUPED_ALEXNET = """
pad same
conv1: (11,96)/4 lrn max(3,p0)/2
conv2: (5,256,g2) lrn max(3,p0)/2
conv3: (3,384) (3,384,g2) (3,256,g2) max(3,p0)/2
head:  fc(4096) drop(0.5) fc(4096) drop(0.5) fc
"""


@pytest.mark.parametrize(
    ("name", "macs"), [("vgg16", 46_324_088_832), ("googlenet", 4_630_001_664)]
)
def test_training_macs_of_published_networks(name: str, macs: int) -> None:
    network = ctcdsl.load(name)
    assert isinstance(network, ctcdsl.Network)
    assert training_macs(lower(network)) == macs


def test_training_macs_of_groups_are_those_of_their_filters() -> None:
    graph = lower(one(GROUPED_ALEXNET))
    assert training_macs(graph) == 2_075_541_504


def _counted(module: nn.Module, images: torch.Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        module(images).sum().backward()
    flops = counter.get_total_flops()
    assert isinstance(flops, int)
    return flops // 2


class _Apart(nn.Module):
    """A convolution in groups as convolutions of their own."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(16 // groups, 32 // groups, 3) for _ in range(groups))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = x.chunk(len(self.convs), dim=1)
        return torch.cat([c(part) for c, part in zip(self.convs, parts, strict=True)], dim=1)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_groups_cost_what_convolutions_of_their_own_cost(groups: int) -> None:
    """PyTorch's counter takes the weight gradient of a group for one of full width."""
    network = one(f"input 16x8x8\npad valid\n(3,32,g{groups},linear)\nhead: none")
    graph = lower(network)
    images = torch.randn(1, 16, 8, 8, requires_grad=True, device="meta")
    with torch.device("meta"):
        apart = _counted(_Apart(groups), images)
        together = _counted(nn.Conv2d(16, 32, 3, groups=groups), images)
    assert 3 * op_macs(graph.nodes)[0] == apart
    assert (together > apart) == (groups > 1)


def test_the_image_needs_no_gradient() -> None:
    graph = lower(one("input 3x8x8\n{ (3,4) | (1,4) } (3,8)\nhead: gap fc(5)"))
    macs, macs_fc = op_macs(graph.nodes)
    first = (3 * 9 * 4 + 3 * 4) * 64
    assert weight_gradient_macs(graph) == macs + macs_fc
    assert input_gradient_macs(graph) == macs + macs_fc - first


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "efficientnet_b0", "convnext_tiny"])
def test_tensors_are_those_of_the_module(name: str) -> None:
    network = ctcdsl.load(name)
    assert isinstance(network, ctcdsl.Network)
    with torch.device("meta"):
        module = build_module(network)
    graph = lower(network)
    assert parameters(graph.nodes) == sum(p.numel() for p in module.parameters())
    assert buffers(graph.nodes) == sum(b.numel() for b in module.buffers())


def test_every_spec_counts_its_layers(tmp_path: Path) -> None:
    network = one("input 3x8x8\n(3,4,bn) se(2) gap fc(5)")
    cost = ctcdsl.cost(network)
    assert cost.params == parameters(lower(network).nodes)


@pytest.mark.parametrize("row", ["2/2 (3,8) (3,4)", "lrn (3,8) (3,4)", "(3,8) 2/2 (3,4)"])
def test_training_macs_are_those_that_pytorch_counts(row: str) -> None:
    """A pool before the first convolution needs no gradient either."""
    network = one(f"input 3x16x16\npad same\n{row}\nhead: gap fc(5)")
    module = build_module(network)
    assert training_macs(lower(network)) == _counted(module, torch.randn(1, 3, 16, 16))
    assert ctcdsl.cost(network).training_macs == training_macs(lower(network))
