"""Costs as rows and as data: the tables and the JSON of `ctcdsl cost`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.ir import Block, Join, Linear, Pool, SlidingWindow, Style, replace
from ctcdsl.ir.printer import row
from ctcdsl.metrics.complexity import DEFINITION, Cost, LayerCost

JOINED = {Join.ADD: "sum", Join.MULTIPLY: "product", Join.MAXIMUM: "maximum"}
"""What branches of one shape give."""


class Entry(NamedTuple):
    """A network's cost, the file it came from, and its MACs as a share of another's.

    `values` are those of parameters that tell it from other networks of the table.
    """

    cost: Cost
    file: str
    relative: float
    values: Mapping[str, float] = MappingProxyType({})


class Table(NamedTuple):
    """Rows of text under titles; `left` are the columns that align to the left."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: frozenset[str]


def overview(entries: Sequence[Entry]) -> Table:
    """One row for each network."""
    names = [entry.cost.network.name for entry in entries]
    with_file = len(set(names)) < len(names)
    rows = [
        (
            name,
            str(entry.cost.depth),
            f"{entry.cost.macs:,}",
            f"{entry.relative:.4f}",
            f"{entry.cost.macs_fc:,}",
            f"{entry.cost.params:,}",
            conv_maps(entry.cost.network),
            *([entry.file] if with_file else []),
        )
        for name, entry in zip(names, entries, strict=True)
    ]
    titles = ("network", "depth", "MACs", "relative", "fc MACs", "parameters", "conv maps")
    return Table(
        titles=(*titles, "file") if with_file else titles,
        rows=tuple(rows),
        left=frozenset({"network", "conv maps", "file"}),
    )


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


def layer_table(cost: Cost) -> Table:
    """One row for each layer, with its share of the MACs; then the sums of both kinds."""
    style = cost.network.architecture.style
    rows = [
        (
            layer.node.name,
            describe(layer.node, style),
            str(layer.node.output),
            f"{layer.macs or layer.macs_fc:,}" if layer.macs or layer.macs_fc else "",
            f"{100 * layer.macs / cost.macs:.1f}%" if layer.macs else "",
            f"{layer.params:,}" if layer.params else "",
            "x".join(map(str, dict.fromkeys(layer.receptive_field))),
        )
        for layer in cost.layers
    ]
    convolutions = sum(layer.params for layer in cost.layers if layer.macs)
    connected = sum(layer.params for layer in cost.layers if layer.macs_fc)
    rows += [
        ("convolutions", "", "", f"{cost.macs:,}", "100.0%", f"{convolutions:,}", ""),
        ("fully connected", "", "", f"{cost.macs_fc:,}", "", f"{connected:,}", ""),
        ("all layers", "", "", "", "", f"{cost.params:,}", ""),
    ]
    return Table(
        titles=("layer", "filter", "map", "MACs", "share", "parameters", "receptive field"),
        rows=tuple(rows),
        left=frozenset({"layer", "filter"}),
    )


def layer_records(entries: Sequence[Entry]) -> Table:
    """The layers of all networks, for programs: a column has one meaning, no row is a sum."""
    names = [entry.cost.network.name for entry in entries]
    with_file = len(set(names)) < len(names)
    rows: list[tuple[str, ...]] = []
    for name, entry in zip(names, entries, strict=True):
        cost = entry.cost
        for layer in cost.layers:
            cells = (
                layer.node.name,
                describe(layer.node, cost.network.architecture.style),
                *layer.node.output,
                layer.macs,
                f"{layer.macs / cost.macs:.4f}",
                layer.macs_fc,
                layer.params,
                *layer.receptive_field,
            )
            rows.append((name, *([entry.file] if with_file else []), *map(str, cells)))
    titles = (
        *("layer", "filter", "channels", "height", "width", "MACs", "share", "fc MACs"),
        *("parameters", "receptive field height", "receptive field width"),
    )
    return Table(
        titles=("network", *(["file"] if with_file else []), *titles),
        rows=tuple(rows),
        left=frozenset({"network", "file", "layer", "filter"}),
    )


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


def as_json(entries: Sequence[Entry], relative_to: str) -> dict[str, Any]:
    """The report as plain data; other tools rely on its keys."""
    return {
        "definition": DEFINITION,
        "relative_to": relative_to,
        "networks": [_network(entry) for entry in entries],
    }


def _network(entry: Entry) -> dict[str, Any]:
    cost = entry.cost
    architecture = cost.network.architecture
    return {
        "name": architecture.name,
        "file": entry.file,
        **({"values": dict(entry.values)} if entry.values else {}),
        "input": list(architecture.input),
        "classes": architecture.classes,
        "depth": cost.depth,
        "macs": cost.macs,
        "macs_fc": cost.macs_fc,
        "params": cost.params,
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
                "macs": layer.macs,
                "macs_fc": layer.macs_fc,
                "params": layer.params,
                "receptive_field": list(layer.receptive_field),
            }
            for layer in cost.layers
        ],
    }
