"""What no other row is better than in every respect."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import NDArray

from ctcdsl.spaces.tables import Ints

_BLOCK = 1024
_CELLS = 1024
_SAMPLE = 50_000
"""Rows by which columns are cut into cells, at most 1024."""
_ELITE = 48
"""Rows that all others are compared with first: most are beaten by one of them."""


def front(values: Ints) -> NDArray[np.int64]:
    """The rows that no other is at least as good as: less is better in every column.

    Of equal rows the first. The result is sorted by the columns.
    """
    if not len(values):
        return np.zeros(0, np.int64)
    differ = (values != values[0]).any(axis=0)  # what is equal in all rows beats none
    values = values[:, differ] if differ.any() else values[:, :1]
    columns = values.shape[1]
    if len(values) < 4 * _BLOCK or columns < 3:
        start = np.arange(len(values))
    else:
        start = _unbeaten_by_cells(values) if columns == 3 else _unbeaten_by_elite(values)
    order = start[np.lexsort(values[start].T[::-1])]
    ordered = values[order]
    new = np.ones(len(order), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    order, ordered = order[new], ordered[new]
    # Rows are sorted by their first column: one is beaten by earlier ones alone.
    if columns < 2:
        return order[:1]
    if columns == 2:
        return order[_falls(ordered[:, 1])]
    return order[_staircase(ordered) if columns == 3 else _by_blocks(ordered)]


def _unbeaten_by_elite(values: Ints) -> NDArray[np.int64]:
    """The rows that those with the least sums, each column by its range, do not beat."""
    least = values.min(axis=0)
    spread = np.maximum(values.max(axis=0) - least, 1)
    sums = ((values - least) / spread).sum(axis=1)
    kept = np.arange(len(values))
    for k in np.argpartition(sums, _ELITE)[:_ELITE].tolist():
        rows = values[kept]
        beaten = (rows >= values[k]).all(axis=1) & (rows > values[k]).any(axis=1)
        kept = kept[~beaten]
    return kept


def _unbeaten_by_cells(values: Ints) -> NDArray[np.int64]:
    """The rows of three columns that none of a cell before theirs beats.

    The first two columns are cut into as many cells as hold equal numbers of rows: of a cell that
    is before another in both, every row has less in both.
    """
    side = min(_CELLS, int(len(values) ** 0.5))
    shares = np.linspace(0, 1, side + 1)[1:-1]
    sample = values[:: max(1, len(values) // _SAMPLE)]
    one, other = (np.searchsorted(np.quantile(sample[:, k], shares), values[:, k]) for k in (0, 1))
    best = np.full((side + 1, side + 1), np.iinfo(np.int64).max)
    np.minimum.at(best, (one + 1, other + 1), values[:, 2])
    for axis in (0, 1):
        np.minimum.accumulate(best, axis=axis, out=best)
    return np.flatnonzero(values[:, 2] < best[one, other])


def _falls(column: Ints) -> NDArray[np.bool_]:
    """Where a column is less than ever before."""
    keep = np.ones(len(column), bool)
    keep[1:] = column[1:] < np.minimum.accumulate(column)[:-1]
    return keep


def _staircase(ordered: Ints) -> NDArray[np.int64]:
    """The front of sorted rows of three columns.

    The last two columns of the rows before are kept as stairs: the second rises, the third falls.
    """
    across: list[int] = []
    height: list[int] = []
    kept: list[int] = []
    for k, (x, y) in enumerate(ordered[:, 1:].tolist()):
        at = bisect_right(across, x)
        if at and height[at - 1] <= y:
            continue
        kept.append(k)
        first = bisect_left(across, x)
        end = first
        while end < len(height) and height[end] >= y:
            end += 1
        across[first:end] = [x]
        height[first:end] = [y]
    return np.array(kept, np.int64)


def _by_blocks(ordered: Ints) -> NDArray[np.int64]:
    """The front of sorted rows, compared one with another."""
    best = np.zeros((0, ordered.shape[1]), np.int64)
    kept: list[NDArray[np.int64]] = []
    for start in range(0, len(ordered), _BLOCK):
        block = ordered[start : start + _BLOCK]
        candidates = np.flatnonzero(~_beaten(block, best))
        block = block[candidates]
        within = np.ones(len(block), bool)
        for k in range(len(block)):
            if within[k]:
                within[k + 1 :] &= ~(block[k + 1 :] >= block[k]).all(axis=1)
        kept.append(start + candidates[within])
        best = np.concatenate((best, block[within]))
    return np.concatenate(kept)


def _beaten(rows: Ints, best: Ints) -> NDArray[np.bool_]:
    """Which rows some of `best` are at least as good as."""
    beaten = np.zeros(len(rows), bool)
    for start in range(0, len(best), _BLOCK):
        part = best[start : start + _BLOCK]
        left = np.flatnonzero(~beaten)
        better = np.asarray((part[None, :, :] <= rows[left, None, :]).all(axis=2))
        beaten[left] = np.asarray(better.any(axis=1))
    return beaten


def fronts(values: Ints, group: Ints, most: int) -> NDArray[np.int64] | None:
    """The fronts of groups of rows, one after another; None where they have more than `most`."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    cuts = np.flatnonzero(np.diff(ordered)) + 1
    parts: list[NDArray[np.int64]] = []
    for part in np.split(order, cuts):
        parts.append(part[front(values[part])])
        most -= len(parts[-1])
        if most < 0:
            return None
    return np.concatenate(parts)
