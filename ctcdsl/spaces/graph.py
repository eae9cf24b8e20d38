"""A space as a graph: states after each step, and the placements that lead from one to the next.

A state is where a step ends and the choices that later steps still read; a path from the first
state to a last one is a network of the space, and there is one path for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ctcdsl.spaces.choices import Decision, Value
from ctcdsl.spaces.measures import NOTHING, Measure, combine, nothing
from ctcdsl.spaces.place import Costs, Place
from ctcdsl.spaces.placement import Placements


class State(NamedTuple):
    """A place, the copies of a repetition that are left, and the choices that are still read."""

    place: Place
    left: int
    live: tuple[tuple[str, Value], ...]


class Edge(NamedTuple):
    """A placement: from which state to which, numbered in their levels, and what it decides."""

    source: int
    target: int
    costs: Costs
    decisions: tuple[Decision, ...]


class Level(NamedTuple):
    """The edges of a step; `size` is the number of states that they lead to."""

    edges: tuple[Edge, ...]
    size: int


class Ranked(NamedTuple):
    """A network by its decisions, and what it costs by each measure."""

    decisions: tuple[Decision, ...]
    costs: Costs


class Graph(NamedTuple):
    """The levels of a space; level 0 leads from one state to each input."""

    levels: tuple[Level, ...]
    measures: tuple[Measure, ...]
    placed: int
    placements: Placements

    def place_of(self, name: str) -> int:
        """The number of a measure."""
        return next(k for k, measure in enumerate(self.measures) if measure.name == name)

    def of_measures(self, columns: Sequence[int]) -> Graph:
        """The same graph with some of its measures, by number."""
        levels = [
            level._replace(
                edges=tuple(
                    Edge(source, target, tuple([costs[k] for k in columns]), decisions)
                    for source, target, costs, decisions in level.edges
                )
            )
            for level in self.levels
        ]
        measures = tuple([self.measures[k] for k in columns])
        return self._replace(levels=tuple(levels), measures=measures)

    def ranked(self, edges: Iterable[Edge]) -> Ranked:
        """The network of a path."""
        costs = nothing(self.measures)
        decisions: list[Decision] = []
        for edge in edges:
            costs = combine(self.measures, costs, edge.costs)
            decisions += edge.decisions
        return Ranked(tuple(decisions), costs)

    def paths_from(self) -> list[list[int]]:
        """How many networks each state of each level leads to, the single first state before all.

        The last list is that of the last states, 1 each.
        """
        last = [1] * (self.levels[-1].size if self.levels else 1)
        counts = [last]
        for k in range(len(self.levels) - 1, -1, -1):
            before = [0] * (self.levels[k - 1].size if k else 1)
            for edge in self.levels[k].edges:
                before[edge.source] += counts[-1][edge.target]
            counts.append(before)
        return counts[::-1]

    @property
    def networks(self) -> int:
        """The number of networks."""
        return self.paths_from()[0][0]

    def extremes(self, measure: int) -> tuple[int, int]:
        """The least and the most of a measure over all networks."""
        adds = self.measures[measure].adds
        least: list[int] = [0] * (self.levels[-1].size if self.levels else 1)
        most = list(least)
        if not adds:
            least = most = [NOTHING] * len(least)
        for k in range(len(self.levels) - 1, -1, -1):
            size = self.levels[k - 1].size if k else 1
            low: list[int | None] = [None] * size
            high: list[int | None] = [None] * size
            for source, target, costs, _ in self.levels[k].edges:
                cost = costs[measure]
                below = cost + least[target] if adds else max(cost, least[target])
                above = cost + most[target] if adds else max(cost, most[target])
                known_low, known_high = low[source], high[source]
                low[source] = below if known_low is None else min(known_low, below)
                high[source] = above if known_high is None else max(known_high, above)
            least = [x or 0 for x in low]
            most = [x or 0 for x in high]
        return least[0], most[0]
