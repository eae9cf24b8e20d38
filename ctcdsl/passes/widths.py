"""A width in closed form: the positive root of the paper's complexity equation."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple

from ctcdsl.text import error

MAX_MULTIPLE = 10_000


class Term(NamedTuple):
    """n_in * s^2 * n_out, scaled; a width of None is the unknown one."""

    in_channels: int | None
    size: int
    filters: int | None
    scale: float = 1.0

    def at(self, width: float) -> float:
        """The term's complexity if the unknown is `width`."""
        in_channels = width if self.in_channels is None else self.in_channels
        filters = width if self.filters is None else self.filters
        return self.scale * in_channels * self.size**2 * filters


class Width(NamedTuple):
    """A solved width: exact, and rounded to a multiple."""

    exact: float
    rounded: int

    def __str__(self) -> str:
        if abs(self.exact - self.rounded) < 0.05:
            return f"width {self.rounded}"
        return f"width {self.rounded}, from {self.exact:.1f}"


def complexity(terms: Iterable[Term], width: float = 0) -> float:
    """The sum of the terms if the unknown is `width`."""
    return sum(term.at(width) for term in terms)


def solve_width(terms: Iterable[Term], budget: float, multiple: int) -> Width | None:
    """The width at which the terms cost `budget`; None if no positive one does.

    The terms are a quadratic a*w^2 + b*w + c in the unknown; the nearest multiple is
    taken, at least one.
    """
    a = b = c = 0.0
    for term in terms:
        weight = term.scale * term.size**2
        if term.in_channels is None and term.filters is None:
            a += weight
        elif term.in_channels is None:
            assert term.filters is not None
            b += weight * term.filters
        elif term.filters is None:
            b += weight * term.in_channels
        else:
            c += weight * term.in_channels * term.filters
    room = budget - c
    if room <= 0 or (a == 0 and b == 0):
        return None
    exact = room / b if a == 0 else (sqrt(b * b + 4 * a * room) - b) / (2 * a)
    return Width(exact, max(multiple, round(exact / multiple) * multiple))


def require_multiple(multiple: int) -> None:
    """Fail (CTC402) for a multiple out of range."""
    if not 1 <= multiple <= MAX_MULTIPLE:
        raise error("CTC402", f"a multiple must be from 1 to {MAX_MULTIPLE:,}, not {multiple}")
