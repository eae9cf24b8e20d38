"""The k best networks of a space by one measure, exactly.

Networks are counted within narrower and narrower limits until few more than k are left: near the
best end tables are small, however large the space is. Those are listed from the tables, all paths
to each row, and the best are taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from ctcdsl.spaces.graph import Edge, Ranked
from ctcdsl.spaces.join import Join
from ctcdsl.spaces.tables import Limits, Rows, Tables

SLACK = 256
"""How many more than k are listed rather than counted once more."""


def best(tables: Tables, column: int, sign: int, k: int) -> tuple[Ranked, ...]:
    """The k best networks within limits; all of them where there are fewer.

    Args:
        tables: The space.
        column: What is compared, by number in the graph's measures.
        sign: 1 where less is better, -1 where more is.
        k: How many; of networks that are equal, some.

    Raises:
        TooMany: They do not fit into memory.
    """
    matter = tables.bounded()
    matter[column] = True
    tables = Tables(tables.graph, tables.limits, np.flatnonzero(matter).tolist())
    column = int(matter[:column].sum())
    least, most = (int(ends[0, column]) for ends in tables.suffix[0])
    low = max(least, int(tables.limits.low[column]))
    high = min(most, int(tables.limits.high[column]))
    if k < 1 or low > high:
        return ()

    def near(distance: int) -> Tables:
        """The tables of networks at most so far from the best that there may be."""
        lows, highs = tables.limits.low.copy(), tables.limits.high.copy()
        if sign > 0:
            highs[column] = low + distance
        else:
            lows[column] = high - distance
        return tables.within(Limits(lows, highs))

    few, enough = -1, 0
    count = _count(near(0))
    while count < k and enough < high - low:
        few, enough = enough, min(high - low, 2 * enough + 1)
        count = _count(near(enough))
    while count > k + SLACK and enough - few > 1:
        middle = (few + enough) // 2
        at_middle = _count(near(middle))
        if at_middle < k:
            few = middle
        else:
            enough, count = middle, at_middle
    return tuple(islice(_sorted(near(enough), column, sign, k), k))


def _count(tables: Tables) -> int:
    least, most = tables.suffix[0]
    if (least[0] > tables.limits.high).any() or (most[0] < tables.limits.low).any():
        return 0
    before, after = tables.meet()
    return Join(tables, before[-1], after[-1]).count()


def _sorted(tables: Tables, column: int, sign: int, k: int) -> Iterator[Ranked]:
    """The k best networks within limits or more, the best first."""
    before, after = tables.meet()
    join = Join(tables, before[-1], after[-1])
    behind = [*after[:-1], join.after]
    value = np.zeros(0, np.int64)
    ones, others = value, value
    for one, other, costs, _ in join.pairs():
        value = np.concatenate((value, sign * costs[:, column]))
        ones, others = np.concatenate((ones, one)), np.concatenate((others, other))
        at = np.argsort(value, kind="stable")[:k]  # a pair is a network or more
        value, ones, others = value[at], ones[at], others[at]
    for row, partner in zip(ones.tolist(), others.tolist(), strict=True):
        for first in _paths(tables, before, row, forward=True):
            for last in _paths(tables, behind, partner, forward=False):
                yield tables.graph.ranked((*first, *last))


def _paths(
    tables: Tables, rows_of: Sequence[Rows], row: int, *, forward: bool
) -> Iterator[tuple[Edge, ...]]:
    """All paths to a row of the last of some tables, or from it where they go backward."""
    last = len(rows_of) - 1
    if not last:
        yield ()
        return
    level = last - 1 if forward else len(tables.levels) - last
    here, previous = rows_of[last], rows_of[last - 1]
    edges = tables.levels[level]
    inner, outer = (edges.source, edges.target) if forward else (edges.target, edges.source)
    state, costs = here.state[row], here.costs[row]
    for edge in np.flatnonzero(outer == state).tolist():
        rows = np.flatnonzero(previous.state == inner[edge])
        together = tables.combine(previous.costs[rows], edges.costs[edge])
        step = tables.graph.levels[level].edges[edge]
        for parent in rows[(together == costs).all(axis=1)].tolist():
            for rest in _paths(tables, rows_of[:last], parent, forward=forward):
                yield (*rest, step) if forward else (step, *rest)
