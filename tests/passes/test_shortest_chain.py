"""A chain that was found makes the design when it is run again, and is as short as can be."""

from __future__ import annotations

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from ctcdsl import api, designs
from ctcdsl.checking import Network
from ctcdsl.passes.shortest_chain import nameless, shortest_chain
from ctcdsl.text import UserError
from tests.support.rewriting import after, paper

A = paper("(7,64)/2 3/3 (5,128) 2/2 (3,256)x3")
BASES = (A, paper("(5,32)/2 2/2 (3,64)x2"), paper("(7,64)/2 3/3 (2,128)x4 2/2 (2,256)x6"))
NUMBERS = {
    "stage": (1, 2, 3),
    "to": (2, 3, 5),
    "depth": (2, 3, 4, 6),
    "multiple": (8, 16, 32),
    "times": (1, 2),
    "width": (160, 300),
    "share": (0.1, 0.25),
}
PASSES = (
    *("depth-for-size:stage={stage},to={to}", "size-for-depth:stage={stage},to={to}"),
    "depth-for-width:stage={stage},depth={depth},multiple={multiple}",
    "width-for-size:stage={stage},to={to},multiple={multiple}",
    *("add-pool:multiple={multiple}", "remove-pool", "delay-subsample", "undelay-subsample"),
    *("delay-subsample:stage={stage}", "dilate-delay", "nin", "nin:stage={stage}"),
    *("repeat-last:times={times}", "repeat-last:times={times},stage={stage}"),
    "deepen:stage={stage}",
)
LAST = (
    "widen:stage={stage},width={width}",
    *("scale:macs=70%", "scale:macs=150%", "transfer:source=3,target=2,share={share},multiple=8"),
    *("repair:stage=3,macs=500000000,multiple=8", "repair:stage=2,macs=900000000"),
)
"""Passes whose options can be read off the design where nothing follows them."""


@st.composite
def chains(draw: st.DrawFn) -> tuple[Network, list[str], Network]:
    """A network, up to three passes that apply to it, and what they make of it."""
    base = network = draw(st.sampled_from(BASES))
    applied: list[str] = []
    for final in draw(st.sampled_from(((True,), (False, True), (False, False, True)))):
        template = draw(st.sampled_from(PASSES + LAST if final else PASSES))
        name = template.format(**{key: draw(st.sampled_from(n)) for key, n in NUMBERS.items()})
        try:
            network = after(network, name)
        except UserError:
            continue
        applied.append(name)
    assume(applied)
    return base, applied, network


@settings(max_examples=10, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(chains())
def test_a_chain_that_was_found_gives_the_network(case: tuple[Network, list[str], Network]) -> None:
    base, applied, design = case
    explanation = designs.explain_design(design, base)
    assert explanation.exact, f"{applied} {explanation}"
    assert len(explanation.steps) <= len(applied)
    if explanation.steps:
        again = designs.rewrite(base, *explanation.passes).network
        assert nameless(again.architecture) == nameless(design.architecture)
    else:
        assert nameless(base.architecture) == nameless(design.architecture)


@pytest.mark.parametrize(
    ("design", "passes"),
    [
        ("B", ["depth-for-size:stage=3,to=2"]),
        ("F", ["depth-for-width:stage=3,depth=6"]),
        ("G", ["depth-for-width:stage=3,depth=9"]),
        ("H", ["depth-for-size:stage=2,to=2", "width-for-size:stage=2,to=3"]),
        ("J", ["depth-for-size:stage=3,to=2", "add-pool", "depth-for-size:stage=2,to=2"]),
    ],
)
def test_the_networks_of_the_paper(design: str, passes: list[str]) -> None:
    chain = designs.explain_design(design, "A")
    assert list(chain.passes) == passes
    assert chain.exact and chain.shortest


def test_blocks() -> None:
    chain = designs.explain_design("resnet50", "resnet50", max_steps=1)
    assert chain.exact and not chain.steps
    deeper = after(api.load("resnet50"), "depth-for-width:stage=4,depth=8,multiple=8")
    assert designs.explain_design(deeper, "resnet50", max_steps=1).passes == (
        "depth-for-width:stage=4,depth=8,multiple=8",
    )


def test_names_do_not_matter() -> None:
    named = api.loads("net X\npad paper\nconv1: (7,64)/2\nconv2: 3/3 (5,128)\nconv3: 2/2 (3,256)x3")
    assert designs.explain_design(named, A).exact


def test_maps_do_not_matter_but_for_their_paddings() -> None:
    row = "(7,64)/2 3/3 (5,128) 2/2 (3,128)x8+(3,256)"
    assert designs.explain_design(paper(row), "A").passes == ("depth-for-width:stage=3,depth=9",)
    row = str(api.load("E'")).partition("\nmaps 36 18 6\n")[2]
    by_rule = api.loads(f"net X\npad paper\n{row}")
    assert not designs.explain_design(by_rule, "E'", max_steps=1).exact


def test_what_no_pass_reaches_is_left_over() -> None:
    design = paper("(7,64)/2 3/3 (5,128) 2/2 (3,256)+(2,256,elu)")
    chain = shortest_chain(A, design, max_steps=2)
    assert not chain.exact and not chain.shortest
    assert chain.remaining == 2
    explanation = designs.explain_design(design, A, max_steps=3)
    assert not explanation.remaining.equal
    assert "an edit changes 2 layers" in explanation.summary()


def test_a_part_of_the_way() -> None:
    design = paper("(7,64)/2 3/3 (2,128)x4 2/2 (2,256)x5+(2,256,elu)")
    explanation = designs.explain_design(design, A, max_steps=3)
    assert explanation.passes == ("depth-for-size:stage=3,to=2", "depth-for-size:stage=2,to=2")
    assert explanation.chain.remaining == 1
    assert [row[-1] for row in explanation.ledger().rows][-1] == "N, by an edit of the rest"
