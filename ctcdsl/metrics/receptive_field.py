"""Receptive fields: the pixels of the input that one value of a map depends on.

The pixels seen by position i of a map reach, along one side, from the least of some lines
`offset + step * i` to the greatest of others. Layers in a row keep one line each; branches that
meet may start at other pixels or have other strides, so the lines of all of them are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ctcdsl.ops.graph import OpGraph
from ctcdsl.ops.op import POINT, Op
from ctcdsl.ops.shapes import Shape

Lines = dict[int, int]
"""Offset by step: of the lines with one step only the outermost matters."""


class Side(NamedTuple):
    """Height or width: the lines that bound what a position sees, below and above."""

    first: Lines
    last: Lines

    def window(self, size: int, stride: int, padding: int) -> Side:
        """What a window sees whose position i begins at position stride*i - padding of this."""
        return Side(
            {k * stride: b - k * padding for k, b in self.first.items()},
            {k * stride: b + k * (size - 1 - padding) for k, b in self.last.items()},
        )

    def everything(self, length: int) -> Side:
        """What a value sees that depends on all `length` positions."""
        return Side({0: self._first(0)}, {0: self._last(length - 1)})

    def extent(self, length: int) -> int:
        """The most that any of `length` positions sees: a sum of convex parts ends largest."""
        return max(self._last(at) - self._first(at) + 1 for at in (0, length - 1))

    def _first(self, at: int) -> int:
        return min(b + k * at for k, b in self.first.items())

    def _last(self, at: int) -> int:
        return max(b + k * at for k, b in self.last.items())


class Field(NamedTuple):
    """What the positions of a map see, in pixels of the input, borders left out of account."""

    height: Side
    width: Side

    def through(self, op: Op, input: Shape) -> Field:
        """The field after an operation that sees this one on a map of shape `input`."""
        window = op.window()
        if window is None:
            lengths = input[1:]
            height, width = (side.everything(n) for side, n in zip(self, lengths, strict=True))
        elif window == POINT:
            return self
        else:
            sizes = zip(self, window.size, window.stride, window.padding, strict=True)
            height, width = (side.window(*numbers) for side, *numbers in sizes)
        return Field(height, width)

    def size(self, map: Shape) -> tuple[int, int]:
        """Height and width of the largest field of a position of a map."""
        return self.height.extent(map.height), self.width.extent(map.width)


IMAGE = Field(Side({1: 0}, {1: 0}), Side({1: 0}, {1: 0}))
"""A pixel of the input sees itself."""


def receptive_fields(graph: OpGraph) -> dict[int, Field]:
    """The field of each value of a graph, by its number."""
    fields = {graph.input.number: IMAGE}
    for node in graph.nodes:
        inputs = [fields[value.number] for value in node.inputs]
        field = union(inputs) if len(inputs) > 1 else inputs[0]
        fields[node.output.number] = field.through(node.op, node.inputs[0].shape)
    return fields


def union(fields: Iterable[Field]) -> Field:
    """What positions see that depend on those of all `fields`."""
    height, width = (
        Side(
            _outermost(min, [side.first for side in sides]),
            _outermost(max, [side.last for side in sides]),
        )
        for sides in zip(*fields, strict=True)
    )
    return Field(height, width)


def _outermost(pick: Callable[[int, int], int], lines: Iterable[Lines]) -> Lines:
    outermost: Lines = {}
    for one in lines:
        for step, offset in one.items():
            outermost[step] = pick(outermost.get(step, offset), offset)
    return outermost
