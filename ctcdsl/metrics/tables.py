"""Costs as rows and as data: the tables and the JSON of `ctcdsl cost`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.ir import Block, Join, Linear, Pool, SlidingWindow, Style, replace
from ctcdsl.ir.printer import row
from ctcdsl.metrics.catalog import (
    DEFAULT,
    MACS,
    MACS_FC,
    METRICS,
    PARAMS,
    RECEPTIVE_FIELD,
    statement,
)
from ctcdsl.metrics.complexity import Cost, Figures, LayerCost
from ctcdsl.metrics.metric import Metric, plain

JOINED = {Join.ADD: "sum", Join.MULTIPLY: "product", Join.MAXIMUM: "maximum"}
"""What branches of one shape give."""


class Entry(NamedTuple):
    """A network's cost, the file it came from, and its MACs as a share of another's.

    `values` are those of parameters that tell it from other networks of the table.
    """

    cost: Cost
    file: str
    relative: float
    values: Mapping[str, float | str] = MappingProxyType({})


class Table(NamedTuple):
    """Rows of text under titles; `left` are the columns that align to the left."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: frozenset[str]


def overview(
    entries: Sequence[Entry], metrics: Sequence[Metric[Any]] = (), *, exact: bool = False
) -> Table:
    """One row for each network, of the usual metrics or of others; `exact` for programs."""
    names = [entry.cost.network.name for entry in entries]
    with_file = len(set(names)) < len(names)
    rows = []
    for name, entry in zip(names, entries, strict=True):
        cells = {"network": name, "depth": str(entry.cost.depth)}
        for metric in metrics or DEFAULT:
            cells[metric.title] = _text(entry.cost, metric, exact=exact)
            if metric is MACS:
                cells["relative"] = f"{entry.relative:.4f}"
        if not metrics:
            cells["conv maps"] = conv_maps(entry.cost.network)
        if with_file:
            cells["file"] = entry.file
        rows.append(cells)
    return _table(rows, left={"network", "conv maps", "file"})


def _table(rows: Sequence[Mapping[str, str]], left: Iterable[str]) -> Table:
    """Rows of cells by title, which all have the titles of the first."""
    titles = tuple(rows[0]) if rows else ()
    return Table(titles, tuple(tuple(row.values()) for row in rows), frozenset(left))


def _text(cost: Figures, metric: Metric[Any], *, exact: bool) -> str:
    value = cost.value(metric)
    number = plain(value)
    return str(number) if exact and not isinstance(number, list) else metric.text(value)


def conv_maps(network: Network) -> str:
    """The sizes of the convolutions' maps, stages separated by a dot: `109 · 36 · 18 18`.

    In a stage of more than nine, equal neighbours are counted: `56×10`.
    """
    return " · ".join(
        _sizes([side(node) for node, _ in stage])
        for _, stage in groupby(network.convolutions(), key=lambda pair: pair[0].stage)
    )


def _sizes(sides: list[str]) -> str:
    if len(sides) < 10:
        return " ".join(sides)
    runs = [(text, sum(1 for _ in run)) for text, run in groupby(sides)]
    return " ".join(text if count == 1 else f"{text}×{count}" for text, count in runs)


def layer_table(cost: Cost, metrics: Sequence[Metric[Any]] = ()) -> Table:
    """One row for each layer, then sums: of the usual metrics or of others."""
    return _metric_rows(cost, metrics) if metrics else _usual_rows(cost)


def _usual_rows(cost: Cost) -> Table:
    """MACs of both kinds in one column, with the share of the convolutions' and three sums."""
    rows = [
        {
            **_layer_cells(layer, cost),
            "MACs": MACS.cell(layer.macs or layer.macs_fc),
            "share": _share(layer, cost) if layer.macs else "",
            "parameters": PARAMS.cell(layer.params),
            "receptive field": RECEPTIVE_FIELD.cell(layer.receptive_field),
        }
        for layer in cost.layers
    ]
    convolutions = sum(layer.params for layer in cost.layers if layer.macs)
    connected = sum(layer.params for layer in cost.layers if layer.macs_fc)
    sums = (
        ("convolutions", MACS.text(cost.macs), "100.0%", PARAMS.text(convolutions)),
        ("fully connected", MACS_FC.text(cost.macs_fc), "", PARAMS.text(connected)),
        ("all layers", "", "", PARAMS.text(cost.params)),
    )
    blank = dict.fromkeys(rows[0], "")
    rows += [
        {**blank, "layer": name, "MACs": macs, "share": share, "parameters": params}
        for name, macs, share, params in sums
    ]
    return _table(rows, left={"layer", "filter"})


def _metric_rows(cost: Cost, metrics: Sequence[Metric[Any]]) -> Table:
    rows: list[dict[str, str]] = []
    for layer in cost.layers:
        cells = _layer_cells(layer, cost)
        for metric in metrics:
            cells[metric.title] = metric.cell(layer.value(metric))
            if metric is MACS:
                cells["share"] = _share(layer, cost) if layer.macs else ""
        rows.append(cells)
    totals = {metric.title: metric.text(cost.value(metric)) for metric in metrics}
    share = {"share": "100.0%"} if MACS in metrics and cost.macs else {}
    rows.append({**dict.fromkeys(rows[0], ""), "layer": "all layers", **totals, **share})
    return _table(rows, left={"layer", "filter"})


def _layer_cells(layer: LayerCost, cost: Cost) -> dict[str, str]:
    node = layer.node
    filter = describe(node, cost.network.architecture.style)
    return {"layer": node.name, "filter": filter, "map": str(node.output)}


def _share(layer: Figures, cost: Cost) -> str:
    return f"{100 * layer.macs / cost.macs:.1f}%"


_RECORDED = (MACS, MACS_FC, PARAMS, RECEPTIVE_FIELD)


def layer_records(entries: Sequence[Entry], metrics: Sequence[Metric[Any]] = ()) -> Table:
    """The layers of all networks, for programs: a column has one meaning, no row is a sum."""
    names = [entry.cost.network.name for entry in entries]
    with_file = len(set(names)) < len(names)
    rows: list[dict[str, str]] = []
    for name, entry in zip(names, entries, strict=True):
        cost = entry.cost
        for layer in cost.layers:
            cells = {"network": name, **({"file": entry.file} if with_file else {})}
            cells |= {
                "layer": layer.node.name,
                "filter": describe(layer.node, cost.network.architecture.style),
                **dict(
                    zip(("channels", "height", "width"), map(str, layer.node.output), strict=True)
                ),
            }
            for metric in metrics or _RECORDED:
                cells |= _columns(metric, layer.value(metric))
                if metric is MACS:
                    cells["share"] = f"{layer.macs / cost.macs if cost.macs else 0:.4f}"
            rows.append(cells)
    return _table(rows, left={"network", "file", "layer", "filter"})


def _columns(metric: Metric[Any], value: Any) -> dict[str, str]:
    """A value in a column of its own; a height and a width in two."""
    match plain(value):
        case [height, width]:
            return {f"{metric.title} height": str(height), f"{metric.title} width": str(width)}
        case number:
            return {metric.title: str(number)}


def side(node: Node) -> str:
    """A map's size: `18`, or `18x24` where it is not square."""
    height, width = node.output.height, node.output.width
    return str(height) if height == width else f"{height}x{width}"


def describe(node: Node, style: Style) -> str:
    """A layer in the notation of the spec, with the padding it got."""
    layer = node.layer
    if isinstance(layer, Block):
        if layer.join.concatenates:
            split = "split, " if layer.join is Join.SPLIT else ""
            return f"{split}{len(node.branches)} branches"
        name = JOINED[layer.join]
        return f"{name}, {node.activation}" if node.activation else name
    if isinstance(layer, Pool):
        layer = replace(layer, grouped=False)
    if isinstance(layer, SlidingWindow):
        layer = replace(
            layer, padding=node.padding if any(node.padding) and not any(node.far) else None
        )
    elif isinstance(layer, Linear) and layer.features is None:
        return f"fc({node.output.channels})"
    return row((layer,), style, node.input.channels)


def kind(layer: LayerCost) -> str:
    """The kind of a layer in the JSON report."""
    element = layer.node.layer
    return str(element.join) if isinstance(element, Block) else element.kind


def as_json(
    entries: Sequence[Entry], relative_to: str, metrics: Sequence[Metric[Any]] = ()
) -> dict[str, Any]:
    """The report as plain data; other tools rely on its keys.

    Of `metrics` those matter that are measured on request alone: all others are always there.
    """
    measured = [metric for metric in METRICS if not metric.on_request or metric in metrics]
    workload = entries[0].cost.workload
    return {
        "definition": statement(DEFAULT, workload),
        "metrics": {
            metric.key: {
                "title": metric.title,
                "unit": metric.unit,
                "convention": metric.stated(workload),
            }
            for metric in measured
        },
        "relative_to": relative_to,
        "networks": [_network(entry, measured) for entry in entries],
    }


def _network(entry: Entry, metrics: Sequence[Metric[Any]]) -> dict[str, Any]:
    cost = entry.cost
    architecture = cost.network.architecture
    return {
        "name": architecture.name,
        "file": entry.file,
        **({"values": dict(entry.values)} if entry.values else {}),
        "input": list(architecture.input),
        "classes": architecture.classes,
        "depth": cost.depth,
        **_values(cost, metrics),
        "relative": entry.relative,
        "maps": [
            [node.output.height, node.output.width] for node, _ in cost.network.convolutions()
        ],
        "layers": [
            {
                "name": layer.node.name,
                "kind": kind(layer),
                "spec": describe(layer.node, architecture.style),
                "in": list(layer.node.input),
                "out": list(layer.node.output),
                **_values(layer, metrics),
            }
            for layer in cost.layers
        ],
    }


def _values(cost: Figures, metrics: Sequence[Metric[Any]]) -> dict[str, Any]:
    return {metric.key: plain(cost.value(metric)) for metric in metrics}
