"""Memory over time: what a training step holds, kernel after kernel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ctcdsl.drawing.axes import SMALL, Scale, number, scale, vertical, widest
from ctcdsl.drawing.svg import Area, Line, Part, Picture, Rect, Text
from ctcdsl.drawing.text import shorten, text_width
from ctcdsl.metrics.memory import Instant, Memory, format_bytes

_SHARES = (("weights and optimizer", "grey"), ("gradients of weights", "ochre"), ("maps", "blue"))
"""What is below each other, from the axis up, with its colour."""
_OPACITY = 0.55


def timeline_picture(memory: Memory, *, width: int, most: int) -> Picture:
    """The picture, `width` pixels wide; the scale has room for `most` bytes."""
    instants = memory.timeline
    height = min(250.0, 0.5 * width + 40)
    bottom = height - 22
    along = scale([most], bottom, 34.0, most=6, zero=True)
    left = widest([number(tick) for tick in along.ticks]) + 22
    across = Scale(0, len(instants), left, width - 26.0, False, ())
    training = memory.training
    place = f"{training.layer}, {training.phase}" if training.layer else str(training.phase)
    peak = f"peak {format_bytes(training.peak)}: {place}"
    at = across(_peak(instants) + 0.5)
    parts: list[Part] = [
        *vertical(across, along, number),
        Text(left - 7, 18, "bytes", SMALL, "soft"),
        *_areas(instants, across, along),
        Line(((at, along(training.peak)), (at, bottom)), "red dashed"),
        Rect(at - 4, along(training.peak) - 4, 8, 8, "red", radius=4, note=peak),
        *_phases(instants, across, along),
    ]
    words = shorten(peak, SMALL, width - 26 - left - 60)
    parts.append(Text(width - 26.0, 18, words, SMALL, "red", "end"))
    legend, below = _legend(left, height + 14, width - 20)
    return Picture(
        width=width,
        height=below,
        title=f"Memory of a training step of {memory.network.name}",
        description=f"The bytes that are alive while a step for {memory.batch} images runs, from"
        f" the first layer forward to the first layer backward; {peak}.",
        parts=(*parts, *legend),
    )


def _peak(instants: Sequence[Instant]) -> int:
    """The position of the most bytes."""
    totals = [instant.total for instant in instants]
    return totals.index(max(totals))


def _areas(instants: Sequence[Instant], across: Scale, along: Scale) -> list[Part]:
    """The three shares above each other, as steps; the ground of each is the top of the last."""
    tops = [
        [instant.weights for instant in instants],
        [instant.weights + instant.gradients for instant in instants],
        [instant.total for instant in instants],
    ]
    ground = [0] * len(instants)
    parts: list[Part] = []
    for (title, hue), top in zip(_SHARES, tops, strict=True):
        outline = [*_steps(top, across, along), *reversed(_steps(ground, across, along))]
        parts.append(Area(tuple(outline), hue, _OPACITY, title))
        ground = top
    return parts


def _steps(values: Sequence[int], across: Scale, along: Scale) -> list[tuple[float, float]]:
    """From left to right at the height of each value; equal neighbours are one step."""
    points: list[tuple[float, float]] = []
    position = 0
    for value, run in groupby(values):
        start, position = position, position + sum(1 for _ in run)
        points += [(across(start), along(value)), (across(position), along(value))]
    return points


def _phases(instants: Sequence[Instant], across: Scale, along: Scale) -> list[Part]:
    """The names of the phases below, and lines between them."""
    parts: list[Part] = []
    position = 0
    for phase, run in groupby(instants, key=lambda instant: instant.phase):
        start, position = position, position + sum(1 for _ in run)
        if start:
            x = across(start)
            parts.append(Line(((x, along.start), (x, along.end)), "flow dashed"))
        room = across(position) - across(start)
        if text_width(str(phase), SMALL) <= room:
            middle = across(start) + room / 2
            parts.append(Text(middle, along.start + 16, str(phase), SMALL, "faint", "middle"))
    return parts


def _legend(x: float, y: float, end: float) -> tuple[list[Part], float]:
    """The colours in lines that end before `end`, and where the picture ends."""
    parts: list[Part] = []
    start = x
    for title, hue in _SHARES:
        width = 16 + text_width(title, SMALL)
        if x > start and x + width > end:
            x, y = start, y + 18
        parts.append(Rect(x, y - 9, 10, 10, hue, radius=2, opacity=_OPACITY))
        parts.append(Text(x + 16, y, title, SMALL, "soft"))
        x += width + 18
    return parts, y + 12
