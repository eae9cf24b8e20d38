"""Two tables that meet in one level: the networks of both together, by a binary search."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ctcdsl.spaces.tables import CHUNK, FREE, Ints, Rows, Tables, TooMany

MAX_PAIRS = 200_000_000

Pairs = tuple[Ints, Ints, Ints, Ints]
"""Rows of both tables, what they cost together, how many networks each pair is."""


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
        bounded = self._limits.high < FREE
        bounded |= self._limits.low > -FREE
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
        bounded = (self._limits.high < FREE) | (self._limits.low > -FREE)
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

    def pairs(self, most: int = MAX_PAIRS) -> Iterator[Pairs]:
        """The pairs within the limits, some at a time, of at most so many that are looked at.

        Raises:
            TooMany: There are too many pairs to look at.
        """
        first, last = self._ranges(self.before, self._keys)
        many = last - first
        if int(many.sum()) > most:
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
    if one.dtype != object and float(one.astype(float) @ other.astype(float)) < 2**62:
        return int(one @ other)
    return sum(a * b for a, b in zip(one.tolist(), other.tolist(), strict=True))
