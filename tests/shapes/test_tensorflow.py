"""`pad tf` against TensorFlow's formula, computed in float64."""

from __future__ import annotations

from math import ceil, inf

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.ir import Conv, Pool
from ctcdsl.shapes.resize import bound_to_size
from tests.conftest import check, one


def padded(x: Tensor, layer: Conv | Pool, value: float) -> Tensor:
    """The map with the pixels around it that TensorFlow's `same` adds."""
    pads: list[int] = []
    for side in (1, 0):  # the last dimension first
        size, stride, extent = x.shape[2 + side], layer.stride[side], layer.extent[side]
        total = max((ceil(size / stride) - 1) * stride + extent - size, 0)
        pads += [total // 2, total - total // 2]
    return functional.pad(x, pads, value=value)


def reference(network: Network, weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """What the trunk of a network of plain rows computes, padded by the formula."""
    names = iter(weights)
    for node in network.nodes:
        layer = node.layer
        if isinstance(layer, Conv):
            weight, bias = weights[next(names)], weights[next(names)]
            x = functional.conv2d(
                padded(x, layer, 0.0), weight, bias, layer.stride, 0, layer.dilation, layer.groups
            ).relu()
        elif isinstance(layer, Pool) and layer.reduction == "max":
            x = functional.max_pool2d(padded(x, layer, -inf), layer.kernel, layer.stride)
        elif isinstance(layer, Pool):
            sums, count = (
                functional.avg_pool2d(padded(of, layer, 0.0), layer.kernel, layer.stride)
                for of in (x, torch.ones_like(x))
            )
            x = sums / count
    return x


windows = st.one_of(
    st.builds(
        "({},4{}{})".format,
        st.sampled_from(["1", "2", "3", "4", "5", "2x5", "7"]),
        st.sampled_from(["", ",d2", ",d1x3"]),
        st.sampled_from(["", ",s2", ",s3", ",s1x2", ",s4x1"]),
    ),
    st.builds(
        "{}({},{})".format,
        st.sampled_from(["max", "avg"]),
        st.sampled_from(["2", "3", "4", "1x3"]),
        st.sampled_from(["s2", "s3", "s2x4", "s5x3"]),
    ),
    st.builds(
        "{}({}){}".format,
        st.sampled_from(["max", "avg"]),
        st.sampled_from(["3", "5x1"]),
        st.just("/1"),
    ),
)


@settings(max_examples=60)
@given(
    row=st.lists(windows, min_size=1, max_size=4),
    height=st.integers(1, 30),
    width=st.integers(1, 30),
)
def test_maps_and_values_are_tensorflow_s(row: list[str], height: int, width: int) -> None:
    network = one(f"input 2x{height}x{width} pad tf\n{' '.join(row)} (1,3)\nhead: none")
    for node in network.nodes:
        assert isinstance(node.layer, Conv | Pool)
        for before, after, stride in zip(
            node.input[1:], node.output[1:], node.layer.stride, strict=True
        ):
            assert after == ceil(before / stride)
    module = build_module(network).double().eval()
    x = torch.randn(1, *network.input, dtype=torch.float64)
    with torch.no_grad():
        expected = reference(network, dict(module.named_parameters()), x)
        assert torch.allclose(module(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "padding", "far"),
    [
        ("(3,4)/2", (0, 0), (1, 1)),
        ("(3,4)", (1, 1), (0, 0)),
        ("(4,4)", (1, 1), (1, 1)),
        ("(5,4)/2", (1, 1), (1, 1)),
        ("(7,4,s2x1)", (2, 3), (1, 0)),
        ("(1,4)/2", (0, 0), (0, 0)),
        ("(3,4,p1)/2", (1, 1), (0, 0)),
        ("max(3)/2", (0, 0), (1, 1)),
        ("2/2", (0, 0), (0, 0)),
    ],
)
def test_the_odd_pixel_is_below_and_on_the_right(
    layer: str, padding: tuple[int, int], far: tuple[int, int]
) -> None:
    node = one(f"input 3x16x16 pad tf\n{layer} (1,4) gap fc").nodes[0]
    assert (node.padding, node.far) == (padding, far)


def test_a_module_is_bound_to_its_size_where_a_stride_meets_a_padding() -> None:
    free = one("input 3x16x16 pad tf\n(3,4) (4,4) { (1,4)/2 | 1/2 } gap fc")
    assert bound_to_size(free) == ()
    bound = one("input 3x16x16 pad tf\n(3,4) [ (3,4)/2 ] { (1,4) | (2,4) } gap fc")
    assert [node.name for node in bound_to_size(bound)] == ["stage1.block1"]


def test_maps_are_checked_as_they_are_padded() -> None:
    row = "(3,4)/2 3/2 (3,4)/2 (2,4)\nhead: none"
    assert check(f"input 3x17x17 pad tf maps 3\n{row}").ok
    assert not check(f"input 3x17x17 pad tf maps 7\n{row}").ok
