"""Receptive fields against the gradients of the generated module."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.codegen.load import build_module
from ctcdsl.ir import Head, Shape, replace
from ctcdsl.metrics import network_cost
from tests.conftest import ROOT, load, one

SPECS = {
    "E": (360, 109),
    "J_prime": (480, 109),
    "modern/squeezenet1_0": (480, 40),
}
"""Specs, and a tall image that is enough for them."""


def trunk(network: Network, height: int, width: int) -> Network:
    """The network without its head, at another input."""
    bare = replace(
        network.architecture, head=Head(layers=()), input=Shape(3, height, width), maps=()
    )
    (found,) = infer_shapes(bare).networks
    return found


def depends(network: Network, row: int, column: int) -> tuple[int, int]:
    """Height and width of the pixels that the gradient of one output value reaches."""
    torch.manual_seed(0)
    module = build_module(network).double().eval()
    for parameter in module.parameters():
        fan_in = max(1, parameter[0].numel()) if parameter.dim() > 1 else 1
        nn.init.uniform_(parameter, 0.5 / fan_in, 1 / fan_in)
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MaxPool2d):  # whose gradient reaches the largest value alone
                kernel, stride, padding = child.kernel_size, child.stride, child.padding
                setattr(parent, name, nn.AvgPool2d(kernel, stride, padding, child.ceil_mode))
    image = torch.rand(1, *network.input, dtype=torch.float64, requires_grad=True)
    module(image)[0, :, row, column].sum().backward()
    assert image.grad is not None
    seen = image.grad[0].abs().sum(0) > 0
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


def counted(network: Network) -> tuple[int, int]:
    return network_cost(network).layers[-1].receptive_field


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("{ (5,8,p3)/3 | (5,8,p2)/3 }", (6, 6)),
        ("{ (5,8,p2)/3 | (5,8,p3)/3 | (1,4)/3 }", (6, 6)),
        ("(3,8)/2 { (5,8,p3)/3 | (5,8,p2)/3 } (3,8)", (25, 25)),
        ("{ (1x7,8) | (7x1,8) | (1,8) }", (7, 7)),
        ("{ (5,8,p2x1) | (5x3,8,p1x0) (3x1,4,p2x0) (1,4) } (1,4)", (7, 5)),
        ("{ (3,8,p2,d2) (2,4,p1) (2,4,p0) | max(4,p1)/1 max(2,p1)/1 }", None),
        ("{ max(4,p1)/2 | (2,8,p0)/2 } { (5,8) { (2,4,p1) (2,4,p0) | (3,4) } | id }", None),
        ("[ (3,8,p1)/2 (2,8,p1) (2,8,p0) ] [ (3,8) (3,8) | id ]x2", None),
        ("(3,8)/2 [ (5,16,d2) | (1,16) | (3,16) ]/2 avg(3)/2", None),
        ("(3,8) lrn(3,within) (3,8)", (7, 7)),
        ("(3,8,s2x1) (3,8,d1x3) max(2,s1x2) { (3,8,s2x1) | (5x3,4,s2x1) }", None),
        ("{ (5,8,p1)/2 (3,4,p1) | (4,8,p2)/2 (4,4,p1) }", None),
    ],
)
def test_of_rows(row: str, expected: tuple[int, int] | None) -> None:
    network = trunk(one(f"input 3x97x97 pad same\n{row} gap fc"), 97, 97)
    _, height, width = network.output
    assert counted(network) == depends(network, height // 2, width // 2)
    assert expected in (None, counted(network))


def test_positions_of_branches_of_other_strides_see_other_amounts() -> None:
    """Position i of one branch sees 2i-1 to 2i+1, of the other i to i+10: most at an end."""
    network = trunk(one("input 3x21x21\n{ (3,8,p1)/2 | (11,8,p0) } gap fc"), 21, 21)
    assert counted(network) == (12, 12)
    assert depends(network, 5, 5) == (11, 11)


@pytest.mark.parametrize(
    "row",
    [
        "(3,8)/2 up(2) (3,8)",
        "(3,8)/4 up(3) (3,8)/2",
        "(3,8)/2 up(2,bilinear) (3,8)",
        "(5,8)/3 up(3,bilinear) (3,8)/2",
        "(3,8) { id | 2/2 (3,8) { id | 2/2 (3,8) up(2) } (3,8) up(2,bilinear) } (3,8)",
        "(3,8)/2 (2,8,up2) (3,8)",
        "(3,8)/2 (3,8,up2) (3,8)",
        "(3,8)/2 (4x5,8,up2) (3,8)/2",
        "(3,8)/4 (3,8,up2) (2,8,up2) (5,8)",
        "(2,8,up2) (3,8)/3 (3,8,up2) (3,8)",
        "(3,8) { id | 2/2 (3,8) { id | 2/2 (3,8) (2,8,up2) } (3,8) (2,8,up2) } (3,8)",
        "(7,8)/4 { (2,8,up2) (3,8,up2) | (4,8,up2) (4,8,up2) (3,8) } 2/2 (3,8,up2)",
    ],
)
def test_positions_of_larger_maps_see_other_amounts(row: str) -> None:
    """Which positions see most follows from their remainders: all are tried."""
    network = trunk(one(f"input 3x96x72 pad same\n{row} gap fc"), 96, 72)
    _, height, width = network.output
    seen = [depends(network, height // 2 + k, width // 2 + k) for k in range(8)]
    assert counted(network) == (max(h for h, _ in seen), max(w for _, w in seen))


@pytest.mark.parametrize("spec", SPECS)
def test_of_specs(spec: str) -> None:
    tall = trunk(load(ROOT / "specs" / f"{spec}.ctc"), *SPECS[spec])
    assert counted(tall)[0] == depends(tall, tall.output.height // 2, 0)[0]


def test_a_gate_and_a_head_see_the_whole_map() -> None:
    layers = network_cost(one("input 3x9x9 pad valid\n(3,8) se(4) (3,8) gap fc")).layers
    assert [layer.receptive_field for layer in layers] == [(3, 3), (9, 9), (9, 9), (9, 9), (9, 9)]
