"""Networks back to text: reading it gives the network again, written canonically."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctcdsl.ir.printer import digest, row, unparse
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source
from tests.conftest import SPECS, check, load, one


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_is_read_again_from_its_network(path: Path) -> None:
    network = load(path)
    assert one(unparse(network.architecture)) == network
    tree, _ = parse(Source("", unparse(network.architecture)))
    assert format_file(tree) == unparse(network.architecture)


def test_a_delayed_pool_is_written_as_in_the_paper() -> None:
    architecture = load(next(path for path in SPECS if path.stem == "J_prime")).architecture
    assert unparse(architecture) == (
        "net J'\ninput 3x224x224\nclasses 1000\npad paper\nmaps 36 18 6\n"
        "(7,64)/2 3/1 (2,128)/3+(2,128)x3 2/1 (2,256)/2+(2,256)x3 3/1 (2,2304)/3+(2,256)\n"
    )


def test_the_digest_ignores_spelling_and_comments() -> None:
    one_way = one("net A\npad paper\n(7, 64)/2 3/3 (3,8)*2 # a comment")
    other = one("net A\npad paper\n(7,64)/2 max(3)/3 {(3,8)} + (3,8)")
    assert digest(one_way.architecture) == digest(other.architecture)
    assert digest(one_way.architecture) != digest(
        one("net A\npad paper\n(7,64)/2 3/3 (3,8)x3").architecture
    )


def test_a_row_of_layers() -> None:
    layers = one("(3,8)x2 (3,8)/2 max(3,p1)/2 lrn drop(0.5)\nhead: gap fc").architecture
    text = row(layers.stages[0].elements, layers.style, 3)
    assert text == "(3,8)x2+(3,8)/2 max(3,p1)/2 lrn(5) drop(0.5)"


LAYERS = st.sampled_from(
    [
        "(3,8)",
        "(3,8,p0)",
        "(1,4)",
        "(5,8)/2",
        "(3,8)x3",
        "3/2",
        "2/1",
        "avg(2)/2",
        "lrn",
        "drop(0.1)",
    ]
)
LINES = st.lists(
    st.tuples(st.sampled_from(["", "a: ", "b: ", "c: "]), st.lists(LAYERS, min_size=1, max_size=5)),
    min_size=1,
    max_size=3,
    unique_by=lambda line: line[0] or object(),
)


@settings(max_examples=200)
@given(
    lines=LINES,
    head=st.sampled_from(
        [
            "",
            "head: none\n",
            "gap fc\n",
            "top: spp(2,1) fc(8) drop(0.5) fc\n",
            "head: (1,8) [ (3,8) id ] 2/2 gap fc\n",
            "head: 2/2 (2,5)x3\n",
        ]
    ),
    pad=st.sampled_from(["paper", "same", "valid"]),
)
def test_any_network_is_read_again(lines: list[tuple[str, list[str]]], head: str, pad: str) -> None:
    text = "".join(f"{label}{' '.join(layers)}\n" for label, layers in lines)
    report = check(f"net N\ninput 3x160x200\npad {pad}\n{text}{head}")
    if not report.ok:
        return
    (network,) = report.networks
    assert one(unparse(network.architecture)) == network
