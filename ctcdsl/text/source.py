"""Texts and places in them: what every diagnostic points at."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple


class Source:
    r"""A named text: a spec file or ``<stdin>``. Its line ends all become ``\n``."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text.replace("\r\n", "\n").replace("\r", "\n")

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines, without their line breaks."""
        return tuple(self.text.split("\n"))

    @cached_property
    def _line_starts(self) -> tuple[int, ...]:
        starts = [0]
        for line in self.lines[:-1]:
            starts.append(starts[-1] + len(line) + 1)
        return tuple(starts)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line_offset(self, line: int) -> int:
        """The offset at which a line, counted from 1, begins."""
        return self._line_starts[line - 1]


class Span(NamedTuple):
    """The characters `start` up to `end` (exclusive) of a source."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.source.text[self.start : self.end]

    def merge(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return self._replace(end=other.end)


class Expansion(NamedTuple):
    """A `def` with the values of its parameters and the `channels` that enter it."""

    name: str
    arguments: tuple[tuple[str, float], ...]
    channels: int


class Origin(NamedTuple):
    """Where a layer or a block comes from.

    `span` is its own text, in the body of a `def` for a layer of one. `item` is the item of the
    network's line that gave it, with its postfixes; None where no line did: the paper's head.
    `calls` are the calls of `def`s that lead from that item to `span`, the outermost first, and
    `expansions` what was called; none where an argument or the channels are not known.
    """

    span: Span
    item: Span | None = None
    calls: tuple[Span, ...] = ()
    expansions: tuple[Expansion, ...] = ()

    @property
    def text(self) -> str:
        """The layer's own text."""
        return self.span.text
