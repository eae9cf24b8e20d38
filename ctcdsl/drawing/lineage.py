"""The lineage of networks as a picture: Figures 1 to 3 of the paper in one."""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.drawing.layered import Edge, Layout, Size, layered
from ctcdsl.drawing.svg import HUES, Line, Part, Picture, Rect, Text, moved
from ctcdsl.drawing.text import shorten, text_width
from ctcdsl.passes.lineage import Family, Relation
from ctcdsl.passes.registry import format_pass

_MARGIN, _APART, _BETWEEN = 20.0, 14.0, 32.0
_NAME, _SMALL = 16.0, 12.0
_HEIGHT = 46.0  # of a network's box
_LABEL = 32.0  # the height of an arrow's two lines
_LONGEST = 200.0  # of a name or a line


def draw(family: Family) -> str:
    """Return an SVG of a family: networks as boxes, rewrites as arrows with their costs.

    A box shows a network's complexity relative to the first; an arrow that of the layers
    it touched, after over before. Longer chains of rewrites are further to the right.
    """
    return lineage_picture(family).svg()


def lineage_picture(family: Family) -> Picture:
    """The picture that `draw` writes: its parts with their places."""
    passes = list(dict.fromkeys(relation.applied.name for relation in family.relations))
    hues = {name: HUES[k % len(HUES)] for k, name in enumerate(passes)}
    labels = [_label(relation) for relation in family.relations]
    sizes = {f"n{name}": _network_size(name) for name in family.names}
    edges: list[Edge] = []
    for k, (relation, lines) in enumerate(zip(family.relations, labels, strict=True)):
        width = max(text_width(line, _SMALL) for line in lines)
        height = _LABEL if len(lines) > 1 else _LABEL / 2
        sizes[f"l{k}"] = Size(height / 2, height / 2, width + 10)
        edges += [Edge(f"n{relation.parent}", f"l{k}"), Edge(f"l{k}", f"n{relation.child}")]
    layout = layered(sizes, edges, apart=_APART, between=_BETWEEN)
    parts: list[Part] = []
    for k, relation in enumerate(family.relations):
        hue = hues[relation.applied.name]
        before, after = layout.routes[2 * k : 2 * k + 2]
        parts.append(Line(tuple((y, x) for x, y in before), hue, curved=True))
        parts.append(Line(tuple((y, x) for x, y in after), hue, curved=True, tip=True))
    for k, relation in enumerate(family.relations):
        parts += _label_text(
            labels[k], layout, sizes[f"l{k}"], f"l{k}", hues[relation.applied.name]
        )
    for name in family.names:
        parts += _box(name, family.complexity[name], layout, sizes[f"n{name}"])
    width = max(layout.length, 400.0)
    height = layout.right - layout.left
    legend, under = _legend(passes, hues, width)
    parts = moved(parts, _MARGIN, _MARGIN - layout.left)
    parts += moved(legend, _MARGIN, _MARGIN + height + 24)
    return Picture(
        width=width + 2 * _MARGIN,
        height=height + 24 + under + 2 * _MARGIN,
        title=f"Rewrites between {', '.join(family.names)}",
        description="; ".join(
            f"{relation.parent} to {relation.child} by {format_pass(relation.applied)}"
            for relation in family.relations
        ),
        parts=tuple(parts),
    )


def _network_size(name: str) -> Size:
    width = max(58.0, text_width(shorten(name, _NAME, _LONGEST, bold=True), _NAME, bold=True) + 20)
    return Size(_HEIGHT / 2, _HEIGHT / 2, width)


def _label(relation: Relation) -> tuple[str, ...]:
    """What a rewrite does, and what it costs."""
    options = format_pass(relation.applied).partition(":")[2].replace("=", " ").replace(",", ", ")
    ratio = "" if relation.ratio is None else f"×{relation.ratio:.3g}"
    lines = tuple(shorten(part, _SMALL, _LONGEST) for part in (options, ratio) if part)
    return lines or ("×1",)


def _label_text(
    lines: Sequence[str], layout: Layout, size: Size, node: str, hue: str
) -> list[Part]:
    """The lines of an arrow's label, one above the other, where the arrow has a gap."""
    across, along = layout.places[node]
    top = across - size.left + 12
    return [
        Text(along + size.length / 2, top + 16 * k, line, _SMALL, hue, "middle")
        for k, line in enumerate(lines)
    ]


def _box(name: str, complexity: float, layout: Layout, size: Size) -> list[Part]:
    across, along = layout.places[f"n{name}"]
    middle = along + size.length / 2
    shown = shorten(name, _NAME, _LONGEST, bold=True)
    return [
        Rect(along, across - size.left, size.length, _HEIGHT, "network", radius=8, note=name),
        Text(middle, across - 2, shown, _NAME, anchor="middle", bold=True),
        Text(middle, across + 15, f"{complexity:.3f}", _SMALL, "faint", "middle"),
    ]


def _legend(passes: Sequence[str], hues: dict[str, str], room: float) -> tuple[list[Part], float]:
    """The passes by colour, in lines as wide as the picture; and their height."""
    parts: list[Part] = []
    x = y = 0.0
    for name in passes:
        shown = shorten(name, _SMALL, room - 34)
        width = 34 + text_width(shown, _SMALL)
        if x and x + width > room:
            x, y = 0.0, y + 20
        parts.append(Line(((x, y), (x + 26, y)), hues[name], tip=True))
        parts.append(Text(x + 34, y + 4, shown, _SMALL))
        x += width + 24
    return parts, y + 6
