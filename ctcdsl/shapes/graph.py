"""The flat dataflow graph of a network, for whatever works on graphs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ctcdsl.ir.network import CheckedNetwork, Placed

if TYPE_CHECKING:
    import networkx as nx

INPUT = "input"


def to_networkx(checked: CheckedNetwork) -> nx.DiGraph[str]:
    """Return the dataflow graph: a node a layer, a feature map an edge.

    Nodes are named as `Placed.name`, and carry it as `placed`; the node `input` begins the
    graph. Edges carry the `shape` of the map that flows. Blocks are the nodes at which
    their branches come together; an identity branch is an edge.
    """
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph(name=checked.name)
    graph.add_node(INPUT, placed=None)
    _add(graph, checked.nodes, INPUT)
    return graph


def _add(graph: nx.DiGraph[Any], chain: Iterable[Placed], source: str) -> str:
    """Add a chain behind `source`; return the node that ends it."""
    for placed in chain:
        ends = [_add(graph, branch, source) for branch in placed.branches] or [source]
        graph.add_node(placed.name, placed=placed)
        for branch, end in zip(placed.branches or ((),), ends, strict=True):
            graph.add_edge(end, placed.name, shape=branch[-1].output if branch else placed.input)
        source = placed.name
    return source
