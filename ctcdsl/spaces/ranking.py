"""The networks of a space that no other is better than: deeper, with less memory, fewer parameters.

Where few enough networks are within the limits, all of them are compared. Where there are more,
tables are thinned level by level: of rows of one state those stay that no other beats in what is
ranked and what is bounded from above. That is exact where every bound is of one side; where one is
an interval, rows are compared within shares of it, and where too many stay costs are rounded: then
the front is said to be approximate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ctcdsl.spaces.graph import Ranked
from ctcdsl.spaces.join import Join
from ctcdsl.spaces.listing import edges_from, edges_to
from ctcdsl.spaces.pareto import front, fronts
from ctcdsl.spaces.tables import FREE, Ints, Rows, Tables, TooMany

MAX_COMPARED = 5_000_000
MAX_MET = 3_000_000
"""Rows of a table beyond which networks are too many to compare."""
SHARES = 64
"""Into how many an interval is cut where networks are too many to compare."""
MAX_KEPT = 400_000
"""Rows of a table beyond which costs are rounded."""


class Front(NamedTuple):
    """The networks that no other beats, and what was rounded to find them."""

    networks: tuple[Ranked, ...]
    rounded: str = ""


def rank(tables: Tables, signs: Sequence[int], seen: list[Front] | None = None) -> Front:
    """The front of the networks within limits.

    Args:
        tables: The space.
        signs: For each measure 1 where less is better, -1 where more is, 0 where it is not ranked.
        seen: Is given the front of those that are compared so far, again and again.
    """
    signs_of = np.array(signs, np.int64)
    columns = np.flatnonzero((signs_of != 0) | tables.bounded()).tolist()
    few = Tables(tables.graph, tables.limits, columns)
    try:
        return _compared(few, signs_of[columns], [] if seen is None else seen)
    except TooMany:
        return _thinned(few, signs_of[columns])


def _compared(tables: Tables, signs: Ints, seen: list[Front]) -> Front:
    """The front by comparing all networks."""
    before, after = tables.meet(MAX_MET)
    join = Join(tables, before[-1], after[-1])
    ranked = np.flatnonzero(signs)
    # The join sorts the table behind; its rows keep their parents and edges.
    behind = [*after[:-1], join.after]
    best: list[tuple[Ints, Ints, Ints]] = []
    for one, other, costs, _ in join.pairs(MAX_COMPARED):
        at = front(costs[:, ranked] * signs[ranked])
        best.append((one[at], other[at], costs[at]))
        seen.append(_joined(tables, before, behind, best, signs))
    return seen[-1] if seen else Front(())


def _joined(
    tables: Tables,
    before: list[Rows],
    behind: list[Rows],
    best: Sequence[tuple[Ints, Ints, Ints]],
    signs: Ints,
) -> Front:
    """The front of some pairs of rows."""
    ranked = np.flatnonzero(signs)
    ones, others, costs = (np.concatenate(parts) for parts in zip(*best, strict=True))
    found = [
        (*edges_to(tables, before, int(ones[k])), *edges_from(tables, behind, int(others[k])))
        for k in front(costs[:, ranked] * signs[ranked]).tolist()
    ]
    return Front(tuple(map(tables.graph.ranked, found)))


def _thinned(tables: Tables, signs: Ints) -> Front:
    """The front by tables that keep what may still be best."""
    low, high = tables.limits
    capped, floored = high < FREE, low > -FREE
    # What is wanted small, what large; what is both is compared within groups.
    wish = np.where(signs != 0, signs, np.where(capped, 1, np.where(floored, -1, 0)))
    wish = np.where(tables.adds | (signs != 0), wish, 0)  # of the largest, edges keep the limit
    grouped = (capped & floored & tables.adds) | ((wish < 0) & capped) | ((wish > 0) & floored)
    span = np.where(capped & floored, high - low, np.where(capped, high, np.abs(low)))
    width = np.where(grouped & (span > 4 * SHARES), span // SHARES, 1)
    compared = np.flatnonzero((wish != 0) & ~(grouped & (signs == 0)))
    groups = np.flatnonzero(grouped)
    rounded = [tables.measures[k].name for k in groups if width[k] > 1]
    steps = np.ones(len(signs), np.int64)
    tables_before = [tables.begin(forward=True)]
    for level in range(len(tables.levels)):
        rows = tables.extend(tables_before[-1], level, forward=True, merged=False)
        kept = _best(rows, wish, compared, groups, width, steps)
        while kept is None:
            steps *= 2
            kept = _best(rows, wish, compared, groups, width, steps * _spread(rows.costs))
        tables_before.append(kept)
    last = tables_before[-1]
    ranked = np.flatnonzero(signs)
    result = [
        tables.graph.ranked(edges_to(tables, tables_before, k))
        for k in front(last.costs[:, ranked] * signs[ranked]).tolist()
    ]
    note = ""
    if rounded:
        note = f"{', '.join(rounded)} compared within 1/{SHARES} of its bound"
    if steps.max() > 1:
        note = ", ".join(filter(None, [note, f"costs to {steps.max()}/10,000 of their range"]))
    return Front(tuple(result), note)


def _spread(costs: Ints) -> Ints:
    """A ten-thousandth of the range of each column."""
    return np.asarray(np.maximum(1, (costs.max(axis=0) - costs.min(axis=0)) // 10_000))


def _best(
    rows: Rows, wish: Ints, compared: Ints, groups: Ints, width: Ints, steps: Ints
) -> Rows | None:
    """The rows of each state, and group, that no other beats; None where they are too many."""
    if not len(rows.state):
        return rows
    group = rows.state
    for k in groups:
        _, share = np.unique(rows.costs[:, k] // width[k], return_inverse=True)
        group = group * (share.max() + 1) + share
    values = (rows.costs[:, compared] // steps[compared]) * wish[compared]
    at = fronts(values, group, MAX_KEPT)
    return None if at is None else Rows(*(part[np.sort(at)] for part in rows))
