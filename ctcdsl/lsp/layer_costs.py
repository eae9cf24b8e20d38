"""Where a piece of the text is in its networks: one layer, or many by `xN` and calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ctcdsl.checking import Placed
from ctcdsl.ir import Block, Join
from ctcdsl.ir.network import flat
from ctcdsl.lsp.document import Costed
from ctcdsl.metrics import NetworkCost
from ctcdsl.metrics.tables import describe
from ctcdsl.text import Span
from ctcdsl.text.plural import plural


class Placing(NamedTuple):
    """A layer or a block in its place, and what it costs with all that it holds."""

    placed: Placed
    notation: str
    macs: int
    macs_fc: int
    params: int
    receptive_field: tuple[int, int]


def placings(network: Costed, region: Span) -> list[Placing]:
    """The outermost layers and blocks of a network that stem from a region of the text.

    A layer stems from its own text and from the calls that led there.
    """
    cost = network.cost
    by_name = {layer.placed.name: layer for layer in cost.layers}
    implied = cost.checked.network.head.implied
    found: list[Placing] = []
    for placed in _outermost(cost.checked.nodes, network.calls, region):
        if implied and placed.stage is None:
            continue  # the paper's head, which no text stands for
        inside = [by_name[part.name] for part in flat((placed,))]
        found.append(
            Placing(
                placed,
                _notation(placed, cost),
                sum(layer.macs for layer in inside),
                sum(layer.macs_fc for layer in inside),
                sum(layer.params for layer in inside),
                by_name[placed.name].receptive_field,
            )
        )
    return found


def _outermost(
    nodes: Sequence[Placed], calls: Mapping[str, tuple[Span, ...]], region: Span
) -> Iterator[Placed]:
    for placed in nodes:
        origin = placed.layer.origin
        if any(
            region.start <= span.start and span.end <= region.end
            for span in (*calls.get(placed.name, ()), origin)
        ):
            yield placed
        else:
            for branch in placed.branches:
                yield from _outermost(branch, calls, region)


def _notation(placed: Placed, cost: NetworkCost) -> str:
    layer = placed.layer
    if not isinstance(layer, Block):
        return describe(placed, cost.checked.network.style)
    branches = plural(len(placed.branches), "branch")
    if layer.join is Join.CONCAT:
        return branches
    if placed.shortcut:
        branches = "branch and projection" if placed.branches[-1] else "branch and identity"
    return f"sum of {branches}" + (f", then {placed.activation}" if placed.activation else "")
