"""Maps and costs as the text of a hover: columns in a block, which every editor shows."""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.ir import format_sides
from ctcdsl.lsp.layer_costs import NotedCost
from ctcdsl.metrics import Cost
from ctcdsl.metrics.catalog import DEFAULT, MACS, MACS_FC, PARAMS, RECEPTIVE_FIELD
from ctcdsl.metrics.tables import conv_maps
from ctcdsl.text.plural import plural

MAX_ROWS = 8
"""Layers that are listed, of those that one text stands for."""

LayerCosts = Sequence[tuple[Cost, Sequence[NotedCost]]]
"""The layers that a text stands for, in each network that has it."""


def layers_text(networks: LayerCosts) -> str:
    """The layers that a text stands for: all about one layer, or a row for each of several."""
    if len(networks) == 1 and len(networks[0][1]) == 1:
        return _one(networks[0][0], networks[0][1][0])
    return _several(networks)


def networks_text(costs: Sequence[Cost]) -> str:
    """The totals of networks."""
    lines: list[str] = []
    for cost in costs:
        architecture = cost.network.architecture
        facts = [
            ("depth", plural(cost.depth, "convolution")),
            *((metric.title, metric.text(cost.value(metric))) for metric in DEFAULT),
            ("conv maps", conv_maps(cost.network)),
        ]
        if architecture.head.implied:
            facts.append(("head", "the paper's, since none is named"))
        lines += [
            f"{architecture.name}: {architecture.input} → {cost.network.output}",
            *_listed(facts),
        ]
    return _block(lines)


def _one(cost: Cost, layer: NotedCost) -> str:
    node = layer.node
    facts = [("map", f"{node.input} → {node.output}")]
    if any(node.padding) or any(node.far):
        more = f", {format_sides(node.far)} more below and on the right" if any(node.far) else ""
        facts.append(("padding", f"{format_sides(node.padding)}{more}"))
    for metric in DEFAULT:
        value = layer.cost.value(metric)
        if value:
            share = _share(value, cost.value(metric))
            of = f" of {cost.network.name}" if metric is not PARAMS else ""
            facts.append((metric.title, f"{metric.text(value)} ({share}{of})"))
    field = layer.cost.value(RECEPTIVE_FIELD)
    facts.append((RECEPTIVE_FIELD.title, RECEPTIVE_FIELD.text(field)))
    return _block([f"{node.name}: {layer.notation}", *_listed(facts)])


def _several(networks: LayerCosts) -> str:
    """A row for each of the first, then sums for each network."""
    several_networks = len(networks) > 1
    rows: list[tuple[str, ...]] = []
    sums: list[str] = []
    for cost, layers in networks:
        prefix = f"{cost.network.name}: " if several_networks else ""
        rows += [_row(cost, layer, prefix) for layer in layers]
        sums.append(prefix + _sum(cost, layers))
    shown = rows if len(rows) <= MAX_ROWS + 1 else rows[:MAX_ROWS]
    titles = (
        *("layer", "notation", "map", MACS.title, "share", PARAMS.title),
        RECEPTIVE_FIELD.title,
    )
    lines = _aligned([titles, *shown])
    if len(rows) > len(shown):
        lines.append(f"… and {len(rows) - len(shown)} more")
    lines += sums[:MAX_ROWS]
    if len(sums) > MAX_ROWS:
        lines.append(f"… and {plural(len(sums) - MAX_ROWS, 'more network')}")
    return _block(lines)


def _row(cost: Cost, layer: NotedCost, prefix: str) -> tuple[str, ...]:
    node = layer.node
    counted = MACS if layer.cost.macs else MACS_FC
    value = layer.cost.value(counted)
    return (
        prefix + node.name,
        layer.notation,
        f"{node.input} → {node.output}",
        counted.cell(value),
        _share(value, cost.value(counted)) if value else "",
        PARAMS.cell(layer.cost.params),
        RECEPTIVE_FIELD.cell(layer.cost.receptive_field),
    )


def _sum(cost: Cost, layers: Sequence[NotedCost]) -> str:
    parts = []
    for metric in DEFAULT:
        value = metric.total([layer.cost.value(metric) for layer in layers])
        if value:
            share = f" ({_share(value, cost.value(metric))})" if metric is not PARAMS else ""
            parts.append(f"{metric.text(value)} {metric.title}{share}")
    return f"{len(layers)} in all" + (f": {', '.join(parts)}" if parts else "")


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as columns, numbers to the right; empty columns are left out."""
    used = [k for k in range(len(rows[0])) if any(row[k] for row in rows[1:])]
    widths = [max(len(row[k]) for row in rows) for k in used]
    return [
        "  ".join(
            row[k].ljust(width) if k < 3 else row[k].rjust(width)
            for k, width in zip(used, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _listed(facts: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(label) for label, _ in facts)
    return [f"  {label.ljust(width)}  {fact}" for label, fact in facts]


def _block(lines: Sequence[str]) -> str:
    return "\n".join(["```text", *lines, "```"])


def _share(part: int, total: int) -> str:
    return f"{100 * part / total if total else 0:.1f}%"
