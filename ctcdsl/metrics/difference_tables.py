"""The difference of two networks as tables and as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from ctcdsl.ir import Block, Style
from ctcdsl.ir.printer import row
from ctcdsl.metrics.catalog import DEFAULT, METRICS
from ctcdsl.metrics.complexity import LayerCost
from ctcdsl.metrics.difference import Change, Difference, LayerChange
from ctcdsl.metrics.metric import Metric, plain
from ctcdsl.metrics.tables import Table, describe, kind
from ctcdsl.text.plural import plural

_SIGNS = {Change.SAME: "", Change.CHANGED: "~", Change.REMOVED: "-", Change.ADDED: "+"}
MAX_NOTATION = 32
"""Longer blocks are cut."""
_MAX_PERIOD = 16
"""The rows of a block, at most, that are looked for again."""


class _Row(NamedTuple):
    change: Change
    layer: str
    before: str
    after: str
    map: str
    deltas: tuple[str, ...]
    begins: bool = False
    """Whether rows that repeat may begin here: not with the end of a block."""


def changes(
    difference: Difference, metrics: Sequence[Metric[Any]] = (), *, every: bool = False
) -> Table:
    """A row for each change; equal layers are counted, and repetitions, unless `every` is shown.

    A metric in which no layer differs has no column.
    """
    metrics = metrics or DEFAULT
    rows: list[_Row] = []
    for same, group in groupby(difference.layers, key=lambda layer: layer.change is Change.SAME):
        if same and not every:
            rows.append(_equal(list(group), metrics))
        else:
            rows += (_row(difference, layer, metrics) for layer in group)
    if not every:
        rows = list(_folded(rows))
    used = [k for k in range(len(metrics)) if any(row.deltas[k] for row in rows)]
    titles = ("", "layer", *difference.names, "map")
    return Table(
        titles=(*titles, *(f"Δ {metrics[k].title}" for k in used)),
        rows=tuple((_SIGNS[row.change], *row[1:5], *(row.deltas[k] for k in used)) for row in rows),
        left=frozenset(titles),
    )


def _equal(layers: Sequence[LayerChange], metrics: Sequence[Metric[Any]]) -> _Row:
    number = sum(layer.before.count for layer in layers if layer.before is not None)
    return _Row(Change.SAME, f"… {plural(number, 'equal layer')}", "", "", "", ("",) * len(metrics))


def _row(difference: Difference, change: LayerChange, metrics: Sequence[Metric[Any]]) -> _Row:
    style = difference.before.network.architecture.style
    costs = [cost for cost in (change.before, change.after) if cost is not None]
    return _Row(
        change.change,
        " → ".join(dict.fromkeys(cost.node.name for cost in costs)),
        _notation(change.before, style),
        _notation(change.after, style),
        " → ".join(dict.fromkeys(str(cost.node.output) for cost in costs)),
        tuple(_delta_text(change, metric) for metric in metrics),
        begins=not all(isinstance(cost.node.layer, Block) and cost.count == 1 for cost in costs),
    )


def _notation(cost: LayerCost | None, style: Style) -> str:
    """A layer as `cost` shows it; a block that counts with all inside of it as it is written."""
    if cost is None:
        return ""
    node = cost.node
    if not isinstance(node.layer, Block) or cost.count == 1:
        return describe(node, style)
    text = row((node.layer,), style, node.input.channels)
    return text if len(text) <= MAX_NOTATION else f"{text[: MAX_NOTATION - 1]}…"


def _delta_text(change: LayerChange, metric: Metric[Any]) -> str:
    delta = change.delta(metric)
    if delta is None:
        costs = (cost for cost in (change.before, change.after) if cost is not None)
        values = dict.fromkeys(metric.text(cost.value(metric)) for cost in costs)
        return " → ".join(values) if len(values) > 1 else ""
    return _signed(delta) if delta else ""


def _signed(delta: float) -> str:
    return f"{delta:+,}" if isinstance(delta, int) else f"{delta:+,.1f}"


def _folded(rows: Sequence[_Row]) -> Iterator[_Row]:
    """Rows that differ in their names alone as one, and rows that repeat once."""
    unnamed = [row if row.change is Change.SAME else row._replace(layer="") for row in rows]
    at = 0
    while at < len(rows):
        period, times = _repetition(unnamed, at)
        again = f" ×{times}" if period == 1 and times > 1 else ""
        yield rows[at]._replace(layer=rows[at].layer + again)
        yield from rows[at + 1 : at + period]
        if period > 1:
            text = f"… these {period} rows {plural(times - 1, 'more time')}"
            yield _Row(Change.SAME, text, "", "", "", ("",) * len(rows[at].deltas))
        at += period * times


def _repetition(rows: Sequence[_Row], at: int) -> tuple[int, int]:
    """How many rows from one on repeat, and how often they are there; 1, 1 where none does."""
    for period in range(1, _MAX_PERIOD + 1):
        times = 1
        while rows[at : at + period] == rows[at + times * period : at + (times + 1) * period]:
            times += 1
        if times > 1 and rows[at].begins:
            return period, times
    return 1, 1


def totals(difference: Difference, metrics: Sequence[Metric[Any]] = ()) -> Table:
    """A row for each metric: both networks' values, the change and the ratio."""
    before, after = difference.before, difference.after
    depth = after.depth - before.depth
    rows = [("depth", str(before.depth), str(after.depth), _change(depth), "")]
    for metric in metrics or DEFAULT:
        one, other = (metric.text(cost.value(metric)) for cost in (before, after))
        delta, ratio = difference.delta(metric), difference.ratio(metric)
        rows.append(
            (
                metric.title,
                one,
                other,
                "" if delta is None else _change(delta),
                "" if ratio is None else f"{ratio:.4f}",
            )
        )
    return Table(("", *difference.names, "change", "ratio"), tuple(rows), frozenset({""}))


def _change(delta: float) -> str:
    return _signed(delta) if delta else "0"


def records(difference: Difference, metrics: Sequence[Metric[Any]] = ()) -> Table:
    """Every layer of both networks, for programs: values of both, no sums."""
    style = difference.before.network.architecture.style
    rows: list[dict[str, str]] = []
    for layer in difference.layers:
        cells = {"change": str(layer.change)}
        for side, cost in (("before", layer.before), ("after", layer.after)):
            cells[f"layer {side}"] = "" if cost is None else cost.node.name
            cells[f"filter {side}"] = _notation(cost, style)
            cells[f"map {side}"] = "" if cost is None else str(cost.node.output)
        for metric in metrics or DEFAULT:
            for side, cost in (("before", layer.before), ("after", layer.after)):
                value = None if cost is None else plain(cost.value(metric))
                text = "x".join(map(str, value)) if isinstance(value, list) else str(value or 0)
                cells[f"{metric.title} {side}"] = text
        rows.append(cells)
    left = {title for title in rows[0] if title.startswith(("change", "layer", "filter", "map"))}
    return Table(tuple(rows[0]), tuple(tuple(row.values()) for row in rows), frozenset(left))


def as_json(
    difference: Difference, files: tuple[str, str], metrics: Sequence[Metric[Any]] = ()
) -> dict[str, Any]:
    """The difference as plain data, with every metric that is not measured on request alone."""
    measured = [metric for metric in METRICS if not metric.on_request or metric in metrics]
    before, after = difference.before, difference.after
    sides = zip(difference.names, files, (before, after), strict=True)
    ends = [
        {
            "name": name,
            "file": file,
            "depth": cost.depth,
            **{metric.key: plain(cost.value(metric)) for metric in measured},
        }
        for name, file, cost in sides
    ]
    return {
        "equal": difference.equal,
        "before": ends[0],
        "after": ends[1],
        "headers": {name: list(pair) for name, pair in difference.headers.items()},
        "ratio": {metric.key: difference.ratio(metric) for metric in measured},
        "layers": [
            {
                "change": str(layer.change),
                "before": _layer(layer.before, difference, measured),
                "after": _layer(layer.after, difference, measured),
            }
            for layer in difference.layers
        ],
    }


def _layer(
    cost: LayerCost | None, difference: Difference, metrics: Sequence[Metric[Any]]
) -> dict[str, Any] | None:
    if cost is None:
        return None
    return {
        "name": cost.node.name,
        "kind": kind(cost),
        "spec": _notation(cost, difference.before.network.architecture.style),
        "in": list(cost.node.input),
        "out": list(cost.node.output),
        **{metric.key: plain(cost.value(metric)) for metric in metrics},
    }
