"""The dataflow graph of a network, and the picture of a family."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import networkx as nx

from ctcdsl.checking import Network
from ctcdsl.drawing.lineage import draw
from ctcdsl.ir import Shape
from ctcdsl.passes.lineage import find_family
from ctcdsl.shapes.graph import INPUT, to_networkx
from tests.conftest import ROOT, SPECS, load, one

FAMILY = sorted(p for p in SPECS if re.fullmatch(r"[A-J](_prime)?", p.stem))


def test_a_chain_is_a_path() -> None:
    network = load(next(path for path in SPECS if path.stem == "J_prime"))
    graph = to_networkx(network)
    assert list(nx.topological_sort(graph)) == [INPUT, *(p.name for p in network.layers)]
    assert nx.dag_longest_path_length(graph, weight="one", default_weight=1) == len(network.layers)


def test_branches_part_and_meet() -> None:
    network = one(
        "net N\nstyle conv-bn-relu\ninput 3x32x32\n"
        "a: (3,8) [ (3,8) (3,8) ] { (1,4) | id | [ (3,8)/1 (3,8) | (1,8) ] }\nhead: gap fc"
    )
    graph = to_networkx(network)
    assert nx.is_directed_acyclic_graph(graph)
    assert set(graph) == {INPUT, *(p.name for p in network.layers)}
    # The identity is an edge from the block's input to its sum.
    assert graph.edges["a.conv", "a.block1"]["shape"] == Shape(8, 32, 32)
    assert graph.in_degree("a.block1") == 2
    assert graph.in_degree("a.block2") == 3
    for source, target, shape in graph.edges(data="shape"):
        node = graph.nodes[source]["node"]
        assert shape == (node.output if node else network.input), (source, target)


def test_the_family_is_found_by_rewriting() -> None:
    family = find_family([load(path) for path in FAMILY])
    pairs = {(relation.parent, relation.child) for relation in family.relations}
    # Figures 1 to 3 of the paper, and Section 4.6.
    assert pairs >= {
        *(("A", "B"), ("A", "C"), ("B", "D"), ("B", "E"), ("C", "D"), ("D", "E")),
        *(("A", "F"), ("A", "G"), ("F", "G"), ("C", "H"), ("D", "I")),
        *(("B", "F"), ("E", "I"), ("E", "J")),
        *((name, f"{name}'") for name in "BDEJ"),
    }


def test_the_picture_in_the_documents_is_the_one_drawn() -> None:
    picture = draw(find_family([load(path) for path in FAMILY]))
    assert (ROOT / "docs" / "family.svg").read_text(encoding="utf-8") == picture
    root = ElementTree.fromstring(picture)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {path.stem.replace("_prime", "'") for path in FAMILY} <= set(texts)
    assert "depth-for-size" in texts and "×0.978" in " ".join(filter(None, texts))


def test_a_network_given_twice_is_drawn_once(ctcdsl: Any, tmp_path: Path) -> None:
    """`specs/` holds the models as files of their own and as tables."""
    specs = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("specs/*.ctc"))
    picture = tmp_path / "family.svg"
    result = ctcdsl("rewrite", "--graph", picture, *specs)
    assert "14 networks and" in result.err and "14 given more than once" in result.err
    assert picture.read_text() == (ROOT / "docs" / "family.svg").read_text()


def test_equal_networks_share_a_box_and_different_ones_of_one_name_do_not() -> None:
    a, b = (load(ROOT / "specs" / f"{name}.ctc") for name in "AB")
    twin = Network(replace(a.architecture, name="Twin"), a.nodes)
    other = Network(replace(b.architecture, name="A = Twin"), b.nodes)
    family = find_family([a, twin, other])
    assert family.names == ("A = Twin", "A = Twin (2)")
    assert [relation[:2] for relation in family.relations] == [family.names]
