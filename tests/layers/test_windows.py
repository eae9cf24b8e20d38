"""Windows: strides and dilations of each side, computed tags, and what is printed again."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from ctcdsl.codegen.load import build_module
from ctcdsl.ir import Conv, ConvTranspose, Pool, Shape
from ctcdsl.ir.printer import row
from ctcdsl.metrics import network_cost
from tests.conftest import one


@pytest.mark.parametrize(
    ("layers", "printed"),
    [
        ("(3,64,s2x1)", "(3,64,s2x1)"),
        ("(3,64,s2x2)", "(3,64)/2"),
        ("(3,64,s1x1)", "(3,64)"),
        ("(3,64,d1x2,s1x3)", "(3,64,d1x2,s1x3)"),
        ("(3,64,d2x2)", "(3,64,d2)"),
        ("max(2,s2x1)", "max(2,s2x1)"),
        ("max(3x1,p0,s2x1)", "max(3x1,p0,s2x1)"),
        ("avg(3,s2x2)", "avg(3)/2"),
        ("max(3,s3x3)", "3/3"),
        ("(2,64,up2)", "(2,64,up2)"),
        ("(3x2,64,up2,linear)", "(3x2,64,linear,up2)"),
        ("(3,dw,up2)x2", "(3,dw,up2)x2"),
        ("avg(3,nocount)/1", "avg(3,nocount)/1"),
        ("avg(3,nocount,p0,ceil,s1x2)", "avg(3,p0,ceil,nocount,s1x2)"),
        ("max(3,zeros,p1)/2", "max(3,p1,zeros)/2"),
        ("{ max(3,s2x1) | (3,8,s2x1) }x2", "{ max(3,s2x1) | (3,8,s2x1) }x2"),
        ("[ (3,8,s2x1) ] [ (3,8) ]x2", "[ (3,8,s2x1) ] [ (3,8) ]x2"),
    ],
)
def test_strides_and_dilations_are_printed_again(layers: str, printed: str) -> None:
    network = one(f"input 3x64x64 pad same\n{layers}\n(1,8) gap fc")
    (first, *_) = network.architecture.stages
    elements = [e for e in first.elements if not (isinstance(e, Conv) and e.kernel == (1, 1))]
    assert row(elements, network.architecture.style, 3) == printed
    assert one(str(network)) == network


def test_same_decides_the_padding_of_each_side() -> None:
    network = one("input 3x12x12 pad same\n(2,8,s2x1) (2,8,s1x2) (4,8,d2x1,s1x4) gap fc")
    assert [node.padding for node, _ in network.convolutions()] == [(0, 0), (0, 0), (3, 0)]
    assert [node.output[1:] for node, _ in network.convolutions()] == [(6, 11), (5, 5), (5, 1)]
    pool = one("input 3x12x12 pad same\n(3,8) max(3x2,s1x2) gap fc").nodes[1]
    assert isinstance(pool.layer, Pool)
    assert (pool.padding, pool.output[1:]) == ((1, 0), (12, 6))


def test_a_shortcut_takes_the_strides_of_both_sides() -> None:
    network = one("input 3x12x12 pad same\n[ (3,8,s2x1) (3,8,s1x3) ] gap fc")
    shortcut = network.nodes[0].branches[1][0].layer
    assert isinstance(shortcut, Conv)
    assert shortcut.stride == (2, 3)


def test_computed_tags_round_paddings_and_dilations_down() -> None:
    block = "def y(n,k,r) = (1,n) (k,n,p(r*k/2),d(r),g(n/16))"
    network = one(f"style conv-bn-relu input 3x32x32\n{block}\ny(32,3,1)/2 y(48,5,2.5) gap fc")
    convs = [c for _, c in network.convolutions() if max(c.kernel) > 1]
    assert [(c.padding, c.dilation, c.groups) for c in convs] == [
        ((1, 1), (1, 1), 2),
        ((6, 6), (2, 2), 3),
    ]


def test_a_block_of_regnet_is_one_definition() -> None:
    """RegNetY-400MF (Radosavovic et al. 2020), whose groups are 8 channels wide."""
    head = "style conv-bn-relu input 3x224x224\n"
    block = "def y(n) = [ (1,n) (3,n,g(n/8)) se(c/4) (1,n) ]\n"
    written = (
        "(3,32)/2 [ (1,48) (3,48,g6) se(8) (1,48) ]/2 [ (1,104) (3,104,g13) se(12) (1,104) ]/2"
    )
    network = one(f"{head}{block}(3,32)/2 y(48)/2 y(104)/2 gap fc")
    assert network == one(f"{head}{written} gap fc")


@pytest.mark.parametrize("kernel", ["2", "3", "4", "5", "2x3", "7x4"])
def test_a_transposed_convolution_doubles_its_map(kernel: str) -> None:
    network = one(f"style conv-bn-relu input 4x6x9\n({kernel},8,g2,up2)\nhead: none")
    node = network.nodes[0]
    assert node.output == Shape(8, 12, 18)
    height, width = (int(side) for side in (f"{kernel}x{kernel}").split("x")[:2])
    cost = network_cost(network)
    assert cost.depth == 1
    assert cost.macs == 4 // 2 * height * width * 8 * 6 * 9
    assert cost.params == 4 * 4 * height * width + 2 * 8  # a norm, so no bias


def test_the_activation_of_a_transposed_convolution_moves_behind_a_sum() -> None:
    network = one("input 3x8x8\n(3,4)/2 [ (2,4,up2) | (2,4,up2) ]\nhead: none")
    block = network.nodes[1]
    assert block.activation is not None and block.activation.word == "relu"
    for (node,) in block.branches:
        assert isinstance(node.layer, ConvTranspose) and node.layer.conv.activation is None


@pytest.mark.parametrize("pad", ["same", "tf"])
@pytest.mark.parametrize("pool", ["max(3,zeros)/2", "max(3,zeros,ceil)/2", "max(2x3,zeros,ceil)/2"])
def test_the_padding_of_a_maximum_is_zeros(pad: str, pool: str) -> None:
    network = one(f"input 3x17x12 pad {pad}\n(1,3) {pool}\nhead: none")
    node = network.nodes[1]
    module = build_module(network)
    images = -torch.rand(1, 3, 17, 12) - 1
    chain = [m for m in module.modules() if isinstance(m, nn.ZeroPad2d | nn.MaxPool2d)]
    outputs = nn.Sequential(*chain)(images)
    (above, left), (below, right) = node.padding, node.far
    padded = functional.pad(images, (left, left + right, above, above + below))
    assert isinstance(node.layer, Pool)
    expected = functional.max_pool2d(
        padded, node.layer.kernel, node.layer.stride, ceil_mode=node.layer.ceil
    )
    assert torch.equal(outputs, expected)
    assert outputs.shape[1:] == node.output
    assert outputs.max() == 0, "zeros are more than all pixels"
