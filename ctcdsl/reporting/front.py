"""The front of a search: what two metrics of its networks trade for each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.drawing.axes import SMALL, horizontal, number, scale, vertical, widest
from ctcdsl.drawing.geometry import overlap, within
from ctcdsl.drawing.svg import Line, Part, Picture, Rect, Text
from ctcdsl.ir import replace
from ctcdsl.reporting.build import build_page
from ctcdsl.reporting.page import Page
from ctcdsl.reporting.pictures import WIDE, drawing
from ctcdsl.spaces.design import Design
from ctcdsl.spaces.objectives import Objective
from ctcdsl.spaces.search import Search
from ctcdsl.text import UserError

MAX_POINTS = 2_000
"""The networks beside the front that are shown at most."""
MAX_LISTED = 200_000
"""Of more networks within the budget none is shown beside the front: they are not listed."""
MAX_ON_PAGE = 12
_DOT, _SMALL_DOT = 4.5, 1.6


class Trade(NamedTuple):
    """The networks of a search by two metrics: `front` in the order of its table, and `others`.

    `best` are the indices of those of the front that no other beats in the two alone, by the
    first metric.
    """

    across: Objective
    along: Objective
    front: tuple[tuple[float, float], ...]
    others: tuple[tuple[float, float], ...]
    best: tuple[int, ...]


def trade(search: Search) -> Trade:
    """What the first two objectives of a search trade.

    Raises:
        UserError: CTC721 nothing fits.
    """
    if not search.front:
        raise search.nothing_fits()
    across, along = (search.objectives * 2)[:2]
    names = [each.metric.name for each in (across, along)]
    front = tuple((d.costs[names[0]], d.costs[names[1]]) for d in search.front)
    others = tuple((d.costs[names[0]], d.costs[names[1]]) for d in _spread(search))
    return Trade(across, along, front, others, tuple(_best(front, across, along)))


def front_picture(search: Search, *, width: int = WIDE) -> Picture:
    """The picture, `width` pixels wide: the front's networks with the numbers of their rows.

    Grey dots are other networks within the budget; the line is the trade-off of the two metrics.
    """
    found = trade(search)
    height = min(430.0, 0.8 * width + 60)
    every = [*found.front, *found.others]
    along = scale([y for _, y in every], height - 60, 34.0, most=7)
    left = widest([number(tick) for tick in along.ticks]) + 22
    across = scale([x for x, _ in every], left, width - 26.0, most=3 + width // 160)
    places = [(across(x), along(y)) for x, y in found.front]
    titles = [each.metric.title for each in (found.along, found.across)]
    parts: list[Part] = [
        *horizontal(across, along, number),
        *vertical(across, along, number),
        Text(left - 7, 18, titles[0], SMALL, "soft"),
        Text(width - 26.0, height - 24, titles[1], SMALL, "soft", "end"),
        *(_dot(across(x), along(y), _SMALL_DOT, "grey") for x, y in dict.fromkeys(found.others)),
        *_steps([places[k] for k in found.best]),
    ]
    for k, (x, y) in enumerate(places):
        design = search.front[k]
        parts.append(_dot(x, y, _DOT, "blue", f"{k + 1}: {design.title}"))
    room = Rect(left, 24, width - left, height - 60 - 24, "")
    parts += _numbers(places, [*found.best, *range(len(places))], room)
    shown = "; ".join(
        f"{k + 1} has {titles[1]} {x:,.0f} and {titles[0]} {y:,.0f}"
        for k, (x, y) in enumerate(found.front)
    )
    return Picture(
        width=width,
        height=height - 8,
        title=f"{titles[1]} against {titles[0]}",
        description=f"The front of {search.space.name}: {shown}.",
        parts=tuple(parts),
    )


def front_page(search: Search) -> Page:
    """A report of the first networks of a front, with its picture."""
    networks: list[Network] = []
    for k, design in enumerate(search.front[:MAX_ON_PAGE], start=1):
        network = design.network
        name = f"{k}_{network.name}" if not network.name[:1].isdigit() else network.name
        networks.append(Network(replace(network.architecture, name=name), network.nodes))
    found = trade(search)
    words = f"{found.across.metric.title} against {found.along.metric.title}"
    return build_page(
        networks, front=(words, drawing(lambda width: front_picture(search, width=width)))
    )


def _spread(search: Search) -> list[Design]:
    """Some of the networks within the budget, evenly from their list; none of too many."""
    try:
        count = search.count
        if count > MAX_LISTED:
            return []
        return list(islice(search.designs(), 0, None, max(1, -(-count // MAX_POINTS))))
    except UserError:  # too many to count or to compile
        return []


def _best(
    points: Sequence[tuple[float, float]], across: Objective, along: Objective
) -> Iterator[int]:
    """The indices of the points that no other beats in both, by the first."""
    signs = (1 if across.less else -1, 1 if along.less else -1)
    keyed = [(signs[0] * x, signs[1] * y, k) for k, (x, y) in enumerate(points)]
    least: float | None = None
    for _, y, k in sorted(keyed):
        if least is None or y < least:
            least = y
            yield k


def _steps(places: Sequence[tuple[float, float]]) -> Iterator[Line]:
    for (x, y), (to_x, to_y) in pairwise(places):
        yield Line(((x, y), (to_x, y)), "blue dashed")
        yield Line(((to_x, y), (to_x, to_y)), "blue dashed")


def _dot(x: float, y: float, radius: float, hue: str, note: str = "") -> Rect:
    return Rect(x - radius, y - radius, 2 * radius, 2 * radius, hue, radius=radius, note=note)


def _numbers(
    places: Sequence[tuple[float, float]], order: Sequence[int], room: Rect
) -> Iterator[Text]:
    """The numbers of rows beside their points, where there is room; others have tooltips alone."""
    taken = [_dot(x, y, _DOT, "") for x, y in places]
    for k in dict.fromkeys(order):
        x, y = places[k]
        for dx, dy, anchor in ((8, 4, "start"), (-8, 4, "end"), (0, -9, "middle")):
            text = Text(x + dx, y + dy, str(k + 1), SMALL, "ink", anchor)
            if within(text.box, room) and not any(overlap(text.box, other) for other in taken):
                taken.append(text.box)
                yield text
                break
