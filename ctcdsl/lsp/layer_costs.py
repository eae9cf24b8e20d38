"""Where a piece of the text is in its networks: one layer, or many by `xN` and calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ctcdsl.checking import Node
from ctcdsl.ir import Block, Join
from ctcdsl.ir.network import flat
from ctcdsl.lsp.document import Costed
from ctcdsl.metrics import Cost
from ctcdsl.metrics.tables import describe
from ctcdsl.text import Span
from ctcdsl.text.plural import plural


class Placing(NamedTuple):
    """A layer or a block in its place, and what it costs with all that it holds."""

    node: Node
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
    by_name = {layer.node.name: layer for layer in cost.layers}
    implied = cost.network.architecture.head.implied
    found: list[Placing] = []
    for node in _outermost(cost.network.nodes, network.calls, region):
        if implied and node.stage is None:
            continue  # the paper's head, which no text stands for
        inside = [by_name[part.name] for part in flat((node,))]
        found.append(
            Placing(
                node,
                _notation(node, cost),
                sum(layer.macs for layer in inside),
                sum(layer.macs_fc for layer in inside),
                sum(layer.params for layer in inside),
                by_name[node.name].receptive_field,
            )
        )
    return found


def _outermost(
    nodes: Sequence[Node], calls: Mapping[str, tuple[Span, ...]], region: Span
) -> Iterator[Node]:
    for node in nodes:
        origin = node.layer.origin
        if any(
            region.start <= span.start and span.end <= region.end
            for span in (*calls.get(node.name, ()), origin)
        ):
            yield node
        else:
            for branch in node.branches:
                yield from _outermost(branch, calls, region)


def _notation(node: Node, cost: Cost) -> str:
    layer = node.layer
    if not isinstance(layer, Block):
        return describe(node, cost.network.architecture.style)
    branches = plural(len(node.branches), "branch")
    if layer.join is Join.CONCAT:
        return branches
    if node.shortcut:
        branches = "branch and projection" if node.branches[-1] else "branch and identity"
    return f"sum of {branches}" + (f", then {node.activation}" if node.activation else "")
