"""Scales of charts: from values to pixels, with round numbers at their ticks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import ceil, floor, log10
from typing import NamedTuple

from ctcdsl.drawing.svg import Line, Part, Text
from ctcdsl.drawing.text import text_width

SMALL = 11.0
_WIDE = 8.0  # values whose largest is more times the smallest are on a logarithmic scale


class Scale(NamedTuple):
    """Values from `low` to `high` on the pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        """The place of a value."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = log10(low), log10(high), log10(value)
        return self.start + (self.end - self.start) * (value - low) / (high - low)


def scale(
    values: Iterable[float],
    start: float,
    end: float,
    *,
    most: int = 6,
    zero: bool = False,
    logarithmic: bool | None = None,
) -> Scale:
    """A scale that has room for some values: from a tick to a tick, or from 0.

    Args:
        values: One at least; positive where the scale is logarithmic.
        start: The pixel of the smallest.
        end: That of the largest.
        most: Ticks that there is room for.
        zero: Whether it begins at 0.
        logarithmic: By default where the largest value is more than eight times the smallest.
    """
    values = list(values)
    low, high = (0.0 if zero else min(values)), max(values)
    if logarithmic is None:
        logarithmic = not zero and low > 0 and high > _WIDE * low
    if logarithmic:
        return _logarithmic(low, high, start, end, most)
    if high == low:
        half = abs(low) / 10 or 1.0
        low, high = low if zero else low - half, high + half
    step = _step((high - low) / (most - 1))
    low, high = floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step
    ticks = tuple(low + step * k for k in range(round((high - low) / step) + 1))
    return Scale(low, high, start, end, False, ticks)


def _step(least: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below `least`."""
    power = 10.0 ** floor(log10(least))
    for factor in (1, 2, 2.5, 5):
        if factor * power >= least * (1 - 1e-9):
            return factor * power
    return 10 * power


def _logarithmic(low: float, high: float, start: float, end: float, most: int) -> Scale:
    """From a power of ten, or 2 or 5 times one, to another."""
    steps = [
        factor * 10.0**power
        for power in range(floor(log10(low)) - 1, ceil(log10(high)) + 1)
        for factor in (1, 2, 5)
    ]
    below = max(step for step in steps if step <= low * (1 + 1e-9))
    above = min((step for step in steps if step >= high * (1 - 1e-9)), default=steps[-1])
    if below == above:
        above = steps[steps.index(below) + 1]
    ticks = [step for step in steps if below <= step <= above]
    if len(ticks) > most:  # powers of ten alone
        ticks = [step for step in ticks if steps.index(step) % 3 == 0]
    if len(ticks) > most:
        ticks = ticks[:: -(-len(ticks) // most)]
    return Scale(below, above, start, end, True, tuple(ticks))


def horizontal(across: Scale, along: Scale, text: Callable[[float], str]) -> list[Part]:
    """The axis below: texts under its ticks, and lines up from them."""
    bottom, top = along.start, along.end
    parts: list[Part] = []
    for tick in across.ticks:
        x = across(tick)
        parts.append(Line(((x, bottom), (x, top)), "grid"))
        parts.append(Text(x, bottom + 16, text(tick), SMALL, "faint", "middle"))
    return parts


def vertical(across: Scale, along: Scale, text: Callable[[float], str]) -> list[Part]:
    """The axis on the left: texts beside its ticks, and lines from them."""
    left, right = across.start, across.end
    parts: list[Part] = []
    for tick in along.ticks:
        y = along(tick)
        parts.append(Line(((left, y), (right, y)), "grid"))
        parts.append(Text(left - 7, y + 4, text(tick), SMALL, "faint", "end"))
    return parts


def widest(texts: Sequence[str]) -> float:
    """The width of the widest of some small texts."""
    return max((text_width(text, SMALL) for text in texts), default=0.0)


def number(value: float) -> str:
    """A tick's number, without digits that say nothing: `0.5`, `20 M`."""
    for factor, letter in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= factor * (1 - 1e-9):
            return f"{value / factor:.6g}{letter}"
    return f"{value:.6g}"
