"""Tables of what paths through a graph cost, from its start and from its end, joined in between.

A row is a state and what the paths to it cost: those of the same costs are one, and counted. Two
tables that meet in one level give every network by a binary search in sorted costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctcdsl.spaces.graph import Graph
from ctcdsl.spaces.measures import NOTHING

Ints = NDArray[np.int64]

MAX_ROWS = 30_000_000
MAX_PAIRS = 200_000_000
CHUNK = 1_000_000
"""Pairs that are looked at together."""
_FREE = 4 * 10**18
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
        low = [-_FREE if low is None else low for low, _ in bounds]
        high = [_FREE if high is None else high for _, high in bounds]
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

    def __init__(self, graph: Graph, limits: Limits) -> None:
        self.graph = graph
        self.limits = limits
        self.adds = np.array([measure.adds for measure in graph.measures], bool)
        width = len(graph.measures)
        self.levels = [
            EdgeArrays(
                np.array([edge.source for edge in level.edges], np.int64),
                np.array([edge.target for edge in level.edges], np.int64),
                np.array([edge.costs for edge in level.edges], np.int64).reshape(-1, width),
            )
            for level in graph.levels
        ]
        self.sizes = [1, *(level.size for level in graph.levels)]

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
            least = np.full((size, len(self.adds)), _FREE, np.int64)
            most = np.full((size, len(self.adds)), -_FREE, np.int64)
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
        both = np.where(self.adds, one + other, np.maximum(one, other))
        return np.clip(both, -_FREE, _FREE)

    # ---------------------------------------------------------------- tables

    def begin(self, *, forward: bool) -> Rows:
        """The table of the first state, or of the last ones."""
        size = self.sizes[0 if forward else -1]
        nothing = np.where(self.adds, 0, NOTHING)
        none = np.full(size, -1, np.int64)
        states = np.arange(size, dtype=np.int64)
        return Rows(states, np.tile(nothing, (size, 1)), np.ones(size, np.int64), none, none)

    def projected(self, rows: Rows, level: int, *, forward: bool) -> int:
        """How many rows the next table has at most."""
        degree = self._degree(level, forward=forward)
        return int(degree[rows.state].sum())

    def _degree(self, level: int, *, forward: bool) -> Ints:
        edges = self.levels[level]
        size = self.sizes[level] if forward else self.sizes[level + 1]
        at = edges.source if forward else edges.target
        return np.bincount(at, minlength=size).astype(np.int64)

    def extend(self, rows: Rows, level: int, *, forward: bool, merged: bool = True) -> Rows:
        """The table one level on: forward behind the level's edges, else before them."""
        edges = self.levels[level]
        here, there = edges.source, edges.target
        if not forward:
            here, there = there, here
        order = np.argsort(here, kind="stable")
        degree = self._degree(level, forward=forward)
        starts = np.concatenate(([0], np.cumsum(degree)))
        repeats = degree[rows.state]
        total = int(repeats.sum())
        if total > MAX_ROWS:
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

    def meet(self) -> tuple[list[Rows], list[Rows]]:
        """The tables from both ends up to the level where they meet, the smaller one first.

        Raises:
            TooMany: They do not fit into memory.
        """
        forward, backward = [self.begin(forward=True)], [self.begin(forward=False)]
        low, high = 0, len(self.levels)
        while low < high:
            ahead = self.projected(forward[-1], low, forward=True)
            behind = self.projected(backward[-1], high - 1, forward=False)
            if ahead <= behind:
                forward.append(self.extend(forward[-1], low, forward=True))
                low += 1
            else:
                backward.append(self.extend(backward[-1], high - 1, forward=False))
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


class Join:
    """Two tables that meet in one level: the networks of both together."""

    def __init__(self, tables: Tables, before: Rows, after: Rows) -> None:
        self._adds, self._limits = tables.adds, tables.limits
        self._combine = tables.combine
        self.before = before
        wide = self._wide(after)
        self._column = wide
        value = after.costs[:, wide]
        order = np.lexsort((value, after.state))
        self.after = Rows(*(part[order] for part in after))
        value = value[order]
        self._least = int(value.min()) if len(value) else 0
        self._span = (int(value.max()) - self._least if len(value) else 0) + 2
        self._keys = self.after.state * self._span + (value - self._least)

    def _wide(self, rows: Rows) -> int:
        """The measure to search by: of those that add up that with most values."""
        bounded = self._limits.high < _FREE
        bounded |= self._limits.low > -_FREE
        columns = np.flatnonzero(self._adds & bounded)
        if not len(columns):
            columns = np.flatnonzero(self._adds)
        if not len(columns):
            return 0
        return int(max(columns, key=lambda k: len(np.unique(rows.costs[:, k]))))

    def _ranges(self, before: Rows, keys: Ints) -> tuple[Ints, Ints]:
        """From which to which row of a sorted table each row's partners are."""
        k = self._column
        own = before.costs[:, k]
        base = before.state * self._span
        if not self._adds[k]:
            return np.searchsorted(keys, base), np.searchsorted(keys, base + self._span)
        low = np.clip(self._limits.low[k] - own - self._least, 0, self._span)
        high = np.clip(self._limits.high[k] - own - self._least + 1, 0, self._span)
        first = np.searchsorted(keys, base + low)
        return first, np.maximum(first, np.searchsorted(keys, base + high))

    def count(self) -> int:
        """The number of networks within the limits.

        Raises:
            TooMany: There are too many pairs to look at.
        """
        bounded = (self._limits.high < _FREE) | (self._limits.low > -_FREE)
        bounded[self._column] = False
        others = np.flatnonzero(bounded)
        combinations = np.unique(self.after.costs[:, others], axis=0)
        if len(combinations) > 2000:
            return sum(int(counts.sum()) for *_, counts in self.pairs())
        total = 0
        for values in combinations:
            at = (self.after.costs[:, others] == values).all(axis=1)
            together = np.where(
                self._adds[others],
                self.before.costs[:, others] + values,
                np.maximum(self.before.costs[:, others], values),
            )
            fits = (together <= self._limits.high[others]).all(axis=1)
            fits &= (together >= self._limits.low[others]).all(axis=1)
            before = Rows(*(part[fits] for part in self.before))
            first, last = self._ranges(before, self._keys[at])
            sums = np.concatenate(([0], np.cumsum(self.after.paths[at])))
            partners = sums[last] - sums[first]
            total += _dot(before.paths, partners)
        return total

    def pairs(self) -> Any:
        """The pairs within the limits, some at a time: rows of both tables, costs, counts.

        Raises:
            TooMany: There are too many pairs to look at.
        """
        first, last = self._ranges(self.before, self._keys)
        many = last - first
        if int(many.sum()) > MAX_PAIRS:
            raise TooMany
        ends = np.cumsum(many)
        start = 0
        while start < len(many):
            base = int(ends[start - 1]) if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, base + CHUNK, side="right")))
            part = many[start:stop]
            one = np.repeat(np.arange(start, stop), part)
            offsets = np.arange(int(part.sum())) - np.repeat(np.cumsum(part) - part, part)
            other = np.repeat(first[start:stop], part) + offsets
            costs = self._combine(self.before.costs[one], self.after.costs[other])
            keep = (costs <= self._limits.high).all(axis=1)
            keep &= (costs >= self._limits.low).all(axis=1)
            one, other, costs = one[keep], other[keep], costs[keep]
            yield one, other, costs, self.before.paths[one] * self.after.paths[other]
            start = stop


def _dot(one: Ints, other: Ints) -> int:
    """The sum of products, exact where it is more than 64 bits."""
    if not len(one):
        return 0
    if float(one.astype(float) @ other.astype(float)) < 2**62:
        return int(one @ other)
    return sum(a * b for a, b in zip(one.tolist(), other.tolist(), strict=True))
