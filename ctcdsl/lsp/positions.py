"""Offsets in a text, and the positions that the Language Server Protocol speaks of.

A position is a line and a character, both from 0; characters are counted in the code units
that client and server agreed on, those of UTF-16 unless both know others.
"""

from __future__ import annotations

from typing import NamedTuple

from ctcdsl.text import Source, Span

UTF16 = "utf-16"


class Position(NamedTuple):
    """A place between two characters."""

    line: int
    character: int


class Range(NamedTuple):
    """The characters between two places."""

    start: Position
    end: Position


class Positions:
    """Translates for one text; places beyond a line's or the text's end mean that end."""

    def __init__(self, source: Source, encoding: str = UTF16) -> None:
        self._source = source
        self._encoding = encoding

    def position(self, offset: int) -> Position:
        """The position of an offset."""
        line, column = self._source.position(min(offset, len(self._source.text)))
        text = self._source.lines[line - 1]
        return Position(line - 1, self._units(text[: column - 1]))

    def range(self, span: Span) -> Range:
        """The range of a span."""
        return Range(self.position(span.start), self.position(span.end))

    def offset(self, position: Position) -> int:
        """The offset of a position; inside a character it is that character's."""
        lines = self._source.lines
        if position.line >= len(lines):
            return len(self._source.text)
        start = self._source.line_offset(position.line + 1)
        units = 0
        for at, character in enumerate(lines[position.line]):
            units += self._units(character)
            if units > position.character:
                return start + at
        return start + len(lines[position.line])

    def _units(self, text: str) -> int:
        if self._encoding == "utf-32":
            return len(text)
        if self._encoding == "utf-8":
            return sum(1 + (c > "\x7f") + (c > "\u07ff") + (c > "\uffff") for c in text)
        return sum(1 + (c > "\uffff") for c in text)
