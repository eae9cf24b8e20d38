"""The flat dataflow graph of a network, for whatever works on graphs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ctcdsl.ir.network import Network, Node

if TYPE_CHECKING:
    import networkx as nx

INPUT = "input"


def to_networkx(network: Network) -> nx.DiGraph[str]:
    """Return the dataflow graph: a node a layer, a feature map an edge.

    Nodes are named as `Node.name`, and carry it as `node`; the node `input` begins the
    graph. Edges carry the `shape` of the map that flows. Blocks are the nodes at which
    their branches come together; an identity branch is an edge.
    """
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph(name=network.name)
    graph.add_node(INPUT, node=None)
    _add(graph, network.nodes, INPUT)
    return graph


def _add(graph: nx.DiGraph[Any], chain: Iterable[Node], source: str) -> str:
    """Add a chain after `source`; return the node that ends it."""
    for node in chain:
        ends = [_add(graph, branch, source) for branch in node.branches] or [source]
        graph.add_node(node.name, node=node)
        for branch, end in zip(node.branches or ((),), ends, strict=True):
            graph.add_edge(end, node.name, shape=branch[-1].output if branch else node.input)
        source = node.name
    return source
