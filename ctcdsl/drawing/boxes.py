"""What a network's picture is made of: boxes, joins, labels and frames around them.

Each is drawn around the line that runs through it: from (0, 0) down to (0, length).
"""

from __future__ import annotations

from typing import NamedTuple

from ctcdsl.drawing.captions import Caption
from ctcdsl.drawing.layered import Size
from ctcdsl.drawing.svg import Line, Part, Rect, Text, moved
from ctcdsl.drawing.text import shorten, text_width

MAIN, SMALL = 11.5, 9.5
DARKEST = 0.62
"""The opacity of the fill of the layer with the largest share."""
_STACK = 3.0  # how far the box behind a repeated one looks out
_WIDEST = 230.0  # text of a box


class Drawn(NamedTuple):
    """Parts around their line, and how far they reach; `tip` where an arrow leads to them."""

    parts: tuple[Part, ...]
    size: Size
    tip: bool = False


def layer_box(caption: Caption, shade: float | None) -> Drawn:
    """A layer: `shade` is its share of the MACs over the largest one, None without MACs."""
    main = shorten(caption.main, MAIN, _WIDEST)
    below = shorten(caption.below, SMALL, _WIDEST)
    times = text_width(f" {caption.times}", MAIN, bold=True) if caption.times else 0.0
    first = text_width(main, MAIN) + times
    half = max(first, text_width(below, SMALL)) / 2 + 9
    height = 36.0 if below else 22.0
    stack = _STACK if times else 0.0
    kind = "minor" if shade is None else "layer"
    parts: list[Part] = []
    if stack:
        parts.append(Rect(-half + stack, stack, 2 * half, height, f"{kind} behind"))
    parts.append(Rect(-half, 0, 2 * half, height, kind, note=caption.note))
    if shade:
        parts.append(Rect(-half, 0, 2 * half, height, "share", opacity=DARKEST * shade))
    parts.append(Text(-first / 2, 15, main, MAIN))
    if times:
        parts.append(Text(first / 2, 15, caption.times, MAIN, anchor="end", bold=True))
    if below:
        parts.append(Text(0, 29, below, SMALL, "soft", "middle"))
    return Drawn(tuple(parts), Size(half, half + stack, height + stack), tip=True)


def pill(text: str, note: str = "") -> Drawn:
    """A short round box: the input, the output, a concatenation."""
    text = shorten(text, SMALL + 0.5, _WIDEST)
    half = text_width(text, SMALL + 0.5) / 2 + 9
    parts = (
        Rect(-half, 0, 2 * half, 18, "minor", radius=9, note=note),
        Text(0, 12.5, text, SMALL + 0.5, anchor="middle"),
    )
    return Drawn(parts, Size(half, half, 18), tip=True)


def operator(sign: str, after: str, note: str) -> Drawn:
    """A sum or a product, and the activation after it."""
    parts: list[Part] = [
        Rect(-9, 0, 18, 18, "minor", radius=9, note=note),
        Text(0, 13.6, sign, 15, anchor="middle"),
    ]
    right = 9.0
    if after:
        parts.append(Text(13, 12.5, after, SMALL, "faint"))
        right = 14 + text_width(after, SMALL)
    return Drawn(tuple(parts), Size(9, right, 18), tip=True)


def words(text: str) -> Drawn:
    """Words in the middle of an edge, instead of a layer: `identity`."""
    half = text_width(text, SMALL) / 2 + 2
    return Drawn((Text(0, 10.5, text, SMALL, "faint", "middle"),), Size(half, half, 14))


def edge_label(text: str) -> Drawn:
    """Words beside an edge: the map that flows."""
    text = shorten(text, SMALL, _WIDEST)
    parts = (Line(((0, 0), (0, 11))), Text(5, 9, text, SMALL, "faint"))
    return Drawn(parts, Size(1, 5 + text_width(text, SMALL), 11))


def point() -> Drawn:
    """Where an edge forks."""
    return Drawn((), Size(0.5, 0.5, 0))


def framed(inside: Drawn, kind: str, title: str, badge: str, note: str = "") -> Drawn:
    """A frame; its title is to the left of the incoming line, its badge to the right."""
    pad = 9.0 if kind == "stage" else 7.0
    bold = kind == "stage"
    title, badge = shorten(title, MAIN, 150, bold=bold), shorten(badge, MAIN, 150, bold=not bold)
    around = [text_width(title, MAIN, bold=bold), text_width(badge, MAIN, bold=not bold)]
    left, right = (
        max(inner, width + 7 if width else 0) + pad
        for inner, width in zip(inside.size[:2], around, strict=True)
    )
    top = (20.0 if title or badge else 0.0) + 5
    height = top + inside.size.length + pad
    parts: list[Part] = [Rect(-left, 0, left + right, height, kind, radius=8, note=note)]
    if title:
        parts.append(Text(pad - left, 16, title, MAIN, bold=bold))
    if badge:
        tone = "faint" if bold else "ink"
        parts.append(Text(right - pad, 16, badge, MAIN, tone, "end", bold=not bold))
    lines = Line(((0, 0), (0, top)), tip=inside.tip), Line(((0, height - pad), (0, height)))
    return Drawn((*parts, *lines, *moved(inside.parts, 0, top)), Size(left, right, height))
