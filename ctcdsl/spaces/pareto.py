"""What no other row is better than in every respect."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctcdsl.spaces.tables import Ints

_BLOCK = 1024


def front(values: Ints) -> NDArray[np.int64]:
    """The rows that no other is at least as good as: less is better in every column.

    Of equal rows the first. The result is sorted by the columns.
    """
    if not len(values):
        return np.zeros(0, np.int64)
    order = np.lexsort(values.T[::-1])
    ordered = values[order]
    new = np.ones(len(order), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    order, ordered = order[new], ordered[new]
    # Rows are sorted by their first column: one is beaten by earlier ones alone.
    best = np.zeros((0, values.shape[1]), np.int64)
    kept: list[NDArray[np.int64]] = []
    for start in range(0, len(order), _BLOCK):
        block = ordered[start : start + _BLOCK]
        alive = ~_beaten(block, best)
        candidates = np.flatnonzero(alive)
        block = block[alive]
        within = np.ones(len(block), bool)
        for k in range(len(block)):
            if within[k]:
                worse = (block[k + 1 :] >= block[k]).all(axis=1)
                within[k + 1 :] &= ~worse
        kept.append(order[start + candidates[within]])
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


def fronts(values: Ints, group: Ints) -> NDArray[np.int64]:
    """The fronts of groups of rows, one after another."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    cuts = np.flatnonzero(np.diff(ordered)) + 1
    parts = [part[front(values[part])] for part in np.split(order, cuts)]
    return np.concatenate(parts) if parts else order
