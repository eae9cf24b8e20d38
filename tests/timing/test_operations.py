"""Random operations, what computes them, and the order in which they are timed."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from ctcdsl.metrics.operation_time import kind_of
from ctcdsl.ops.graph import OpNode, Value
from ctcdsl.ops.shapes import Shape
from ctcdsl.timing import operations
from ctcdsl.timing.clock import clock_for
from ctcdsl.timing.operations import _groups, _ready, time_operations
from ctcdsl.timing.random_operations import random_operations

CPU = torch.device("cpu")


def test_the_same_seed_draws_the_same_operations() -> None:
    assert random_operations(3, 0.05) == random_operations(3, 0.05)
    assert random_operations(3, 0.05) != random_operations(4, 0.05)
    counts = Counter(map(kind_of, random_operations()))
    assert 1500 < counts.total() < 1900
    assert counts["convolution"] == max(counts.values()) and min(counts.values()) >= 4


def test_operations_are_no_larger_than_they_may_be() -> None:
    for node in random_operations():
        shapes = [value.shape for value in node.inputs] + [node.output.shape]
        assert all(min(shape) >= 1 for shape in shapes)
        assert max(shape.numel for shape in shapes) <= 8_500_000
        assert node.macs <= 900_000_000


@pytest.mark.parametrize("node", random_operations(7, 0.01), ids=kind_of)
def test_what_is_timed_computes_the_operation(node: OpNode) -> None:
    """Its output has the shape that the graph says, for every image."""
    with torch.inference_mode():
        output = _ready(node, 0, 2).run()
    assert isinstance(output, torch.Tensor)
    shape: Shape = node.output.shape
    expected = (2, shape.channels) if node.output.vector else (2, *shape)
    assert tuple(output.shape) == expected
    assert output.isfinite().all()


def test_groups_have_some_of_a_kind_together() -> None:
    cases = random_operations()
    groups = list(_groups(cases))
    assert sorted(number for group in groups for number in group) == list(range(len(cases)))
    assert max(map(len, groups)) < 1.3 * operations._GROUP
    for group in groups:
        for count in Counter(kind_of(cases[number]) for number in group).values():
            assert count >= 4


def test_times_come_in_the_order_of_the_operations() -> None:
    cases = random_operations(1, 0.01)[::9]
    times = time_operations(cases, 1, clock_for(CPU, 1), lambda _: None)
    assert [one.node for one in times] == cases
    assert all(one.hot > 0 and one.cold > 0 for one in times)


def test_inputs_are_maps_in_channels_last_memory() -> None:
    tensor = operations._tensor(Value(0, Shape(3, 4, 5)), 2)
    assert tensor.shape == (2, 3, 4, 5)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert operations._tensor(Value(0, Shape(7, 1, 1), vector=True), 2).shape == (2, 7)
