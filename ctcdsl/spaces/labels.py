"""The front of a space in plain Python, for a browser, which has no NumPy.

A label is a way to a state, with what it costs. Level by level those stay that no other of the
same state beats in what is ranked and what is bounded, which is exact: what follows a state costs
the same after each of them. `ranking` does so on arrays, for any bounds and objectives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import le
from typing import NamedTuple

from ctcdsl.metrics.catalog import MACS
from ctcdsl.spaces.design import Design
from ctcdsl.spaces.graph import Edge, Graph, Ranked
from ctcdsl.spaces.measures import CHAINS, NARROWEST, NOTHING, Measure, measure_of
from ctcdsl.spaces.objectives import Rails, order, usual
from ctcdsl.spaces.space import Space

MAX_LABELS = 20_000
"""Labels of a level beyond which no front is found: a browser would take minutes."""

_RANKED = {objective.metric.name: 1 if objective.less else -1 for objective in usual()}
"""The signs of what is ranked: times them, less is better."""


class _Column(NamedTuple):
    """A measure as labels have it: its number, and times `sign` less is better.

    Those that are `alone` are compared with the same value only, as more is wanted and bounded.
    """

    number: int
    sign: int
    adds: bool
    high: int | None
    alone: bool


class _Label(NamedTuple):
    values: tuple[int, ...]
    before: _Label | None
    edge: Edge | None


def usual_front(space: Space, macs: int | None = None) -> tuple[Design, ...] | None:
    """The networks that no other beats in depth, activation memory and parameters, deepest first.

    They keep to the rails of a search.

    Args:
        space: The space.
        macs: The most MACs of a network.

    Returns:
        None where there are too many ways to compare.
    """
    metrics = (*(objective.metric for objective in usual()), MACS)
    measures = [measure for metric in metrics if (measure := measure_of(metric)) is not None]
    graph = space.graph([*measures, NARROWEST, CHAINS])
    limits = Rails().limits(any_depth=space.has_shortcuts)
    highs = {name: high for name, (_, high) in limits.items()} | {MACS.name: macs}
    columns = [_column(k, m, highs.get(m.name)) for k, m in enumerate(graph.measures)]
    found = _front(graph, columns)
    if found is None:
        return None
    names = [metric.name for metric in metrics]
    designs = [
        Design(space.draft, each.decisions, dict(zip(names, each.costs[: len(names)], strict=True)))
        for each in found
    ]
    return tuple(sorted(designs, key=lambda design: order(usual(), design.costs)))


def _column(number: int, measure: Measure, high: int | None) -> _Column:
    sign = _RANKED.get(measure.name, 0)
    return _Column(number, sign, measure.adds, high, sign < 0 and high is not None)


def _front(graph: Graph, columns: Sequence[_Column]) -> list[Ranked] | None:
    """The best networks; None where a level has too many labels."""
    # Of the largest part, an edge beyond its bound is left out, and nothing else matters.
    kept = [c for c in columns if c.sign or (c.high is not None and c.adds)]
    start = _Label(tuple([0 if c.adds else NOTHING for c in kept]), None, None)
    labels: list[list[_Label]] = [[start]]
    for level in graph.levels:
        following: list[list[_Label]] = [[] for _ in range(level.size)]
        for edge in level.edges:
            if all(c.adds or c.high is None or edge.costs[c.number] <= c.high for c in columns):
                following[edge.target] += _extended(labels[edge.source], edge, kept)
        labels = [list(_best(state, kept)) for state in following]
        if sum(map(len, labels)) > MAX_LABELS:
            return None
    ranked = [(k, c) for k, c in enumerate(kept) if c.sign]
    ends = (label for state in labels for label in state)
    values = ((tuple([c.sign * label.values[k] for k, c in ranked]), label) for label in ends)
    return [graph.ranked(_edges(label)) for label in _unbeaten(values)]


def _extended(labels: Iterable[_Label], edge: Edge, columns: Sequence[_Column]) -> Iterator[_Label]:
    """Labels continued by an edge, but for those beyond a bound."""
    costs = [edge.costs[c.number] for c in columns]
    for label in labels:
        values = tuple(
            [
                value + cost if column.adds else max(value, cost)
                for value, cost, column in zip(label.values, costs, columns, strict=True)
            ]
        )
        if all(c.high is None or x <= c.high for x, c in zip(values, columns, strict=True)):
            yield _Label(values, label, edge)


def _best(labels: Iterable[_Label], columns: Sequence[_Column]) -> Iterator[_Label]:
    """The labels of a state that may still be the best."""
    alone = [k for k, c in enumerate(columns) if c.alone]
    others = [(k, c.sign or 1) for k, c in enumerate(columns) if not c.alone]
    groups: dict[tuple[int, ...], list[tuple[tuple[int, ...], _Label]]] = {}
    for label in labels:
        values = tuple([sign * label.values[k] for k, sign in others])
        groups.setdefault(tuple([label.values[k] for k in alone]), []).append((values, label))
    for group in groups.values():
        yield from _unbeaten(group)


def _unbeaten(group: Iterable[tuple[tuple[int, ...], _Label]]) -> list[_Label]:
    """The labels that no other is at least as good as, less being better; of equal ones the first.

    Sorted, one is beaten by earlier ones alone.
    """
    kept: list[tuple[tuple[int, ...], _Label]] = []
    for values, label in sorted(group, key=lambda pair: pair[0]):
        if not any(all(map(le, best, values)) for best, _ in reversed(kept)):
            kept.append((values, label))
    return [label for _, label in kept]


def _edges(label: _Label) -> list[Edge]:
    """The path of a label."""
    edges: list[Edge] = []
    while label.before is not None and label.edge is not None:
        edges.append(label.edge)
        label = label.before
    return edges[::-1]
