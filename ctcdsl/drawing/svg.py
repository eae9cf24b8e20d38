"""Rectangles, lines and text as SVG: the same bytes for the same picture, in light and dark.

Colours are classes, so that a picture follows the reader's `prefers-color-scheme`, and it has
a ground of its own, so that it is readable on any page. No ids, fonts, scripts or links.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from math import ceil, hypot
from typing import NamedTuple

from ctcdsl.drawing.text import text_width

_ASCENT, _DESCENT = 0.76, 0.23  # of Helvetica, in font sizes
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ROUND = 7.0  # the radius of a line's corners
HUES = ("blue", "red", "green", "purple", "ochre", "grey", "pink")
"""The kinds of lines and texts that tell things apart by colour."""

# class: (property, light, dark)
_COLOURS = (
    (".ground", "fill", "#ffffff", "#0d1117"),
    (".stage", "fill", "#f6f8fa", "#151b23"),
    (".stage", "stroke", "#d1d9e0", "#3d444d"),
    (".network", "fill", "#f6f8fa", "#151b23"),
    (".network", "stroke", "#6e7781", "#7d8590"),
    (".block", "fill", "#ffffff", "#0d1117"),
    (".block", "stroke", "#d1d9e0", "#3d444d"),
    (".layer", "fill", "#ffffff", "#212830"),
    (".layer", "stroke", "#6e7781", "#7d8590"),
    (".share", "fill", "#218bff", "#388bfd"),
    (".minor", "fill", "#eaeef2", "#2a313c"),
    (".minor", "stroke", "#afb8c1", "#656c76"),
    (".ink", "fill", "#1f2328", "#f0f6fc"),
    (".soft", "fill", "#393f46", "#e6edf3"),
    (".faint", "fill", "#59636e", "#9198a1"),
    (".flow", "stroke", "#6e7781", "#9198a1"),
    (".tip.flow", "fill", "#6e7781", "#9198a1"),
    (".grid", "stroke", "#e3e7eb", "#262c36"),
    *((f".{hue}", "fill", *pair) for hue, pair in zip(
        HUES,
        (
            ("#0550ae", "#79c0ff"), ("#a40e26", "#ff938a"), ("#116329", "#7ee787"),
            ("#6639ba", "#d2a8ff"), ("#7d4e00", "#e3b341"), ("#424a53", "#b1bac4"),
            ("#99286e", "#ff9bce"),
        ),
        strict=True,
    )),
)  # fmt: skip


class Rect(NamedTuple):
    """A rectangle of a `kind` (its class); `opacity` is that of its fill, `note` its tooltip."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    radius: float = 5.0
    opacity: float | None = None
    note: str = ""


class Text(NamedTuple):
    """A line of text at its baseline; `anchor` is the end, or the middle, that x is of."""

    x: float
    y: float
    text: str
    size: float
    kind: str = "ink"
    anchor: str = "start"
    bold: bool = False

    @property
    def box(self) -> Rect:
        """The room that the text takes, at most."""
        width = text_width(self.text, self.size, bold=self.bold)
        left = self.x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]
        high = self.size * (_ASCENT + _DESCENT)
        return Rect(left, self.y - self.size * _ASCENT, width, high, "text")


class Line(NamedTuple):
    """A line through points, with round corners; or, `curved`, level at each of them.

    A line of two points may have any direction, others run along the axes. With a `tip` it ends
    in an arrow head.
    """

    points: tuple[tuple[float, float], ...]
    kind: str = "flow"
    tip: bool = False
    curved: bool = False


class Area(NamedTuple):
    """A filled outline; `opacity` is that of its fill, `note` its tooltip."""

    points: tuple[tuple[float, float], ...]
    kind: str
    opacity: float = 1.0
    note: str = ""


Part = Rect | Text | Line | Area


class Picture(NamedTuple):
    """What is drawn, back to front; `title` and `description` are for those who cannot see it."""

    width: float
    height: float
    title: str
    description: str
    parts: tuple[Part, ...]

    def svg(self) -> str:
        """The picture as a document."""
        width, height = ceil(self.width), ceil(self.height)
        lines = [
            f"<svg xmlns='http://www.w3.org/2000/svg' class='ctcdsl' role='img' width='{width}'"
            f" height='{height}' viewBox='0 0 {width} {height}'>",
            f"<title>{_escaped(self.title)}</title>",
            f"<desc>{_escaped(self.description)}</desc>",
            f"<style>{_style(self.parts)}</style>",
            f"<rect class='ground' width='{width}' height='{height}' rx='8'/>",
            *(_element(part) for part in self.parts),
            "</svg>",
        ]
        return "\n".join(lines) + "\n"


def moved(parts: Iterable[Part], x: float, y: float) -> list[Part]:
    """The parts, moved."""
    return [
        part._replace(points=tuple((a + x, b + y) for a, b in part.points))
        if isinstance(part, Line | Area)
        else part._replace(x=part.x + x, y=part.y + y)
        for part in parts
    ]


# ----------------------------------------------------------------- as markup


def _element(part: Part) -> str:
    if isinstance(part, Line):
        return _line(part)
    if isinstance(part, Area):
        return _area(part)
    at = f"class='{part.kind}{' bold' * (isinstance(part, Text) and part.bold)}'"
    at += f" x='{_number(part.x)}' y='{_number(part.y)}'"
    if isinstance(part, Text):
        anchor = "" if part.anchor == "start" else f" text-anchor='{part.anchor}'"
        size = _number(part.size)
        return f"<text {at} font-size='{size}'{anchor}>{_escaped(part.text)}</text>"
    at += f" width='{_number(part.width)}' height='{_number(part.height)}'"
    at += f" rx='{_number(part.radius)}'"
    if part.opacity is not None:
        at += f" fill-opacity='{part.opacity:.3f}'"
    return _noted("rect", at, part.note)


def _noted(tag: str, at: str, note: str) -> str:
    """An element, with its tooltip where there is one."""
    return f"<{tag} {at}><title>{_escaped(note)}</title></{tag}>" if note else f"<{tag} {at}/>"


def _area(area: Area) -> str:
    """The outline; pieces along the axes are written short, as steps have many."""
    path = f"M{_pair(area.points[0])}"
    for (x, y), (to_x, to_y) in pairwise(area.points):
        if x == to_x:
            path += f"V{_number(to_y)}"
        else:
            path += f"H{_number(to_x)}" if y == to_y else f"L{_pair((to_x, to_y))}"
    at = f"class='{area.kind}' d='{path}z' fill-opacity='{area.opacity:.3f}'"
    return _noted("path", at, area.note)


def _line(line: Line) -> str:
    points = line.points
    tip = ""
    if line.tip:
        x, y = points[-1]
        before = (points[0][0], y) if line.curved else points[-2]
        direction = (_straight if len(points) == 2 else _direction)(before, (x, y))
        points = (*points[:-1], (x - 5 * direction[0], y - 5 * direction[1]))
        tip = _tip((x, y), direction, line.kind)
    path = _curved(points) if line.curved else _cornered(points)
    return f"<path class='line {line.kind}' d='{path}'/>{tip}"


def _curved(points: Sequence[tuple[float, float]]) -> str:
    path = f"M{_pair(points[0])}"
    for (x, y), (to_x, to_y) in pairwise(points):
        if y == to_y:
            path += f"H{_number(to_x)}"
        else:
            middle = (x + to_x) / 2
            path += f"C{_pair((middle, y))} {_pair((middle, to_y))} {_pair((to_x, to_y))}"
    return path


def _cornered(points: Sequence[tuple[float, float]]) -> str:
    corners = [points[0]]
    for point in points[1:]:
        if point != corners[-1]:
            corners.append(point)
    path = f"M{_pair(corners[0])}"
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        incoming, outgoing = _direction(before, corner), _direction(corner, after)
        if incoming == outgoing:
            continue
        room = min(_ROUND, _distance(before, corner) / 2, _distance(corner, after) / 2)
        start = (corner[0] - incoming[0] * room, corner[1] - incoming[1] * room)
        end = (corner[0] + outgoing[0] * room, corner[1] + outgoing[1] * room)
        path += f"L{_pair(start)}Q{_pair(corner)} {_pair(end)}"
    return path + f"L{_pair(corners[-1])}"


def _tip(at: tuple[float, float], direction: tuple[float, float], kind: str) -> str:
    (x, y), (along, across) = at, direction
    back = (x - 6.5 * along, y - 6.5 * across)
    one = (back[0] - 3.2 * across, back[1] + 3.2 * along)
    other = (back[0] + 3.2 * across, back[1] - 3.2 * along)
    return f"<path class='tip {kind}' d='M{_pair(at)}L{_pair(one)}L{_pair(other)}z'/>"


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    return abs(other[0] - one[0]) + abs(other[1] - one[1])


def _direction(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """Along which axis, and to which end of it, the way leads."""
    x, y = other[0] - one[0], other[1] - one[1]
    if abs(x) > abs(y):
        return (1.0 if x > 0 else -1.0, 0.0)
    return (0.0, 1.0 if y >= 0 else -1.0)


def _straight(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """The direction from one point to another."""
    x, y = other[0] - one[0], other[1] - one[1]
    length = hypot(x, y)
    return (x / length, y / length) if length else (0.0, 1.0)


def _style(parts: Iterable[Part]) -> str:
    """The rules that the picture needs, and the dark colours of those that have others there."""
    used = {"ground"}
    for part in parts:
        used.update(part.kind.split())
    light, dark = "", ""
    for selector, name, day, night in _COLOURS:
        kind = selector.rpartition(".")[2]
        if kind in used:
            light += f".ctcdsl {selector}{{{name}:{day}}}"
            dark += f".ctcdsl {selector}{{{name}:{night}}}"
            if kind in HUES:
                light += f".ctcdsl .line{selector}{{stroke:{day}}}"
                dark += f".ctcdsl .line{selector}{{stroke:{night}}}"
    dashed = ".ctcdsl .dashed{stroke-dasharray:5 4}" if "dashed" in used else ""
    return (
        ".ctcdsl text{font-family:Helvetica,Arial,'Liberation Sans',sans-serif}"
        ".ctcdsl text,.ctcdsl .share{pointer-events:none}"
        f".ctcdsl .bold{{font-weight:bold}}{light}.ctcdsl .line{{fill:none;stroke-width:1.3}}"
        f"{dashed}"
        f"@media(prefers-color-scheme:dark){{{dark}.ctcdsl .line{{fill:none}}}}"
    )


def colours(kinds: Iterable[str]) -> dict[str, str]:
    """The light colours of an element with these classes: of its `fill` and its `stroke`."""
    classes = set(kinds)
    return {
        name: day
        for selector, name, day, _ in _COLOURS
        if classes.issuperset(selector.strip(".").split("."))
    }


def _pair(point: tuple[float, float]) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _escaped(text: str) -> str:
    return escape(_ILLEGAL.sub("\ufffd", text), quote=False)
