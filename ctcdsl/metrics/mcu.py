"""Memory of int8 inference on a microcontroller, one image at a time: `mcu_memory(network)`.

A value is a byte. An operation holds its inputs, its output and what waits for later ones, such as
a shortcut. Batch norms are folded; what works on each value by itself is in place where nothing
else needs its input; so is a depthwise convolution, beside one channel of its output, which it
computes channel by channel (Lin et al. 2021, MCUNetV2). Weights stay in flash and are counted
apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.ir.network import flat
from ctcdsl.layers.lrn import LocalResponseNormOp
from ctcdsl.layers.shuffle import ChannelShuffle
from ctcdsl.lowering import lower
from ctcdsl.ops.convolution import Conv2d
from ctcdsl.ops.graph import OpGraph, OpNode, Value
from ctcdsl.ops.norm import BatchNorm, NormOp
from ctcdsl.ops.op import PointOp
from ctcdsl.ops.operators import Concat, Flatten, Identity, Slice
from ctcdsl.ops.record import Record

ALIGNMENT = 16
"""Bytes that the address of a buffer is a multiple of, in the arena."""
BIAS_BYTES = 4


class Buffer(NamedTuple):
    """Bytes that are in use from one operation to another, both included."""

    size: int
    first: int
    last: int


class McuMemory(Record):
    """The memory of int8 inference, in bytes.

    `peak` is the most that is in use at a time, in `layer`, inside of `block`, a layer or block of
    the network's chain. `arena` is what one piece of memory takes that holds all buffers at fixed
    addresses, as a greedy planner lays them out; `weights` what the flash holds.
    """

    network: Network
    weights: int
    _in_use: tuple[int, ...]
    _names: tuple[str, ...]
    _buffers: tuple[Buffer, ...]

    @property
    def peak(self) -> int:
        """The most bytes in use at a time."""
        return max(self._in_use)

    @property
    def layer(self) -> str:
        """Where the most is in use."""
        return self._names[self._in_use.index(self.peak)]

    @property
    def block(self) -> str:
        """What of the network's chain has that layer."""
        return max(self.blocks, key=lambda name: self.blocks[name])

    @property
    def arena(self) -> int:
        """The bytes of an arena for all buffers."""
        return greedy_arena(self._buffers)

    @property
    def layers(self) -> dict[str, int]:
        """The most in use in each layer that computes something, by its name."""
        most: dict[str, int] = {}
        for name, size in zip(self._names, self._in_use, strict=True):
            most[name] = max(most.get(name, 0), size)
        return most

    @property
    def blocks(self) -> dict[str, int]:
        """The same of each layer and block of the network's chain."""
        layers = self.layers
        return {
            node.name: max(layers.get(inside.name, 0) for inside in flat((node,)))
            for node in self.network.nodes
        }

    def __repr__(self) -> str:
        return (
            f"<McuMemory of {self.network.name}: {format_kib(self.peak)} in {self.layer},"
            f" an arena of {format_kib(self.arena)}, {format_kib(self.weights)} of weights>"
        )


def mcu_memory(network: Network, graph: OpGraph | None = None) -> McuMemory:
    """The memory of int8 inference of one image; `graph` is the network's where there is one."""
    graph = graph or lower(network)
    buffers, _ = _buffers(graph)
    return McuMemory(
        network=network,
        weights=_flash(graph),
        _in_use=_in_use(graph, buffers),
        _names=tuple(node.layer for node in graph.nodes),
        _buffers=buffers,
    )


class PartMemory(NamedTuple):
    """The memory of some operations of a network: the most bytes in use while they run.

    `buffer` has the bytes of the one that their output is in; `in_input` says whether it is that
    of their input.
    """

    peak: int
    buffer: int
    in_input: bool


def part_memory(graph: OpGraph, entering: int, *, kept: bool) -> PartMemory:
    """The memory of a part of a network.

    Args:
        graph: Its operations.
        entering: The bytes of the buffer that its input is in.
        kept: Whether others read that buffer later.
    """
    buffers, home = _buffers(graph, entering, kept=kept)
    return PartMemory(max(_in_use(graph, buffers)), buffers[home].size, home == 0)


def _in_use(graph: OpGraph, buffers: Sequence[Buffer]) -> tuple[int, ...]:
    """The bytes in use while each operation runs."""
    in_use = [0] * len(graph.nodes)
    for size, first, last in buffers:
        for at in range(first, min(last + 1, len(in_use))):
            in_use[at] += size
    return tuple(in_use)


def _buffers(
    graph: OpGraph, entering: int | None = None, *, kept: bool = False
) -> tuple[tuple[Buffer, ...], int]:
    """The buffers of a graph, with those that operations need while they run.

    The input's is the first, `entering` bytes large where that is given, and stays where it is
    `kept`. Also the number of the one that the output is in.
    """
    last_use = {graph.output.number: len(graph.nodes) - 1}
    for at, node in enumerate(graph.nodes):
        for value in node.inputs:
            last_use[value.number] = max(last_use.get(value.number, 0), at)
    home: dict[int, int] = {graph.input.number: 0}
    sizes, first = [entering or graph.input.shape.numel], [0]
    last = [len(graph.nodes) if kept else last_use[graph.input.number]]
    brief: list[Buffer] = []
    for at, node in enumerate(graph.nodes):
        size, number = node.output.shape.numel, node.output.number
        until = last_use.get(number, at)
        shared = _shared(node, at, home, last)
        if shared is None:
            home[number] = len(sizes)
            sizes.append(size)
            first.append(at)
            last.append(until)
            continue
        home[number] = shared
        last[shared] = max(last[shared], until)
        if _is_depthwise(node):
            brief.append(Buffer(size // node.output.shape.channels, at, at))
    return (*map(Buffer, sizes, first, last), *brief), home[graph.output.number]


def _shared(node: OpNode, at: int, home: dict[int, int], last: Sequence[int]) -> int | None:
    """The buffer of an input that the output is in; None where it has its own."""
    if isinstance(node.op, Slice | Flatten | Identity):
        return home[node.inputs[0].number]
    if not _works_in_place(node):
        return None
    free = (home[x.number] for x in node.inputs if _fits(x, node.output))
    return next((buffer for buffer in free if last[buffer] <= at), None)


def _fits(x: Value, output: Value) -> bool:
    return x.shape.numel >= output.shape.numel


def _works_in_place(node: OpNode) -> bool:
    if isinstance(node.op, Concat | ChannelShuffle | LocalResponseNormOp):
        return False
    return isinstance(node.op, PointOp | NormOp) or _is_depthwise(node)


def _is_depthwise(node: OpNode) -> bool:
    op = node.op
    return isinstance(op, Conv2d) and op.groups == op.in_channels == op.out_channels > 1


def _flash(graph: OpGraph) -> int:
    """The bytes of weights: a byte each, four of a bias; of a folded norm the bias stays."""
    total = 0
    made = {node.output.number: node.op for node in graph.nodes}
    for node in graph.nodes:
        before = made.get(node.inputs[0].number)
        if isinstance(node.op, BatchNorm) and isinstance(before, Conv2d):  # folded
            total += 0 if before.bias else BIAS_BYTES * node.output.shape.channels
            continue
        for spec in node.op.tensors():
            if spec.trained:
                total += prod(spec.shape) * (BIAS_BYTES if spec.role == "bias" else 1)
    return total


def greedy_arena(buffers: Sequence[Buffer]) -> int:
    """The bytes of an arena: the largest buffer first, each in the lowest gap that holds it.

    As TensorFlow Lite for Microcontrollers plans it, addresses multiples of 16.
    """
    placed: list[tuple[int, int, Buffer]] = []
    for buffer in sorted(buffers, key=lambda buffer: -buffer.size):
        start = 0
        size = -(-buffer.size // ALIGNMENT) * ALIGNMENT
        for begin, end, other in sorted(placed):
            if other.first > buffer.last or other.last < buffer.first:
                continue
            if begin - start >= size:
                break
            start = max(start, end)
        placed.append((start, start + size, buffer))
    return max((end for _, end, _ in placed), default=0)


def format_kib(count: int) -> str:
    """A number of bytes as microcontrollers have them: `1,372.0 KiB`."""
    return f"{count / 1024:,.1f} KiB"
