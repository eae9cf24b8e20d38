"""The layers of a network that a piece of its text stands for, with their costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ctcdsl.checking import Node
from ctcdsl.ir import Block, Join
from ctcdsl.metrics import Cost, LayerCost
from ctcdsl.metrics.tables import JOINED, describe
from ctcdsl.text import Span
from ctcdsl.text.plural import plural


class NotedCost(NamedTuple):
    """A layer or a block in the notation of the spec, and its cost with all that it contains."""

    notation: str
    cost: LayerCost

    @property
    def node(self) -> Node:
        """The layer or block."""
        return self.cost.node


def layer_costs(cost: Cost, region: Span) -> list[NotedCost]:
    """The outermost layers and blocks of a network that come from a region of its text.

    A layer comes from its own text and from the calls of `def`s that lead to it.
    """
    implied = cost.network.architecture.head.implied
    return [
        NotedCost(_notation(node, cost), cost.part(node))
        for node in _outermost(cost.network.nodes, region)
        if not (implied and node.stage is None)  # the paper's head has no text
    ]


def _outermost(nodes: Sequence[Node], region: Span) -> Iterator[Node]:
    for node in nodes:
        origin = node.layer.origin
        if any(
            region.start <= span.start and span.end <= region.end
            for span in (*origin.calls, origin.span)
        ):
            yield node
        else:
            for branch in node.branches:
                yield from _outermost(branch, region)


def _notation(node: Node, cost: Cost) -> str:
    layer = node.layer
    if not isinstance(layer, Block):
        return describe(node, cost.network.architecture.style)
    branches = plural(len(node.branches), "branch")
    if layer.join.concatenates:
        return f"channels split over {branches}" if layer.join is Join.SPLIT else branches
    if node.shortcut:
        branches = "branch and projection" if node.branches[-1] else "branch and identity"
    return f"{JOINED[layer.join]} of {branches}" + (
        f", then {node.activation}" if node.activation else ""
    )
