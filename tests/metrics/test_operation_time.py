"""What the time of an operation follows from: kinds, counts, proportions, laws."""

from __future__ import annotations

from math import exp, log2, sqrt
from pathlib import Path

import pytest

from ctcdsl.lowering import lower
from ctcdsl.metrics.operation_time import (
    Law,
    counts_of,
    kind_of,
    matern,
    parameters_of,
    proportions_of,
)
from ctcdsl.ops.convolution import Conv2d
from ctcdsl.ops.shapes import Shape
from ctcdsl.timing.random_operations import operation, random_operations
from tests.conftest import SAMPLE, load


def conv(inputs: int, outputs: int, kernel: int = 3, **options: object) -> Conv2d:
    fields = {"padding": (kernel // 2,) * 2, **options}
    return Conv2d(
        in_channels=inputs,
        out_channels=outputs,
        kernel=(kernel, kernel),
        **fields,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("op", "shape", "kind"),
    [
        (conv(16, 32), Shape(16, 8, 8), "convolution"),
        (conv(16, 32, stride=(2, 2)), Shape(16, 8, 8), "convolution"),
        (conv(16, 32, 1), Shape(16, 8, 8), "1x1 convolution"),
        (conv(16, 32, 1, stride=(2, 2)), Shape(16, 8, 8), "strided 1x1 convolution"),
        (conv(16, 32, 1), Shape(16, 1, 1), "1x1 convolution of a vector"),
        (conv(16, 32, groups=4), Shape(16, 8, 8), "grouped convolution"),
        (conv(16, 16, groups=16), Shape(16, 8, 8), "depthwise convolution"),
        (conv(16, 16, 1, groups=16), Shape(16, 8, 8), "depthwise 1x1 convolution"),
        (conv(16, 32, groups=16), Shape(16, 8, 8), "grouped convolution"),
    ],
)
def test_convolutions_are_told_apart_as_libraries_compute_them(
    op: Conv2d, shape: Shape, kind: str
) -> None:
    assert kind_of(operation(op, shape)) == kind


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.stem)
def test_a_table_has_every_kind_of_operation_that_networks_have(path: Path) -> None:
    known = set(map(kind_of, random_operations(share=0.01)))
    kinds = {
        kind_of(node) for node in lower(load(path)).nodes if type(node.op).__name__ != "Identity"
    }
    assert kinds <= known


def test_operations_of_a_kind_have_the_same_proportions() -> None:
    sizes: dict[str, set[int]] = {}
    for node in random_operations(share=0.1):
        sizes.setdefault(kind_of(node), set()).add(len(proportions_of(node, 8)))
    assert all(len(each) == 1 for each in sizes.values())


def test_counts_are_those_of_a_batch_and_of_filled_blocks_of_channels() -> None:
    node = operation(conv(16, 24), Shape(16, 10, 10))
    assert parameters_of(node) == 16 * 24 * 9 + 24
    one, work, inputs, outputs, parameters = counts_of(node, 8)
    assert one == 1
    assert work == pytest.approx(8 * 32 * 16 * 9 * 100 / 1e6)  # as 32 channels take
    assert (inputs, outputs) == pytest.approx((8 * 1600 / 1e6, 8 * 2400 / 1e6))
    assert parameters == pytest.approx(parameters_of(node) / 1e6)
    grouped = operation(conv(16, 24, groups=8), Shape(16, 10, 10))
    assert counts_of(grouped, 1)[1] == pytest.approx(grouped.macs / 1e6)


def test_a_law_corrects_its_counts_near_what_was_measured() -> None:
    law = Law(
        hot=(1e-6, 1e-3, 0, 0, 0),
        cold=(2e-6, 1e-3, 0, 0, 0),
        scales=(2.0, 1.0),
        points=((1.0, 0.0),),
        hot_weights=(0.5,),
        cold_weights=(-0.5,),
        lowest=(1.0, 0.0),
        highest=(5.0, 0.0),
    )
    counts = (1.0, 2.0, 3.0, 4.0, 5.0)
    hot, cold = law.seconds(counts, (2.0, 0.0))  # at the point
    assert hot == pytest.approx((1e-6 + 2e-3) * exp(0.5))
    assert cold == pytest.approx((2e-6 + 2e-3) * exp(-0.5))
    hot, _ = law.seconds(counts, (4.0, 0.0))  # a length scale away
    near = (1 + sqrt(3)) * exp(-sqrt(3))
    assert matern(1.0) == near
    assert hot == pytest.approx((1e-6 + 2e-3) * exp(0.5 * near))
    assert law.covers((5.0, 0.0)) and not law.covers((5.1, 0.0)) and not law.covers((5.0, 1.0))


def test_proportions_are_logarithms_and_flags() -> None:
    node = operation(conv(48, 64, stride=(2, 2)), Shape(48, 28, 28))
    assert proportions_of(node, 8) == (
        *(log2(48), log2(64), log2(9), log2(14 * 14), 1.0, 0.0),
        *(4.0, 6.0, 0.0, 0.0),  # 16 divides 48 and 64 divides 64; oneDNN's, not dilated
    )
    small = operation(conv(16, 16), Shape(16, 8, 8))
    assert proportions_of(small, 1)[8] == 1.0 and proportions_of(small, 8)[8] == 0.0
