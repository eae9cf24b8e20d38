"""Stages side by side, as the columns of a page: rows of them, and the line through all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ctcdsl.drawing.boxes import SMALL, Drawn, pill
from ctcdsl.drawing.svg import Line, Part, Text, moved
from ctcdsl.drawing.text import text_width

GUTTER = 34.0
_BAND = 36.0  # above a column, for the map between
_CORRIDOR = 24.0  # below a row


class Column(NamedTuple):
    """A stage, and its input."""

    drawn: Drawn
    input: str


class Page(NamedTuple):
    """Columns in their places."""

    parts: tuple[Part, ...]
    width: float
    height: float


def page(columns: Sequence[Column], begins: str, ends: str, room: float) -> Page:
    """Place columns in rows of at most `room` pixels, and lead the line through them.

    Args:
        columns: From first to last.
        begins: What is written above the first.
        ends: What is written below the last.
        room: The width of a page; one column may be wider.
    """
    first, last = pill(begins), pill(ends)
    reaches = _reaches(columns, first, last)
    lengths = [column.drawn.size.length for column in columns]
    rows = _rows(list(zip(map(sum, reaches), lengths, strict=True)), room)
    one_column = all(len(row) == 1 for row in rows)
    parts: list[Part] = []
    y = width = 0.0
    before = (0.0, 0.0)  # where the line is: at the bottom of the column before
    bottom = 0.0
    for row in rows:
        x = max(left for left, _ in reaches) - reaches[row[0]][0] if one_column else 0.0
        top = y + _BAND
        for k in row:
            (left, right), drawn = reaches[k], columns[k].drawn
            line = x + left
            if k == 0:
                parts += moved(first.parts, line, y)
                parts.append(Line(((line, y + first.size.length), (line, top))))
            else:
                parts.append(Line(_route(before, (line, top), x, y, new_row=k == row[0])))
                text = columns[k].input
                parts.append(Text(line + 5, top - 6, text, SMALL, "faint"))
            parts += moved(drawn.parts, line, top)
            before = (line, top + drawn.size.length)
            bottom = max(bottom, before[1])
            if k == len(columns) - 1:
                parts.append(Line((before, (before[0], before[1] + 16)), tip=True))
                parts += moved(last.parts, before[0], before[1] + 16)
                bottom = max(bottom, before[1] + 16 + last.size.length)
            x += left + right + GUTTER
            width = max(width, x - GUTTER)
        y = bottom + (0.0 if one_column else _CORRIDOR)
    return Page(tuple(parts), width, bottom)


def _reaches(columns: Sequence[Column], first: Drawn, last: Drawn) -> list[tuple[float, float]]:
    """How far each column, with what is above and below it, reaches beside its line."""
    reaches = []
    for k, column in enumerate(columns):
        left, right, _ = column.drawn.size
        if k == 0:
            left, right = max(left, first.size.left), max(right, first.size.right)
        else:
            right = max(right, text_width(column.input, SMALL) + 8)
        if k == len(columns) - 1:
            left, right = max(left, last.size.left), max(right, last.size.right)
        reaches.append((left, right))
    return reaches


def _route(
    start: tuple[float, float], end: tuple[float, float], left: float, top: float, *, new_row: bool
) -> tuple[tuple[float, float], ...]:
    """From the bottom of a column to the top of the next, beside it or in the next row."""
    if start[0] == end[0]:
        return (start, end)
    if new_row:
        return (start, (start[0], top - 2), (end[0], top - 2), end)
    gutter = left - GUTTER / 2
    low = start[1] + 10
    return (start, (start[0], low), (gutter, low), (gutter, top + 8), (end[0], top + 8), end)


def _rows(sizes: Sequence[tuple[float, float]], room: float) -> list[range]:
    """As few rows of columns (width, height) as there is room for; the lowest, then narrowest."""
    best = [(0, 0.0, 0.0, 0)]  # for the first k: rows, height, width, where the last row begins
    for end in range(1, len(sizes) + 1):
        choices = []
        width = -GUTTER
        for begin in range(end - 1, -1, -1):
            width += sizes[begin][0] + GUTTER
            if width > room and begin < end - 1:
                break
            height = max(high for _, high in sizes[begin:end]) + _BAND + _CORRIDOR
            rows, above, widest, _ = best[begin]
            choices.append((rows + 1, above + height, max(widest, width), begin))
        best.append(min(choices))
    ranges: list[range] = []
    end = len(sizes)
    while end:
        begin = best[end][3]
        ranges.append(range(begin, end))
        end = begin
    return ranges[::-1]
