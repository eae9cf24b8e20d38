"""The layers, blocks and repetitions of a stage, laid out in layers and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ctcdsl.drawing.boxes import (
    Drawn,
    edge_label,
    framed,
    layer_box,
    operator,
    pill,
    point,
    words,
)
from ctcdsl.drawing.captions import Caption, Costs, block_note, caption, shape
from ctcdsl.drawing.fold import Branching, Item, Layers, Repeat, input_of
from ctcdsl.drawing.layered import Edge, Layout, Size, layered
from ctcdsl.drawing.svg import Line, Part, moved
from ctcdsl.ir import Block, Identity, Join, Linear, Style
from ctcdsl.metrics.tables import JOINED

_APART, _BETWEEN = 10.0, 14.0
_STRAIGHT, _CHAIN, _SIDE = 3, 2, 1  # weights: the straight way through a sum, chains, others


class Painter:
    """Draws chains of one network; `darkest` is the share of MACs that gets the full colour."""

    def __init__(self, costs: Costs, style: Style, darkest: float) -> None:
        self.costs, self.style, self.darkest = costs, style, darkest

    def chain(self, items: Sequence[Item], *, labels: bool = True) -> Drawn:
        """Draw a chain; with `labels`, the edges show the map where its size changes."""
        graph = _Graph()
        last = None
        for k, item in enumerate(items):
            last = self._add(graph, item, last, _CHAIN)
            if labels and k + 1 < len(items) and _worth_a_label(item):
                label = edge_label(shape(item.nodes[-1].output, vector=item.nodes[-1].vector))
                last = graph.add(label, last, _CHAIN)
        return graph.drawn()

    def _add(self, graph: _Graph, item: Item, source: str | None, weight: int) -> str:
        """Add an item after `source`; return the node that ends it."""
        if isinstance(item, Layers):
            return graph.add(self._layer(item), source, weight)
        if isinstance(item, Repeat):
            frame = framed(self.chain(item.chain, labels=False), "block", "", f"×{item.times}")
            return graph.add(frame, source, weight)
        inside = _Graph()
        self._branches(inside, item, inside.add(point(), None, weight))
        badge = f"×{item.times}" if item.times > 1 else ""
        block = item.nodes[0].layer
        assert isinstance(block, Block)
        title = block.call.name if block.call else ""
        note = block_note(item.nodes, self.costs.of(item.nodes))
        return graph.add(framed(inside.drawn(), "block", title, badge, note), source, weight)

    def _branches(self, graph: _Graph, item: Branching, fork: str) -> str:
        """Add the branches of a block between `fork` and their join; return the join."""
        block = item.nodes[0].layer
        assert isinstance(block, Block)
        # Where a shortcut goes around the first branch, that one is drawn straight.
        if block.join is Join.SPLIT:
            fork = graph.add(self._split(item), fork, _CHAIN)
        identity = any(map(_is_identity, item.branches))
        shortcut = item.nodes[0].shortcut or (block.join is Join.ADD and identity)
        ends: list[tuple[str, int]] = []
        for k, branch in enumerate(item.branches):
            weight = _STRAIGHT if shortcut and k == 0 else _SIDE
            ends.append((self._branch(graph, branch, fork, weight), weight))
        if len(ends) == 1:
            return self._alone(graph, item, ends[0][0])
        join = graph.add(self._join(item), None, 0)
        for end, weight in ends:
            graph.join(end, join, weight)
        return join

    def _branch(self, graph: _Graph, branch: Sequence[Item], fork: str, weight: int) -> str:
        """Add a branch after `fork`; return the node that ends it."""
        if _is_identity(branch):
            return graph.add(words("identity"), fork, weight)
        last = fork
        for item in branch:
            if isinstance(item, Branching) and item.times == 1 and not _named(item):
                last = self._branches(graph, item, last)
            else:
                last = self._add(graph, item, last, weight)
            weight = max(weight, _CHAIN)
        return last

    def _alone(self, graph: _Graph, item: Branching, end: str) -> str:
        """End a block with one branch: nothing is joined, but an activation may act on it."""
        first = item.nodes[0]
        if first.activation is None:
            return end
        word = first.activation.title
        return graph.add(layer_box(Caption(word, "", "", first.name), None), end, _CHAIN)

    def _split(self, item: Branching) -> Drawn:
        """What deals the channels out: the share of each branch."""
        first, last = item.nodes[0], item.nodes[-1]
        shares = (
            " … ".join(map(str, dict.fromkeys((one.channels, other.channels))))
            for one, other in zip(first.branch_inputs, last.branch_inputs, strict=True)
        )
        return pill(f"split, {' | '.join(shares)}", f"{first.name}: channels of each branch")

    def _join(self, item: Branching) -> Drawn:
        first, last = item.nodes[0], item.nodes[-1]
        assert isinstance(first.layer, Block)
        if not first.layer.join.concatenates:
            sign = {Join.ADD: "+", Join.MULTIPLY: "×"}.get(first.layer.join, "max")
            after = first.activation.title if first.activation else ""
            note = f"{first.name}: the {JOINED[first.layer.join]} of {len(item.branches)} branches"
            return operator(sign, after, note) if len(sign) == 1 else pill(sign, note)
        channels = [node.output.channels for node in (first, last)]
        numbers = " … ".join(map(str, dict.fromkeys(channels)))
        return pill(f"concat, {numbers}", f"{first.name}: {len(item.branches)} branches")

    def _layer(self, item: Layers) -> Drawn:
        sums = self.costs.of(item.nodes)
        shade = sums.share / self.darkest if sums.macs else None
        return layer_box(caption(item, sums, self.style), shade)


def _named(item: Branching) -> bool:
    block = item.nodes[0].layer
    return isinstance(block, Block) and block.call is not None


def _is_identity(branch: Sequence[Item]) -> bool:
    """Whether a branch passes its input on."""
    return all(
        isinstance(item, Layers) and isinstance(item.nodes[0].layer, Identity) for item in branch
    )


def _worth_a_label(item: Item) -> bool:
    """Whether to show the map after an item: another size, other channels."""
    before, after = input_of(item), item.nodes[-1].output
    block = item.nodes[0].layer
    if isinstance(block, Block):
        return before[1:] != after[1:] or block.join.concatenates
    return before[1:] != after[1:] and not isinstance(block, Linear)


class _Graph:
    """Drawn nodes and the edges between them, on their way to the layout."""

    def __init__(self) -> None:
        self.nodes: dict[str, Drawn] = {}
        self.edges: list[Edge] = []

    def add(self, drawn: Drawn, source: str | None, weight: int) -> str:
        """Add a node, after another where there is one."""
        name = str(len(self.nodes))
        self.nodes[name] = drawn
        if source is not None:
            self.edges.append(Edge(source, name, weight))
        return name

    def join(self, source: str, target: str, weight: int) -> None:
        """Add an edge."""
        self.edges.append(Edge(source, target, weight))

    def drawn(self) -> Drawn:
        """Lay out and draw; the first node begins the line through it all, the last ends it."""
        sizes = {name: node.size for name, node in self.nodes.items()}
        layout = _closed(layered(sizes, self.edges, apart=_APART, between=_BETWEEN), self)
        names = list(self.nodes)
        middle = layout.places[names[0]].across
        parts: list[Part] = []
        for edge, route in zip(self.edges, layout.routes, strict=True):
            points = _bent([(place.across - middle, place.along) for place in route])
            parts.append(Line(points, tip=self.nodes[edge.target].tip))
        for name, node in self.nodes.items():
            place = layout.places[name]
            parts += moved(node.parts, place.across - middle, place.along)
        size = Size(middle - layout.left, layout.right - middle, layout.length)
        return Drawn(tuple(parts), size, tip=self.nodes[names[0]].tip)


def _closed(layout: Layout, graph: _Graph) -> Layout:
    """Put the first node and the last, each alone in its layer, on one line.

    The place is that of the one with a straight edge, else halfway between both.
    """
    names = list(graph.nodes)
    first, last = names[0], names[-1]
    ends = (layout.places[first].across, layout.places[last].across)
    if ends[0] == ends[1]:
        return layout
    leaving = {k for k, edge in enumerate(graph.edges) if edge.source == first}
    coming = {k for k, edge in enumerate(graph.edges) if edge.target == last}
    straight = [
        any(abs(layout.routes[k][1].across - layout.routes[k][2].across) < 0.05 for k in leaving),
        any(abs(layout.routes[k][-3].across - layout.routes[k][-2].across) < 0.05 for k in coming),
    ]
    line = ends[straight.index(True)] if any(straight) else sum(ends) / 2
    routes = []
    for k, route in enumerate(layout.routes):
        points = list(route)
        for at in (0, 1) * (k in leaving) + (-2, -1) * (k in coming):
            points[at] = points[at]._replace(across=line)
        routes.append(tuple(points))
    on_line = {name: layout.places[name]._replace(across=line) for name in (first, last)}
    return layout._replace(places=layout.places | on_line, routes=tuple(routes))


def _bent(route: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """A route down the page with right angles: its level parts are halfway between layers."""
    points = list(route[:1])
    for (x, y), (to_x, to_y) in pairwise(route):
        if abs(to_x - x) > 0.05:
            points += [(x, (y + to_y) / 2), (to_x, (y + to_y) / 2)]
        points.append((to_x if abs(to_x - x) > 0.05 else x, to_y))
    return tuple(points)
