"""Receptive fields: the pixels of the input that one value of a map depends on.

The pixels seen by position i of a map reach, along one side, from the least of some lines
`offset + step * i` to the greatest of others. Layers in a row keep one line each; branches that
meet may start at other pixels or have other strides, so the lines of all of them are kept.
Up-sampling makes steps of parts of a position: `offset + step * floor((a * i + r) / g)`, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import gcd
from typing import NamedTuple

from ctcdsl.ops.graph import OpGraph
from ctcdsl.ops.op import POINT, Op
from ctcdsl.ops.shapes import Shape

Floor = tuple[int, int, int]
"""a, r, g of floor((a i + r) / g)."""
Line = tuple[int, tuple[Floor, ...]]
"""The step of a line in j, and what makes j of position i: nothing, or after up-sampling floors."""
Lines = dict[Line, int]
"""Offset by line: of those that differ in nothing else only the outermost matters."""

_IDENTITY: Line = (1, ())


class Side(NamedTuple):
    """Height or width: the lines that bound what a position sees, below and above."""

    first: Lines
    last: Lines

    def window(self, size: int, stride: int, padding: int, growth: int = 1) -> Side:
        """What a window sees: `Window` says where it begins and ends in this."""
        if growth == 1 and not any(chain for _, chain in (*self.first, *self.last)):
            return Side(
                {(k * stride, ()): b - k * padding for (k, _), b in self.first.items()},
                {(k * stride, ()): b + k * (size - 1 - padding) for (k, _), b in self.last.items()},
            )
        return Side(
            _floored(min, self.first, (stride, -padding, growth)),
            _floored(max, self.last, (stride, size - 1 - padding, growth)),
        )

    def everything(self, length: int) -> Side:
        """What a value sees that depends on all `length` positions."""
        return Side({(0, ()): self._first(0)}, {(0, ()): self._last(length - 1)})

    def extent(self, length: int) -> int:
        """The most that any of `length` positions sees.

        Without floors a sum of convex parts ends largest.
        """
        rounded = any(chain for _, chain in (*self.first, *self.last))
        places = range(length) if rounded else (0, length - 1)
        return max(self._last(at) - self._first(at) + 1 for at in places)

    def _first(self, at: int) -> int:
        return min(b + k * _position(chain, at) for (k, chain), b in self.first.items())

    def _last(self, at: int) -> int:
        return max(b + k * _position(chain, at) for (k, chain), b in self.last.items())


def _position(chain: tuple[Floor, ...], at: int) -> int:
    for a, r, g in reversed(chain):
        at = (a * at + r) // g
    return at


def _floored(pick: Callable[[int, int], int], lines: Lines, step: Floor) -> Lines:
    """Lines in positions that a step makes of others, each with its floors put together."""
    result: Lines = {}
    for (k, chain), b in lines.items():
        a, r, g = step
        rest = list(chain)
        while True:
            d = gcd(a, g)
            a, r, g = a // d, r // d, g // d  # floors of floors by whole numbers are one
            if not rest:
                break
            outer_a, outer_r, outer_g = rest[-1]
            if g == 1:
                a, r, g = outer_a * a, outer_r + outer_a * r, outer_g
            elif outer_a == 1:
                a, r, g = a, r + outer_r * g, outer_g * g
            else:
                break
            rest.pop()
        offset = b
        line: Line
        if g == 1 and not rest:
            line, offset = (k * a, ()), b + k * r
        else:
            line = (k, (*rest, (a, r, g)))
        result[line] = pick(result.get(line, offset), offset)
    return result


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
            height, width = (
                side.window(size, stride, padding, window.growth)
                for side, size, stride, padding in sizes
            )
        return Field(height, width)

    def size(self, map: Shape) -> tuple[int, int]:
        """Height and width of the largest field of a position of a map."""
        return self.height.extent(map.height), self.width.extent(map.width)


_PIXEL = Side({_IDENTITY: 0}, {_IDENTITY: 0})
IMAGE = Field(_PIXEL, _PIXEL)
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
        for line, offset in one.items():
            outermost[line] = pick(outermost.get(line, offset), offset)
    return outermost
