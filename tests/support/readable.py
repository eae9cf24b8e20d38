"""What a picture must keep to, checked from where its parts are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from ctcdsl.drawing.svg import Line, Picture, Rect, Text

_TOUCH = 0.11  # coordinates are written to a tenth of a pixel


def assert_readable(picture: Picture) -> None:
    """Nothing leaves the picture, no two boxes or texts overlap, no line runs through either."""
    boxes = [part for part in picture.parts if isinstance(part, Rect) and _is_box(part)]
    texts = [part for part in picture.parts if isinstance(part, Text)]
    whole = Rect(0, 0, picture.width, picture.height, "ground")
    for box in boxes:
        assert _within(box, whole), box
    for text in texts:
        assert _within(text.box, whole), text
    for box, other in combinations(boxes, 2):
        nested = _within(box, other) or _within(other, box)
        assert nested or not _overlap(box, other), (box, other)
    written = [text.box for text in texts]
    for one, other in combinations(written, 2):
        assert not _overlap(one, other), [text for text in texts if text.box in (one, other)]
    for text in texts:
        for box in boxes:
            assert _within(text.box, box) or not _overlap(text.box, box), (text, box)
    solid = [box for box in boxes if box.kind in ("layer", "minor", "network")]
    for line in picture.parts:
        if isinstance(line, Line):
            for x, y in line.points:
                assert -_TOUCH <= x <= picture.width + _TOUCH
                assert -_TOUCH <= y <= picture.height + _TOUCH
            for piece in _pieces(line):
                for thing in (*solid, *written):
                    assert not _overlap(piece, thing), (line, thing)


def _is_box(rect: Rect) -> bool:
    return rect.kind.split()[0] in ("layer", "minor", "network", "stage", "block") and (
        "behind" not in rect.kind
    )


def _pieces(line: Line) -> Iterator[Rect]:
    """The rectangles that a line's pieces are within."""
    for (x, y), (to_x, to_y) in pairwise(line.points):
        yield Rect(min(x, to_x), min(y, to_y), abs(to_x - x), abs(to_y - y), "line")


def _within(inner: Rect, outer: Rect) -> bool:
    return (
        inner.x >= outer.x - _TOUCH
        and inner.y >= outer.y - _TOUCH
        and inner.x + inner.width <= outer.x + outer.width + _TOUCH
        and inner.y + inner.height <= outer.y + outer.height + _TOUCH
    )


def _overlap(one: Rect, other: Rect) -> bool:
    return (
        one.x + one.width > other.x + _TOUCH
        and other.x + other.width > one.x + _TOUCH
        and one.y + one.height > other.y + _TOUCH
        and other.y + other.height > one.y + _TOUCH
    )
