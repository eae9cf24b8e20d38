"""Tables of what paths through a graph cost, from its start and from its end, joined in between.

A row is a state and what the paths to it cost: those of the same costs are one, and counted. Two
tables that meet in one level give every network by a binary search in sorted costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctcdsl.spaces.graph import Graph
from ctcdsl.spaces.measures import NOTHING

Ints = NDArray[np.int64]

MAX_ROWS = 30_000_000
CHUNK = 1_000_000
"""Pairs that are looked at together."""
FREE = 4 * 10**18
"""Further than any cost."""


class TooMany(Exception):
    """A table, or what two give together, would not fit into memory."""


class Limits(NamedTuple):
    """The least and the most of each measure."""

    low: Ints
    high: Ints

    @classmethod
    def of(cls, bounds: Sequence[tuple[int | None, int | None]]) -> Limits:
        """Limits of numbers; None where there is none."""
        low = [-FREE if low is None else low for low, _ in bounds]
        high = [FREE if high is None else high for _, high in bounds]
        return cls(np.array(low, np.int64), np.array(high, np.int64))


class Rows(NamedTuple):
    """A table: states, costs, how many paths; and the row and the edge that each comes from."""

    state: Ints
    costs: Ints
    paths: Ints
    parent: Ints
    edge: Ints


class EdgeArrays(NamedTuple):
    """The edges of a level as arrays, with what of the graph is before and after."""

    source: Ints
    target: Ints
    costs: Ints


class Tables:
    """The arrays of a graph within limits, and tables over them."""

    def __init__(self, graph: Graph, limits: Limits, columns: Sequence[int] | None = None) -> None:
        """Tables of all measures, or of some, by number: the others only make more rows."""
        chosen = list(range(len(graph.measures))) if columns is None else list(columns)
        self.graph = graph
        self.measures = [graph.measures[k] for k in chosen]
        self.limits = Limits(limits.low[chosen], limits.high[chosen])
        self.adds = np.array([measure.adds for measure in self.measures], bool)
        width = len(graph.measures)
        self.levels = [
            EdgeArrays(
                np.array([edge.source for edge in level.edges], np.int64),
                np.array([edge.target for edge in level.edges], np.int64),
                np.array([edge.costs for edge in level.edges], np.int64).reshape(-1, width)[
                    :, chosen
                ],
            )
            for level in graph.levels
        ]
        self.sizes = [1, *(level.size for level in graph.levels)]

    def within(self, limits: Limits) -> Tables:
        """The same arrays within other limits."""
        other = copy(self)
        other.limits = limits
        for known in ("suffix", "prefix"):
            other.__dict__.pop(known, None)
        return other

    def bounded(self) -> NDArray[np.bool_]:
        """Which measures have a limit."""
        return np.asarray((self.limits.high < FREE) | (self.limits.low > -FREE))

    # ---------------------------------------------------------------- bounds

    @cached_property
    def suffix(self) -> list[tuple[Ints, Ints]]:
        """The least and the most that follows each state, by level."""
        return self._extremes(forward=False)

    @cached_property
    def prefix(self) -> list[tuple[Ints, Ints]]:
        """The least and the most that leads to each state, by level."""
        return self._extremes(forward=True)

    def _extremes(self, *, forward: bool) -> list[tuple[Ints, Ints]]:
        nothing = np.where(self.adds, 0, NOTHING)
        first = np.tile(nothing, (self.sizes[0 if forward else -1], 1))
        result = [(first, first)]
        order = range(len(self.levels))
        for k in order if forward else reversed(order):
            level = self.levels[k]
            here, there = (level.source, level.target) if forward else (level.target, level.source)
            size = self.sizes[k + 1] if forward else self.sizes[k]
            least = np.full((size, len(self.adds)), FREE, np.int64)
            most = np.full((size, len(self.adds)), -FREE, np.int64)
            allowed = ~self._over(level.costs)
            near, far = here[allowed], there[allowed]
            costs = level.costs[allowed]
            np.minimum.at(least, far, self.combine(result[-1][0][near], costs))
            np.maximum.at(most, far, self.combine(result[-1][1][near], costs))
            result.append((least, most))
        return result if forward else result[::-1]

    def _over(self, costs: Ints) -> NDArray[np.bool_]:
        """Whether edges by themselves exceed a limit; of what adds up that is never lowered."""
        exceeded = costs > self.limits.high
        return np.asarray(exceeded[:, ~self.adds].any(axis=1))

    def combine(self, one: Ints, other: Ints) -> Ints:
        """The costs of two parts together."""
        # What is free is so large that a sum of two is still a number of 64 bits.
        both = one + other
        if not self.adds.all():
            largest = ~self.adds
            both[..., largest] = np.maximum(one[..., largest], other[..., largest])
        return np.clip(both, -FREE, FREE, out=both)

    # ---------------------------------------------------------------- tables

    @cached_property
    def huge(self) -> bool:
        """Whether numbers of networks are beyond 64 bits: they are Python's then."""
        return self.graph.networks >= 2**62

    def begin(self, *, forward: bool) -> Rows:
        """The table of the first state, or of the last ones."""
        size = self.sizes[0 if forward else -1]
        nothing = np.where(self.adds, 0, NOTHING)
        none = np.full(size, -1, np.int64)
        states = np.arange(size, dtype=np.int64)
        paths = np.ones(size, object if self.huge else np.int64)
        return Rows(states, np.tile(nothing, (size, 1)), paths, none, none)

    def projected(self, rows: Rows, level: int, *, forward: bool) -> int:
        """How many rows the next table has at most."""
        degree = self._degree(level, forward=forward)
        return int(degree[rows.state].sum())

    def _degree(self, level: int, *, forward: bool) -> Ints:
        edges = self.levels[level]
        size = self.sizes[level] if forward else self.sizes[level + 1]
        at = edges.source if forward else edges.target
        return np.bincount(at, minlength=size).astype(np.int64)

    def extend(
        self,
        rows: Rows,
        level: int,
        *,
        forward: bool,
        merged: bool = True,
        limit: int = MAX_ROWS,
    ) -> Rows:
        """The table one level on: forward behind the level's edges, else before them.

        Raises:
            TooMany: It would have more rows than `limit`.
        """
        edges = self.levels[level]
        here, there = edges.source, edges.target
        if not forward:
            here, there = there, here
        order = np.argsort(here, kind="stable")
        degree = self._degree(level, forward=forward)
        starts = np.concatenate(([0], np.cumsum(degree)))
        repeats = degree[rows.state]
        total = int(repeats.sum())
        if total > limit:
            raise TooMany
        parent = np.repeat(np.arange(len(rows.state)), repeats)
        ends = np.cumsum(repeats)
        within = np.arange(total) - np.repeat(ends - repeats, repeats)
        edge = order[starts[rows.state[parent]] + within]
        costs = self.combine(rows.costs[parent], edges.costs[edge])
        state = there[edge]
        rest = self.suffix[level + 1] if forward else self.prefix[level]
        least = self.combine(rest[0][state], costs)
        most = self.combine(rest[1][state], costs)
        keep = (least <= self.limits.high).all(axis=1) & (most >= self.limits.low).all(axis=1)
        rows = Rows(state[keep], costs[keep], rows.paths[parent[keep]], parent[keep], edge[keep])
        return _merged(rows) if merged else rows

    def meet(self, limit: int = MAX_ROWS) -> tuple[list[Rows], list[Rows]]:
        """The tables from both ends up to the level where they meet, the smaller one first.

        Raises:
            TooMany: One has more rows than `limit`.
        """
        forward, backward = [self.begin(forward=True)], [self.begin(forward=False)]
        low, high = 0, len(self.levels)
        while low < high:
            ahead = self.projected(forward[-1], low, forward=True)
            behind = self.projected(backward[-1], high - 1, forward=False)
            if ahead <= behind:
                forward.append(self.extend(forward[-1], low, forward=True, limit=limit))
                low += 1
            else:
                backward.append(self.extend(backward[-1], high - 1, forward=False, limit=limit))
                high -= 1
        return forward, backward


def _merged(rows: Rows) -> Rows:
    """Rows of the same state and costs as one, with all their paths."""
    if len(rows.state) < 2:
        return rows
    keys = (*rows.costs.T[::-1], rows.state)
    order = np.lexsort(keys)
    state, costs = rows.state[order], rows.costs[order]
    new = np.ones(len(order), bool)
    new[1:] = (state[1:] != state[:-1]) | (costs[1:] != costs[:-1]).any(axis=1)
    starts = np.flatnonzero(new)
    first = order[starts]
    count = np.add.reduceat(rows.paths[order], starts)
    return Rows(state[starts], costs[starts], count, rows.parent[first], rows.edge[first])
