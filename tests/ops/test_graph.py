"""The graph of operations, and networkx's view of it."""

from __future__ import annotations

import networkx as nx
import pytest

import ctcdsl
from ctcdsl.layers.base import SameShapeLayer
from ctcdsl.lowering import lower
from ctcdsl.ops.graph import INPUT
from ctcdsl.ops.op import PointOp
from tests.conftest import one

SPEC = """
input 3x8x8
style conv-bn-relu
a: (3,4) [ (3,4) | id ] { (1,2) | (3,2) }
head: gap fc(5)
"""


def test_networkx_has_the_operations_and_the_values() -> None:
    graph = lower(one(SPEC)).to_networkx()
    assert nx.is_directed_acyclic_graph(graph)
    (add,) = (name for name in graph if name.startswith("a.block1.Add"))
    before = set(graph.predecessors(add))
    assert before == {"a.block1.branch1.conv.BatchNorm", "a.block1.branch2.id"}
    assert graph.edges[INPUT, "a.conv.Conv2d"]["shape"] == (3, 8, 8)
    (end,) = (name for name in graph if graph.out_degree(name) == 0)
    assert graph.nodes[end]["node"].output.shape.channels == 5


@pytest.mark.parametrize("name", ["googlenet", "densenet121", "mobilenet_v2"])
def test_every_operation_is_reached(name: str) -> None:
    network = ctcdsl.load(name)
    assert isinstance(network, ctcdsl.Network)
    graph = lower(network).to_networkx()
    assert nx.descendants(graph, INPUT) == set(graph) - {INPUT}


def test_a_kind_that_leaves_a_rule_out_does_not_import() -> None:
    with pytest.raises(
        TypeError,
        match=r"Forgetful does not say its keyword, title, lower, .*widths, last_activation",
    ):

        class Forgetful(SameShapeLayer):
            pass


def test_an_operation_that_leaves_an_answer_out_does_not_import() -> None:
    with pytest.raises(TypeError, match="Vague does not say its module, arguments, trace"):

        class Vague(PointOp):
            pass
