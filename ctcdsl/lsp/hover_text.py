"""Maps and costs as the text of a hover: columns in a block, which every editor shows."""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.ir import format_sides
from ctcdsl.lsp.layer_costs import LayerCost
from ctcdsl.metrics import Cost
from ctcdsl.metrics.tables import conv_maps
from ctcdsl.text.plural import plural

MAX_ROWS = 8
"""Layers that are listed, of those that one text stands for."""

LayerCosts = Sequence[tuple[Cost, Sequence[LayerCost]]]
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
            ("MACs", f"{cost.macs:,}"),
            ("fc MACs", f"{cost.macs_fc:,}"),
            ("parameters", f"{cost.params:,}"),
            ("conv maps", conv_maps(cost.network)),
        ]
        if architecture.head.implied:
            facts.append(("head", "the paper's, since none is named"))
        lines += [
            f"{architecture.name}: {architecture.input} → {cost.network.output}",
            *_listed(facts),
        ]
    return _block(lines)


def _one(cost: Cost, layer_cost: LayerCost) -> str:
    node, name = layer_cost.node, cost.network.name
    facts = [("map", f"{node.input} → {node.output}")]
    if any(node.padding) or any(node.far):
        more = f", {format_sides(node.far)} more below and on the right" if any(node.far) else ""
        facts.append(("padding", f"{format_sides(node.padding)}{more}"))
    if layer_cost.macs:
        share = _share(layer_cost.macs, cost.macs)
        facts.append(("MACs", f"{layer_cost.macs:,} ({share} of {name})"))
    if layer_cost.macs_fc:
        share = _share(layer_cost.macs_fc, cost.macs_fc)
        facts.append(("fc MACs", f"{layer_cost.macs_fc:,} ({share} of {name})"))
    if layer_cost.params:
        facts.append(
            ("parameters", f"{layer_cost.params:,} ({_share(layer_cost.params, cost.params)})")
        )
    facts.append(("receptive field", format_sides(layer_cost.receptive_field)))
    return _block([f"{node.name}: {layer_cost.notation}", *_listed(facts)])


def _several(networks: LayerCosts) -> str:
    """A row for each of the first, then sums for each network."""
    several_networks = len(networks) > 1
    rows: list[tuple[str, ...]] = []
    sums: list[str] = []
    for cost, layer_costs in networks:
        prefix = f"{cost.network.name}: " if several_networks else ""
        rows += [_row(cost, layer_cost, prefix) for layer_cost in layer_costs]
        sums.append(prefix + _sum(cost, layer_costs))
    shown = rows if len(rows) <= MAX_ROWS + 1 else rows[:MAX_ROWS]
    titles = ("layer", "notation", "map", "MACs", "share", "parameters", "receptive field")
    lines = _aligned([titles, *shown])
    if len(rows) > len(shown):
        lines.append(f"… and {len(rows) - len(shown)} more")
    lines += sums[:MAX_ROWS]
    if len(sums) > MAX_ROWS:
        lines.append(f"… and {plural(len(sums) - MAX_ROWS, 'more network')}")
    return _block(lines)


def _row(cost: Cost, layer_cost: LayerCost, prefix: str) -> tuple[str, ...]:
    node = layer_cost.node
    macs, total = layer_cost.macs, cost.macs
    if not macs:
        macs, total = layer_cost.macs_fc, cost.macs_fc
    return (
        prefix + node.name,
        layer_cost.notation,
        f"{node.input} → {node.output}",
        f"{macs:,}" if macs else "",
        _share(macs, total) if macs else "",
        f"{layer_cost.params:,}" if layer_cost.params else "",
        format_sides(layer_cost.receptive_field),
    )


def _sum(cost: Cost, layer_costs: Sequence[LayerCost]) -> str:
    macs = sum(layer_cost.macs for layer_cost in layer_costs)
    macs_fc = sum(layer_cost.macs_fc for layer_cost in layer_costs)
    params = sum(layer_cost.params for layer_cost in layer_costs)
    parts = []
    if macs:
        parts.append(f"{macs:,} MACs ({_share(macs, cost.macs)})")
    if macs_fc:
        parts.append(f"{macs_fc:,} fc MACs ({_share(macs_fc, cost.macs_fc)})")
    if params:
        parts.append(f"{params:,} parameters")
    return f"{len(layer_costs)} in all" + (f": {', '.join(parts)}" if parts else "")


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
