"""Complexity against error: networks as points, the Pareto front, rewrites as arrows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import hypot
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.drawing.axes import SMALL, Scale, horizontal, number, scale, vertical, widest
from ctcdsl.drawing.geometry import crosses, overlap, within
from ctcdsl.drawing.svg import HUES, Line, Part, Picture, Rect, Text, moved
from ctcdsl.drawing.text import shorten, text_width
from ctcdsl.ir import replace
from ctcdsl.passes.lineage import Relation, find_family
from ctcdsl.passes.registry import format_pass
from ctcdsl.reporting.results import Measured

_DOT = 5.0  # the radius of a point
_LABEL = 12.0
_FRONT, _OTHERS = "blue", "grey"
_HUES = tuple(hue for hue in HUES if hue not in (_FRONT, _OTHERS))


class Point(NamedTuple):
    """A network in the picture: its MACs and its error."""

    name: str
    macs: int
    measured: Measured


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats: as cheap and better, or as good and cheaper; by MACs."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.macs, p.measured.error)):
        if not front or point.measured.error < front[-1].measured.error:
            front.append(point)
        elif (point.macs, point.measured.error) == (front[-1].macs, front[-1].measured.error):
            front.append(point)  # as cheap and as good
    return front


def relations(networks: Sequence[Network]) -> tuple[Relation, ...]:
    """The rewrites that lead from one network to another by one pass; equal networks are one."""
    once: dict[object, Network] = {}
    for network in networks:
        once.setdefault(replace(network.architecture, name=""), network)
    return find_family(list(once.values())).relations


def tradeoff_picture(
    points: Sequence[Point],
    rewrites: Sequence[Relation] = (),
    *,
    width: int,
    others: Sequence[Point] = (),
) -> Picture:
    """The picture, `width` pixels wide: MACs to the right, top-1 error upwards.

    Blue points are on the Pareto front, the grey ones are beaten; bars are a standard deviation
    to both sides. `others` are grey too, and never on the front: their errors are not comparable.
    """
    front = pareto_front(points)
    points = [*points, *others]
    height = min(430.0, 0.8 * width + 60)
    errors = [bound for point in points for bound in _bounds(point)]
    along = scale(errors, height - 60, 34.0, most=7, logarithmic=False)
    left = widest([number(tick) for tick in along.ticks]) + 22
    across = scale((point.macs for point in points), left, width - 26.0, most=3 + width // 160)
    parts: list[Part] = [
        *horizontal(across, along, number),
        *vertical(across, along, number),
        Text(left - 7, 18, "top-1 error, %", SMALL, "soft"),
        Text(width - 26.0, height - 24, "MACs of convolutions", SMALL, "soft", "end"),
    ]
    places = {point.name: (across(point.macs), along(point.measured.error)) for point in points}
    hues = _colours(rewrites)
    lines = [
        _arrow(places[each.parent], places[each.child], hues[each.applied.name])
        for each in rewrites
        if each.parent in places and each.child in places
    ]
    lines += _front_line([places[point.name] for point in front])
    parts += lines
    for point in points:
        parts += _dot(point, places[point.name], along, point in front)
    room = Rect(left, 24, width - left, height - 60 - 24, "")
    parts += _labels(points, front, places, lines, room)
    legend = moved(_legend(hues, width - left - 20), left, height)
    below = max((part.y for part in legend if isinstance(part, Text)), default=height - 16) + 16
    return Picture(
        width=width,
        height=below,
        title="Complexity against error",
        description=_words(points, front, rewrites),
        parts=(*parts, *legend),
    )


def _bounds(point: Point) -> tuple[float, float]:
    error, deviation = point.measured.error, point.measured.deviation or 0.0
    return error - deviation, error + deviation


def _colours(rewrites: Sequence[Relation]) -> dict[str, str]:
    names = dict.fromkeys(relation.applied.name for relation in rewrites)
    return {name: _HUES[k % len(_HUES)] for k, name in enumerate(names)}


def _arrow(start: tuple[float, float], end: tuple[float, float], hue: str) -> Line:
    """An arrow between two points, which leaves their circles free."""
    (x, y), (to_x, to_y) = start, end
    length = hypot(to_x - x, to_y - y) or 1.0
    along, across = (to_x - x) / length, (to_y - y) / length
    gap = min(_DOT + 2, length / 3)
    points = ((x + gap * along, y + gap * across), (to_x - gap * along, to_y - gap * across))
    return Line(points, hue, tip=True)


def _front_line(places: Sequence[tuple[float, float]]) -> Iterator[Line]:
    """Steps: to the right of a point and above the next nothing is better than the point."""
    for (x, y), (to_x, to_y) in pairwise(places):
        yield Line(((x, y), (to_x, y)), f"{_FRONT} dashed")
        yield Line(((to_x, y), (to_x, to_y)), f"{_FRONT} dashed")


def _dot(point: Point, place: tuple[float, float], along: Scale, on_front: bool) -> Iterator[Part]:
    x, y = place
    hue = _FRONT if on_front else _OTHERS
    if point.measured.deviation:
        low, high = _bounds(point)
        yield Line(((x, along(low)), (x, along(high))), hue)
    note = f"{point.name}: {point.macs:,} MACs, top-1 error {point.measured.text} %"
    yield Rect(x - _DOT, y - _DOT, 2 * _DOT, 2 * _DOT, hue, radius=_DOT, note=note)


def _labels(
    points: Sequence[Point],
    front: Sequence[Point],
    places: dict[str, tuple[float, float]],
    lines: Sequence[Line],
    room: Rect,
) -> Iterator[Text]:
    """Names beside points, the front's first, where there is room; others have tooltips alone.

    A place that no line crosses is best.
    """
    taken = [Rect(x - _DOT, y - _DOT, 2 * _DOT, 2 * _DOT, "") for x, y in places.values()]
    for point in [*front, *(point for point in points if point not in front)]:
        x, y = places[point.name]
        bold = point in front
        name = shorten(point.name, _LABEL, 130, bold=bold)
        free: list[Text] = []
        for dx, dy, anchor in (
            (9, 4, "start"), (-9, 4, "end"), (0, -10, "middle"), (0, 19, "middle"),
            (8, -8, "start"), (-8, -8, "end"), (8, 16, "start"), (-8, 16, "end"),
        ):  # fmt: skip
            text = Text(x + dx, y + dy, name, _LABEL, "ink", anchor, bold)
            if within(text.box, room) and not any(overlap(text.box, other) for other in taken):
                free.append(text)
        if free:
            best = min(free, key=lambda text: sum(crosses(line, text.box) for line in lines))
            taken.append(best.box)
            yield best


def _legend(hues: dict[str, str], room: float) -> list[Part]:
    """What the colours of arrows mean, in lines as wide as the picture."""
    parts: list[Part] = []
    x = y = 0.0
    for name, hue in hues.items():
        shown = shorten(name, SMALL, room - 34)
        width = 34 + text_width(shown, SMALL)
        if x and x + width > room:
            x, y = 0.0, y + 18
        parts.append(Line(((x, y), (x + 24, y)), hue, tip=True))
        parts.append(Text(x + 32, y + 4, shown, SMALL, "soft"))
        x += width + 18
    return parts


def _words(points: Sequence[Point], front: Sequence[Point], rewrites: Sequence[Relation]) -> str:
    """The picture for those who cannot see it."""
    sentences = [
        f"{point.name} has {point.macs:,} MACs and a top-1 error of {point.measured.text} %"
        for point in points
    ]
    sentences.append(f"On the Pareto front are {', '.join(point.name for point in front)}")
    sentences += [
        f"{each.parent} becomes {each.child} by {format_pass(each.applied)}" for each in rewrites
    ]
    return ". ".join(sentences) + "."
