"""Times of single operations: with operands in caches, and with operands in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor

from ctcdsl.codegen.conv_class import op_call
from ctcdsl.codegen.load import build_operation
from ctcdsl.metrics.operation_time import kind_of
from ctcdsl.ops.graph import OpNode, Value
from ctcdsl.ops.operators import Add, Concat, Maximum, Multiply, Slice
from ctcdsl.text import InternalError
from ctcdsl.timing.clock import Clock
from ctcdsl.timing.modules import fill, fill_tensor, images

_CPU = torch.device("cpu")
_GROUP = 200
"""Operations that take turns: between two runs of one, all others' operands pass the caches."""
_CHUNK = 12
"""Operations of a kind that a group has at least, where there are so many."""
_RUNS = 4


class OperationTime(NamedTuple):
    """The seconds of an operation.

    `hot` again and again on the same operands; `cold` in turn with others: the processor has the
    code and has just touched the inputs, as in a network, but parameters have left the caches.
    """

    node: OpNode
    hot: float
    cold: float


class _Ready(NamedTuple):
    """An operation with its operands."""

    number: int
    kind: str
    run: Callable[[], object]
    inputs: list[Tensor]


def time_operations(
    nodes: Sequence[OpNode], batch: int, clock: Clock, progress: Callable[[str], None]
) -> list[OperationTime]:
    """The times of operations, in their order."""
    times: dict[int, OperationTime] = {}
    with torch.inference_mode():
        for group in _groups(nodes):
            progress(f"operations: {len(times):,} of {len(nodes):,}")
            ready = [_ready(nodes[number], number, batch) for number in group]
            hot = {one.number: _hot(one, clock) for one in ready}
            for number, cold in _cold(ready, clock).items():
                times[number] = OperationTime(nodes[number], hot[number], cold)
    return [times[number] for number in range(len(nodes))]


def _groups(nodes: Sequence[OpNode]) -> Iterator[list[int]]:
    """The numbers of operations in groups that have a dozen of a kind, or none."""
    kinds = list(map(kind_of, nodes))
    order = sorted(range(len(nodes)), key=kinds.__getitem__)
    count = max(1, -(-len(nodes) // _GROUP))
    groups: list[list[int]] = [[] for _ in range(count)]
    for _, numbers in groupby(order, key=kinds.__getitem__):
        same = list(numbers)
        parts = max(1, min(count, len(same) // _CHUNK))
        for start in range(parts):
            min(groups, key=len).extend(same[start::parts])
    yield from filter(None, groups)


def _hot(one: _Ready, clock: Clock) -> float:
    one.run()
    one.run()
    return median(clock.time(one.run)[0] for _ in range(_RUNS))


def _cold(group: Sequence[_Ready], clock: Clock) -> dict[int, float]:
    """The median of some rounds; what is first of its kind runs once more before, for its code."""
    times: dict[int, list[float]] = {one.number: [] for one in group}
    ordered = sorted(group, key=lambda one: one.kind)
    for _ in range(_RUNS):
        for _, same in groupby(ordered, key=lambda one: one.kind):
            ones = list(same)
            ones[-1].run()
            for one in ones:
                for tensor in one.inputs:
                    tensor.mul_(1.0)
                times[one.number].append(clock.time(one.run)[0])
    return {number: median(seconds) for number, seconds in times.items()}


def _ready(node: OpNode, number: int, batch: int) -> _Ready:
    inputs = [_tensor(value, batch) for value in node.inputs]
    function = _function(node)
    return _Ready(number, kind_of(node), lambda: function(*inputs), inputs)


def _function(node: OpNode) -> Callable[..., object]:
    """What computes the operation in a generated module."""
    if node.op.module:
        with torch.device("meta"):
            module = build_operation(op_call(node))
        return fill(module, _CPU).eval()
    match node.op:
        case Add():
            return Tensor.add_ if node.in_place else torch.add
        case Multiply():
            return torch.mul
        case Maximum():
            return torch.maximum
        case Concat():
            return lambda *maps: torch.cat(maps, dim=1)
        case Slice(start=start, length=length):
            return lambda x: x[:, start : start + length]
    raise InternalError(f"nothing computes {node.op}")


def _tensor(value: Value, batch: int) -> Tensor:
    if not value.vector:
        return images(batch, value.shape, _CPU)
    features = torch.empty(batch, value.shape.channels)
    fill_tensor(features)
    return features
