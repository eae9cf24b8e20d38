"""The comparison: a row for each network, with numbers that a page sorts by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ctcdsl.metrics import Cost
from ctcdsl.metrics.catalog import MACS
from ctcdsl.metrics.latency_metrics import LATENCY
from ctcdsl.metrics.memory import Memory, format_bytes
from ctcdsl.metrics.metric import Metric, plain
from ctcdsl.reporting.results import ERROR, Results


class Cell(NamedTuple):
    """What a cell shows, and what its column is sorted by: nothing where it is blank."""

    text: str
    value: float | None = None


class Column(NamedTuple):
    """A column: its title and a cell for each network."""

    title: str
    cells: tuple[Cell, ...]


def columns(
    costs: Sequence[Cost],
    metrics: Sequence[Metric[Any]],
    timed: Sequence[Cost],
    memories: Sequence[Memory],
    results: Results,
) -> tuple[Column, ...]:
    """Depth, metrics, relative MACs, memory at the peak, times and errors where there are some."""
    found = [Column("depth", tuple(Cell(str(cost.depth), cost.depth) for cost in costs))]
    for metric in metrics:
        found.append(Column(metric.title, tuple(_cell(metric, cost) for cost in costs)))
        if metric is MACS:
            shares = [cost.relative_to(costs[0]) for cost in costs]
            found.append(Column("relative", tuple(Cell(f"{share:.4f}", share) for share in shares)))
    if timed:
        found.append(Column(LATENCY.title, tuple(_cell(LATENCY, cost) for cost in timed)))
    peaks = (memory.training.peak for memory in memories)
    found.append(Column("training memory", tuple(Cell(format_bytes(peak), peak) for peak in peaks)))
    if results:
        measured = [results.get(cost.network.name) for cost in costs]
        cells = (Cell(each.text, each.error) if each else Cell("") for each in measured)
        found.append(Column(ERROR, tuple(cells)))
    return tuple(found)


def _cell(metric: Metric[Any], cost: Cost) -> Cell:
    value = cost.value(metric)
    number = plain(value)
    return Cell(metric.text(value), number[0] if isinstance(number, list) else number)
