"""Whether parts of a picture are in each other's way."""

from __future__ import annotations

from itertools import pairwise

from ctcdsl.drawing.svg import Line, Rect


def within(inner: Rect, outer: Rect) -> bool:
    """Whether a box is inside another."""
    return (
        inner.x >= outer.x
        and inner.y >= outer.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def overlap(one: Rect, other: Rect) -> bool:
    """Whether two boxes share a point inside them."""
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def crosses(line: Line, box: Rect) -> bool:
    """Whether a straight line, or one of several pieces, runs through a box."""
    return any(_piece_crosses(*pair, box) for pair in pairwise(line.points))


def _piece_crosses(start: tuple[float, float], end: tuple[float, float], box: Rect) -> bool:
    """By what of the piece is left between the box's sides (Liang & Barsky 1984)."""
    (x, y), (to_x, to_y) = start, end
    first, last = 0.0, 1.0
    for step, low, high in (
        (to_x - x, box.x - x, box.x + box.width - x),
        (to_y - y, box.y - y, box.y + box.height - y),
    ):
        if step == 0:
            if low > 0 or high < 0:
                return False
            continue
        entry, leave = sorted((low / step, high / step))
        first, last = max(first, entry), min(last, leave)
    return first <= last
