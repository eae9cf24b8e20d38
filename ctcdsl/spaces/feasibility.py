"""What a budget asks too much of: the bound that binds, the nearest network, a layer's price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ctcdsl.budgets.bounds import Bound, shown, where
from ctcdsl.metrics.catalog import DEPTH
from ctcdsl.metrics.mcu import mcu_memory
from ctcdsl.metrics.memory_metrics import MCU_MEMORY
from ctcdsl.metrics.metric import Metric
from ctcdsl.spaces.choices import Decision
from ctcdsl.spaces.design import Design
from ctcdsl.spaces.graph import Graph
from ctcdsl.spaces.join import Join
from ctcdsl.spaces.listing import paths
from ctcdsl.spaces.tables import FREE, Limits, Tables


class Reach(NamedTuple):
    """How far a metric must go for a network to be left, where all other bounds hold.

    `value` is the nearest possible one, `limit` the bound's.
    """

    metric: Metric[Any]
    limit: int
    value: int

    @property
    def text(self) -> str:
        """What it takes, and how much that is beside the bound."""
        value = shown(Fraction(self.value), self.metric)
        word = "at least" if self.value > self.limit else "at most"
        share = ""
        if self.limit:
            share = f", {100 * abs(self.value - self.limit) / self.limit:.1f} % "
            share += "more" if self.value > self.limit else "less"
        return f"{word} {value} {_unit(self.metric)}{share}"


def _unit(metric: Metric[Any]) -> str:
    return (
        "layers"
        if metric is DEPTH
        else f"of {metric.title}"
        if metric.unit == "bytes"
        else (metric.title)
    )


def is_possible(graph: Graph, limits: Limits) -> bool:
    """Whether some network is within limits."""
    tables = Tables(graph, limits)
    least, most = tables.suffix[0]
    if (least[0] > limits.high).any() or (most[0] < limits.low).any():
        return False
    before, after = tables.meet()
    return Join(tables, before[-1], after[-1]).count() > 0


def reach(graph: Graph, limits: Limits, column: int) -> Reach | None:
    """The nearest value of a measure for which a network is left; None where none is.

    Where a network is within the limits already, None too.
    """
    if is_possible(graph, limits):
        return None
    metric = graph.measures[column].metric
    low, high = int(limits.low[column]), int(limits.high[column])
    least, most = graph.extremes(column)
    assert metric is not None
    found: list[Reach] = []
    if high < FREE and is_possible(graph, _with(limits, column, -FREE, FREE)):
        above = _first(lambda x: is_possible(graph, _with(limits, column, low, x)), high, most)
        if above is not None:
            found.append(Reach(metric, high, above))
    if low > -FREE and is_possible(graph, _with(limits, column, -FREE, FREE)):
        below = _first(lambda x: is_possible(graph, _with(limits, column, -x, high)), -low, -least)
        if below is not None:
            found.append(Reach(metric, low, -below))
    return min(found, key=lambda each: abs(each.value - each.limit), default=None)


def _first(holds: Callable[[int], bool], below: int, most: int) -> int | None:
    """The least number above `below` that something holds for; it holds from there on."""
    if most <= below or not holds(most):
        return None
    while most - below > 1:
        middle = (below + most) // 2
        if holds(middle):
            most = middle
        else:
            below = middle
    return most


def _with(limits: Limits, column: int, low: int, high: int) -> Limits:
    lows, highs = limits.low.copy(), limits.high.copy()
    lows[column], highs[column] = low, high
    return Limits(lows, highs)


class Infeasible(NamedTuple):
    """Why nothing fits: the bounds that bind, each with what it would take, and the nearest."""

    reaches: tuple[Reach, ...]
    nearest: Design | None

    def notes(self, bounds: Sequence[Bound]) -> list[str]:
        """What to say of it."""
        notes: list[str] = []
        for each in self.reaches:
            texts = [f"`{b.text}`" for b in bounds if b.metric is each.metric]
            others = " where the other bounds hold" if len(bounds) > len(texts) else ""
            notes.append(f"{' and '.join(texts)} binds: it takes {each.text}{others}")
        if not self.reaches:
            listed = ", ".join(where(bound) for bound in bounds)
            notes.append(f"no bound alone is at fault, several are together: {listed}")
        if self.nearest is not None:
            notes.append(f"the nearest network: {self.nearest.title or 'the only one'}")
            if any(each.metric is MCU_MEMORY for each in self.reaches):
                memory = mcu_memory(self.nearest.network)
                notes.append(f"its {memory.block} is too large: {memory.peak:,} bytes in use")
        return notes


def infeasible(
    graph: Graph, limits: Limits, design: Callable[[tuple[Decision, ...], tuple[int, ...]], Design]
) -> Infeasible:
    """Why no network of a graph is within limits; `design` makes one of its decisions."""
    columns = [
        k for k in range(len(graph.measures)) if limits.high[k] < FREE or limits.low[k] > -FREE
    ]
    reaches = [r for k in columns if (r := reach(graph, limits, k)) is not None]
    reaches.sort(key=lambda each: abs(each.value - each.limit) / max(1, abs(each.limit)))
    nearest = None
    if reaches:
        best = reaches[0]
        (k,) = [k for k in columns if graph.measures[k].metric is best.metric]
        low, high = int(limits.low[k]), int(limits.high[k])
        relaxed = _with(limits, k, min(low, best.value), max(high, best.value))
        decisions, costs = next(paths(Tables(graph, relaxed)))
        nearest = design(decisions, costs)
    return Infeasible(tuple(reaches), nearest)


class Price(NamedTuple):
    """What one layer more than the deepest network within a budget would take."""

    deepest: int
    reaches: tuple[Reach, ...]

    @property
    def text(self) -> str:
        """In words."""
        listed = " or ".join(each.text for each in self.reaches)
        return f"one layer more than {self.deepest} takes {listed}"


def price(graph: Graph, limits: Limits) -> Price | None:
    """The price of one more layer; None where the space has no deeper networks for any bound."""
    column = next(k for k, m in enumerate(graph.measures) if m.metric is DEPTH)
    _, most = graph.extremes(column)
    if int(limits.high[column]) < FREE:
        return None  # a bound says how deep
    high = min(most, int(limits.high[column]))
    deepest = next(
        (
            depth
            for depth in range(high, -1, -1)
            if is_possible(graph, _with(limits, column, depth, FREE))
        ),
        None,
    )
    if deepest is None or deepest >= most:
        return None
    deeper = _with(limits, column, deepest + 1, FREE)
    bounded = np.flatnonzero((limits.high < FREE) | (limits.low > -FREE))
    reaches = [r for k in bounded if k != column and (r := reach(graph, deeper, int(k)))]
    return Price(deepest, tuple(reaches)) if reaches else None
