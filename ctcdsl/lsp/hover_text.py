"""Maps and costs as the text of a hover: columns in a block, which every editor shows."""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.lsp.layer_costs import Placing
from ctcdsl.metrics import Cost
from ctcdsl.metrics.tables import conv_maps
from ctcdsl.text.plural import plural

MAX_ROWS = 8
"""Layers that are listed, of those that one text stands for."""

Found = Sequence[tuple[Cost, Sequence[Placing]]]
"""The placings of a text in each network that has it."""


def of_placings(found: Found) -> str:
    """What a text stands for: all about one layer, or a row for each of several."""
    if len(found) == 1 and len(found[0][1]) == 1:
        return _one(found[0][0], found[0][1][0])
    return _several(found)


def of_networks(costs: Sequence[Cost]) -> str:
    """Whole networks."""
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


def _one(cost: Cost, placing: Placing) -> str:
    node, name = placing.node, cost.network.name
    facts = [("map", f"{node.input} → {node.output}")]
    if any(node.padding):
        facts.append(("padding", _sides(node.padding)))
    if placing.macs:
        share = _share(placing.macs, cost.macs)
        facts.append(("MACs", f"{placing.macs:,} ({share} of {name})"))
    if placing.macs_fc:
        share = _share(placing.macs_fc, cost.macs_fc)
        facts.append(("fc MACs", f"{placing.macs_fc:,} ({share} of {name})"))
    if placing.params:
        facts.append(("parameters", f"{placing.params:,} ({_share(placing.params, cost.params)})"))
    facts.append(("receptive field", _sides(placing.receptive_field)))
    return _block([f"{node.name}: {placing.notation}", *_listed(facts)])


def _several(found: Found) -> str:
    """A row for each of the first, then sums for each network."""
    several_networks = len(found) > 1
    rows: list[tuple[str, ...]] = []
    sums: list[str] = []
    for cost, placings in found:
        prefix = f"{cost.network.name}: " if several_networks else ""
        rows += [_row(cost, placing, prefix) for placing in placings]
        sums.append(prefix + _sum(cost, placings))
    shown = rows if len(rows) <= MAX_ROWS + 1 else rows[:MAX_ROWS]
    titles = ("layer", "notation", "map", "MACs", "share", "parameters", "receptive field")
    lines = _aligned([titles, *shown])
    if len(rows) > len(shown):
        lines.append(f"… and {len(rows) - len(shown)} more")
    lines += sums[:MAX_ROWS]
    if len(sums) > MAX_ROWS:
        lines.append(f"… and {plural(len(sums) - MAX_ROWS, 'more network')}")
    return _block(lines)


def _row(cost: Cost, placing: Placing, prefix: str) -> tuple[str, ...]:
    node = placing.node
    macs, whole = placing.macs, cost.macs
    if not macs:
        macs, whole = placing.macs_fc, cost.macs_fc
    return (
        prefix + node.name,
        placing.notation,
        f"{node.input} → {node.output}",
        f"{macs:,}" if macs else "",
        _share(macs, whole) if macs else "",
        f"{placing.params:,}" if placing.params else "",
        _sides(placing.receptive_field),
    )


def _sum(cost: Cost, placings: Sequence[Placing]) -> str:
    macs = sum(placing.macs for placing in placings)
    macs_fc = sum(placing.macs_fc for placing in placings)
    params = sum(placing.params for placing in placings)
    parts = []
    if macs:
        parts.append(f"{macs:,} MACs ({_share(macs, cost.macs)})")
    if macs_fc:
        parts.append(f"{macs_fc:,} fc MACs ({_share(macs_fc, cost.macs_fc)})")
    if params:
        parts.append(f"{params:,} parameters")
    return f"{len(placings)} in all" + (f": {', '.join(parts)}" if parts else "")


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as columns, numbers to the right; columns that hold nothing are left out."""
    kept = [k for k in range(len(rows[0])) if any(row[k] for row in rows[1:])]
    widths = [max(len(row[k]) for row in rows) for k in kept]
    return [
        "  ".join(
            row[k].ljust(width) if k < 3 else row[k].rjust(width)
            for k, width in zip(kept, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _listed(facts: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(label) for label, _ in facts)
    return [f"  {label.ljust(width)}  {fact}" for label, fact in facts]


def _block(lines: Sequence[str]) -> str:
    return "\n".join(["```text", *lines, "```"])


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole if whole else 0:.1f}%"


def _sides(sides: tuple[int, int]) -> str:
    return "x".join(map(str, dict.fromkeys(sides)))
