"""The family of networks as a picture: Figures 1 to 3 of the paper in one, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from ctcdsl.passes.lineage import Family, Relation
from ctcdsl.passes.registry import format_pass

if TYPE_CHECKING:
    import networkx as nx

_COLUMN, _ROW, _MARGIN = 250, 92, 40
_WIDTH, _HEIGHT = 74, 46  # of a network's box
_COLOURS = ("#2563a8", "#b2451d", "#2e7d4f", "#7a3b9a", "#8a6d1a", "#555555", "#a02060")
_PASSING = "\0"  # begins the name of an arrow's place in a column that it passes
_FONT = "font-family='Helvetica, Arial, sans-serif'"


class _Place(NamedTuple):
    """The middle of a network's box."""

    x: float
    y: float


def draw(family: Family) -> str:
    """Return an SVG of a family: networks as boxes, rewrites as arrows with their costs.

    A box shows a network's complexity relative to the first; an arrow that of the layers
    it touched, after over before. Longer chains of rewrites lie further to the right.
    """
    columns, ways = _layers(family)
    tallest = max(sum(map(_share, column)) for column in columns)
    places: dict[str, _Place] = {}
    for k, column in enumerate(columns):
        row = (tallest - sum(map(_share, column))) / 2
        for name in column:
            row += _share(name) / 2
            places[name] = _Place(_MARGIN + _WIDTH / 2 + k * _COLUMN, _MARGIN + _ROW * row)
            row += _share(name) / 2
    curves = [_curve(way, places) for way in ways]
    passes = list(dict.fromkeys(relation.applied.name for relation in family.relations))
    colours = {name: _COLOURS[k % len(_COLOURS)] for k, name in enumerate(passes)}
    width = 2 * _MARGIN + _WIDTH + (len(columns) - 1) * _COLUMN
    width = max(width, 2 * _MARGIN + 190 * min(len(passes), 3))
    drawing = 2 * _MARGIN + _ROW * tallest
    legend = 24 * ((len(passes) + 2) // 3) + 24
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{drawing + legend}'"
        f" viewBox='0 0 {width} {drawing + legend}' role='img'>",
        f"<title>{escape(', '.join(family.names))}: rewrites at constant time cost</title>",
        "<rect width='100%' height='100%' fill='white'/>",
        *_arrow_heads(colours),
        *(_arrow(*pair, colours) for pair in zip(family.relations, curves, strict=True)),
        *_labels(family.relations, curves, colours),
        *(_box(name, places[name], family.complexity[name]) for name in family.names),
        *_legend(passes, colours, drawing),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


# --------------------------------------------------------------------- layout


def _layers(family: Family) -> tuple[list[list[str]], list[list[str]]]:
    """The columns of the picture, and the way of each arrow through them.

    A network stands in the column of the longest chain that leads to it. An arrow over
    several columns gets a place of its own in each that it passes, so that it goes around
    the boxes (Sugiyama et al. 1981).
    """
    import networkx as nx

    acyclic: nx.DiGraph[str] = nx.DiGraph()
    acyclic.add_nodes_from(family.names)
    acyclic.add_edges_from((relation.parent, relation.child) for relation in family.relations)
    while not nx.is_directed_acyclic_graph(acyclic):  # ways back are drawn, but rank nothing
        acyclic.remove_edge(*nx.find_cycle(acyclic)[-1][:2])
    generations = enumerate(nx.topological_generations(acyclic))
    column = {name: k for k, generation in generations for name in generation}
    columns: list[list[str]] = [[] for _ in range(max(column.values()) + 1)]
    for name in family.names:
        columns[column[name]].append(name)
    layered: nx.DiGraph[str] = nx.DiGraph()
    ways: list[list[str]] = []
    for relation in family.relations:
        first, last = column[relation.parent], column[relation.child]
        passed = range(first + 1, last)
        between = [f"{_PASSING}{relation.parent}>{relation.child}@{k}" for k in passed]
        for k, name in zip(passed, between, strict=True):
            columns[k].append(name)
        way = [relation.parent, *between, relation.child]
        ways.append(way)
        if first < last:
            nx.add_path(layered, way)
    layered.add_nodes_from(family.names)
    return _ordered(layered, columns), ways


def _ordered(graph: nx.DiGraph[str], columns: list[list[str]]) -> list[list[str]]:
    """Order each column by the mean row of its neighbours, to and fro, against crossings."""
    rows = {name: _row(k, column) for column in columns for k, name in enumerate(column)}
    for sweep in range(24):
        forward = sweep % 2 == 0
        near = graph.predecessors if forward else graph.successors
        for column in columns if forward else reversed(columns):
            means = {
                name: sum(found) / len(found)
                if (found := [rows[other] for other in near(name)])
                else rows[name]
                for name in column
            }
            column.sort(key=means.__getitem__)
            rows |= {name: _row(k, column) for k, name in enumerate(column)}
    return columns


def _row(index: int, column: Sequence[str]) -> float:
    """A row counted from the column's middle."""
    return index - (len(column) - 1) / 2


def _share(name: str) -> float:
    """The height, in rows, that a network or a passing arrow takes."""
    return 0.5 if name.startswith(_PASSING) else 1.0


# -------------------------------------------------------------------- drawing


class _Cubic(NamedTuple):
    """A piece of an arrow, level at both ends."""

    start: _Place
    end: _Place

    @property
    def bend(self) -> float:
        """How far its inner points lie from its ends."""
        return (self.end.x - self.start.x) * 0.45

    def at(self, t: float) -> _Place:
        """The point at `t`, from 0 to 1."""
        s = 1 - t
        inner = (self.start.x + self.bend, self.end.x - self.bend)
        weights = (s**3, 3 * s * s * t, 3 * s * t * t, t**3)
        xs = (self.start.x, *inner, self.end.x)
        y = (weights[0] + weights[1]) * self.start.y + (weights[2] + weights[3]) * self.end.y
        return _Place(sum(w * x for w, x in zip(weights, xs, strict=True)), y)


def _curve(way: Sequence[str], places: dict[str, _Place]) -> list[_Cubic]:
    """An arrow in pieces, from the edge of one box to the edge of another."""
    points = [places[name] for name in way]
    points[0] = points[0]._replace(x=points[0].x + _WIDTH / 2)
    points[-1] = points[-1]._replace(x=points[-1].x - _WIDTH / 2 - 5)
    return [_Cubic(*pair) for pair in pairwise(points)]


def _arrow(relation: Relation, curve: Sequence[_Cubic], colours: dict[str, str]) -> str:
    path = f"M{curve[0].start.x:g} {curve[0].start.y:g}" + "".join(
        f" C{piece.start.x + piece.bend:g} {piece.start.y:g}"
        f" {piece.end.x - piece.bend:g} {piece.end.y:g} {piece.end.x:g} {piece.end.y:g}"
        for piece in curve
    )
    name = relation.applied.name
    return (
        f"<path d='{path}' fill='none' stroke='{colours[name]}' stroke-width='1.6'"
        f" marker-end='url(#{name})'/>"
    )


def _labels(
    relations: Sequence[Relation], curves: Sequence[Sequence[_Cubic]], colours: dict[str, str]
) -> list[str]:
    """What a rewrite does and what it costs, on its arrow, each at a place of its own."""
    taken: list[_Place] = []
    parts: list[str] = []
    for relation, curve in zip(relations, curves, strict=True):
        along = [piece.at(t / 100) for t in (50, 42, 58, 34, 66, 74) for piece in curve]
        at = min(along, key=lambda place: _crowded(place, taken))
        taken.append(at)
        options = (
            format_pass(relation.applied).partition(":")[2].replace("=", " ").replace(",", ", ")
        )
        ratio = "" if relation.ratio is None else f"×{relation.ratio:.3g}"
        text = " · ".join(part for part in (options, ratio) if part) or "×1"
        half = 2.9 * len(text)
        parts.append(
            f"<rect x='{at.x - half:g}' y='{at.y - 7:g}' width='{2 * half:g}' height='14'"
            f" fill='white'/><text x='{at.x:g}' y='{at.y + 4:g}' {_FONT} font-size='11'"
            f" text-anchor='middle' fill='{colours[relation.applied.name]}'>{escape(text)}</text>"
        )
    return parts


def _crowded(place: _Place, taken: Sequence[_Place]) -> float:
    """How much a label at a place would lie on others."""
    return sum(
        max(0.0, 1 - abs(place.x - other.x) / 130) * max(0.0, 1 - abs(place.y - other.y) / 18)
        for other in taken
    )


def _box(name: str, place: _Place, complexity: float) -> str:
    x, y = place.x - _WIDTH / 2, place.y - _HEIGHT / 2
    return (
        f"<g><rect x='{x:g}' y='{y:g}' width='{_WIDTH}' height='{_HEIGHT}' rx='8'"
        " fill='#f4f1ea' stroke='#333333'/>"
        f"<text x='{place.x:g}' y='{place.y - 3:g}' {_FONT} font-size='16' font-weight='bold'"
        f" text-anchor='middle'>{escape(name)}</text>"
        f"<text x='{place.x:g}' y='{place.y + 15:g}' {_FONT} font-size='11' fill='#555555'"
        f" text-anchor='middle'>{complexity:.3f}</text></g>"
    )


def _arrow_heads(colours: dict[str, str]) -> list[str]:
    return [
        f"<marker id='{name}' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7'"
        f" markerHeight='7' orient='auto'><path d='M0 0L8 4L0 8z' fill='{colour}'/></marker>"
        for name, colour in colours.items()
    ]


def _legend(passes: Sequence[str], colours: dict[str, str], top: float) -> list[str]:
    """The passes by colour, three in a row."""
    parts: list[str] = []
    for k, name in enumerate(passes):
        x, y = _MARGIN + 190 * (k % 3), top + 12 + 24 * (k // 3)
        parts.append(
            f"<path d='M{x} {y - 4}h26' stroke='{colours[name]}' stroke-width='2'/>"
            f"<text x='{x + 34}' y='{y}' {_FONT} font-size='13'>{escape(name)}</text>"
        )
    return parts
