"""How many networks are within limits, and the first of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import ceil, floor

from ctcdsl.budgets import Bound
from ctcdsl.spaces.graph import Graph, Ranked
from ctcdsl.spaces.join import Join
from ctcdsl.spaces.listing import paths
from ctcdsl.spaces.space import Space
from ctcdsl.spaces.tables import Limits, Tables, TooMany
from ctcdsl.text import UserError, error

FEW = 20
"""Networks that are shown of a search that is interrupted before any were compared."""


def limits_of(
    graph: Graph, bounds: Sequence[Bound], more: Mapping[str, tuple[int | None, int | None]]
) -> Limits:
    """The limits of a graph's measures: of bounds, and others by name; all of them hold."""
    pairs: list[tuple[int | None, int | None]] = []
    for measure in graph.measures:
        own = [(b.low, b.high) for b in bounds if b.metric is measure.metric]
        lows = [ceil(low) for low, _ in own if low is not None]
        highs = [floor(high) for _, high in own if high is not None]
        low, high = more.get(measure.name, (None, None))
        lows += [] if low is None else [low]
        highs += [] if high is None else [high]
        pairs.append((max(lows, default=None), min(highs, default=None)))
    return Limits.of(pairs)


def count_within(tables: Tables, space: Space) -> int:
    """The number of networks within limits.

    Raises:
        UserError: CTC722 there are too many different costs.
    """
    try:
        before, after = tables.meet()
        return Join(tables, before[-1], after[-1]).count()
    except TooMany:
        raise uncounted(space) from None


def uncounted(space: Space) -> UserError:
    """The error of a space whose networks within a budget cannot be counted."""
    total = space.graph(()).networks
    return error(
        "CTC722",
        f"the space of `{space.name}` has {total:,} networks, of too many different costs to count"
        " those within the budget exactly",
        at=space.draft.lines[0].span,
        hint=(
            "without --count the front is found all the same",
            "larger steps in its ranges, or one bound fewer, make it exact",
        ),
    )


def first_within(tables: Tables) -> Iterator[Ranked]:
    """Some networks within limits, where no others are known yet."""
    for decisions, costs in islice(paths(tables), FEW):
        yield Ranked(decisions, costs)
