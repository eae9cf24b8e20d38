"""The networks of a space one after another, within limits, in the order of its choices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ctcdsl.spaces.choices import Decision
from ctcdsl.spaces.graph import Edge
from ctcdsl.spaces.tables import Rows, Tables

Path = tuple[tuple[Decision, ...], tuple[int, ...]]
"""The decisions that lead to a network, and what it costs by each measure."""


def paths(tables: Tables) -> Iterator[Path]:
    """Every path within the limits, in the order of the choices; none is built before it is asked.

    What follows a state at least and at most tells which edges can still lead to one.
    """
    graph, adds = tables.graph, tables.adds.tolist()
    low, high = tables.limits.low.tolist(), tables.limits.high.tolist()
    columns = range(len(adds))
    least = [part[0].tolist() for part in tables.suffix]
    most = [part[1].tolist() for part in tables.suffix]
    leaving: list[list[list[int]]] = []
    for k, level in enumerate(graph.levels):
        of: list[list[int]] = [[] for _ in range(tables.sizes[k])]
        for index, edge in enumerate(level.edges):
            of[edge.source].append(index)
        leaving.append(of)
    nothing = tuple(tables.begin(forward=True).costs[0].tolist())
    depth = len(graph.levels)
    stack: list[tuple[int, int, tuple[int, ...], tuple[Decision, ...]]] = [(0, 0, nothing, ())]
    while stack:
        at, state, costs, decisions = stack.pop()
        if at == depth:
            yield decisions, costs
            continue
        for index in reversed(leaving[at][state]):
            edge = graph.levels[at].edges[index]
            target = edge.target
            together = tuple(
                [
                    costs[k] + edge.costs[k] if adds[k] else max(costs[k], edge.costs[k])
                    for k in columns
                ]
            )
            below, above = least[at + 1][target], most[at + 1][target]
            for k in columns:
                value = together[k]
                if adds[k]:
                    fits = value + below[k] <= high[k] and value + above[k] >= low[k]
                else:
                    fits = max(value, below[k]) <= high[k] and max(value, above[k]) >= low[k]
                if not fits:
                    break
            else:
                stack.append((at + 1, target, together, (*decisions, *edge.decisions)))


def edges_to(tables: Tables, before: Sequence[Rows], row: int) -> list[Edge]:
    """The edges of one path to a row of the last of some forward tables."""
    result: list[Edge] = []
    for k in range(len(before) - 1, 0, -1):
        rows = before[k]
        result.append(tables.graph.levels[k - 1].edges[int(rows.edge[row])])
        row = int(rows.parent[row])
    return result[::-1]


def edges_from(tables: Tables, after: Sequence[Rows], row: int) -> list[Edge]:
    """The edges of one path from a row of the last of some backward tables to the end."""
    result: list[Edge] = []
    depth = len(tables.graph.levels)
    for k in range(len(after) - 1, 0, -1):
        rows = after[k]
        result.append(tables.graph.levels[depth - k].edges[int(rows.edge[row])])
        row = int(rows.parent[row])
    return result
