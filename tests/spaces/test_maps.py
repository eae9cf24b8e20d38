"""`maps` in spaces: the paddings are those of the compiler, which solves each network by itself."""

from __future__ import annotations

import random

import pytest

from ctcdsl.budgets import Budget
from ctcdsl.metrics.catalog import ACTIVATION_BYTES, DEPTH, MACS, PARAMS
from ctcdsl.metrics.memory_metrics import MCU_MEMORY
from ctcdsl.spaces.objectives import Rails
from ctcdsl.spaces.search import Search
from ctcdsl.text import UserError
from tests.support.spaces import assert_as_compiled, space_of

METRICS = (DEPTH, MACS, PARAMS, ACTIVATION_BYTES, MCU_MEMORY)

SPACES = {
    "the rule mostly holds": """
        maps 36 18
        let k2 = 2 | 3 | 5
        let k3 = 2 | 3
        let w = 8 | 16
        let d = 1..3
        (7,8)/2 3/3 (k2,w)x(d-1)+(k2,16) 2/2 (k3,w)x(d-1)+(k3,8)
        head: none
        """,
    "delayed pools": """
        maps 36 18
        let k = 2 | 3
        (7,8)/2 3/1 (k,4)/3 (<2|3>,4)x(<1..3>) 2/1 (2,<4|8>)/2+(<2|5>,8)x(<0..2>)
        head: gap fc
        """,
    "lines": """
        maps 18 9
        input 3x72x72
        (3,8)/2 < 2/1 | none >
        b: (<2|3>,<4|8>)/2 (2,4)x(<0..2>)
        c: < (3,4)/2 | 2/2 (2,4) > (2,4)x(<0..2>) 2/2
        head: gap fc
        """,
    "a pool first in a line": """
        maps 8 4
        input 3x35x35
        let d = 1..2
        (3,4)/2 < 2/2 | 2/1 > (<2|5>,4)x(d) (2,4)x(d)
        2/1 (<2|4>,<4|8>)/3
        head: (3,4) gap fc
        """,
    "tags, and filters that the rule does not have": """
        maps 18
        input 3x37x37
        (4,8,p1) 2/2 (<2|4>,<4|8>) (<2|3>,4,p1)x(<0..2>) 2/2 (3,<4|8>)
        head: gap fc
        """,
    "same": """
        pad same
        maps 18 9
        input 3x72x72
        let k = 2 | 3 | 5
        (3,8)/2 2/2 (k,4)x(<1..3>) (<3|4>,8) 2/2 (<2|3>,4)
        head: none
        """,
    "tf": """
        pad tf
        maps 18
        input 3x71x71
        (3,8)/2 2/2 (<1|2|3>,4)x(<1..2>) max(<2|3>)/2 (<2|3>,4)
        head: none
        """,
    "oblong": """
        maps 18x24 9x12
        input 3x72x96
        let k = 2 | 3
        (3,8)/2 < 2/2 | (k,4)/2 2/1 > (<2x3|3>,4)x(<1..2>) (k,8) 2/2 (<2|3>,4)x2
        head: gap fc
        """,
}


@pytest.mark.parametrize("name", SPACES)
def test_the_networks_are_those_of_the_compiler(name: str) -> None:
    assert_as_compiled(space_of(SPACES[name]), METRICS)


DELAYED = """
maps 36 18
let k2 = 2 | 3 | 5
let k3 = 2 | 3 | 5
let w2 = 64..512 by 32
let w3 = 128..1024 by 32
let n2 = 1..12
let n3 = 1..12
(7,64)/2 3/1 (k2,128)/3+(k2,w2)x(n2-1) 2/1 (k3,256)/2+(k3,w3)x(n3-1)
"""


def test_the_papers_family_with_delayed_pools() -> None:
    """Of some networks the solver changes paddings; each costs what the compiler says."""
    space = space_of(DELAYED)
    search = Search(space, Budget().with_bounds({"macs": "0.98..1.0*A"}))
    within = list(search.designs())
    assert len(within) == search.count > 100
    changed = 0
    for design in random.Random(0).sample(within, 40):
        network = search.verify(design).network
        changed += any(node.map_dependent for node in network.nodes)
    assert 0 < changed < 40


def test_what_no_paddings_give_is_left_out_and_said() -> None:
    space = space_of("maps 36\n(7,8)/2 3/3 (3,<8|16>)/2 (3,8)\nhead: none")
    with pytest.raises(UserError) as caught:
        Search(space).total  # noqa: B018
    assert caught.value.diagnostics[0].code == "CTC203"
    space = space_of("maps 36\n(7,8)/2 3/3 < (3,8) | (3,16) | (3,16)/2 > (3,8)\nhead: none")
    search = Search(space, rails=Rails(min_width=1))
    assert search.total == 2
    assert search.front
    assert any("the maps that `maps` says" in note for note in search.notes)


def test_blocks_are_not_for_maps() -> None:
    space = space_of("maps 18\n(7,8)/2 3/3 < (3,8)/2 | [ (3,8) ]/2 >\nhead: none")
    search = Search(space, rails=Rails(min_width=1))
    assert search.total == 1
    assert [design.in_place for design in search.front] == [("(3,8)/2",)]
    assert any("contains a block" in note for note in search.notes)


def test_a_picked_network_has_its_maps() -> None:
    design = Search(space_of(SPACES["delayed pools"]), rails=Rails(min_width=1)).front[0]
    assert "maps 36 18" in design.text


def test_copies_whose_paddings_are_too_many_are_refused_at_once() -> None:
    copies = "(<2|3>,8)x(<1..{n}>)"
    text = f"maps 36 18\n(7,8)/2 3/3 {copies} (3,8) 2/2 {copies} (3,8)\nhead: none"
    assert Search(space_of(text.format(n=20))).total == (2**21 - 2) ** 2
    with pytest.raises(UserError) as caught:
        Search(space_of(text.format(n=250))).total  # noqa: B018
    (problem,) = caught.value.diagnostics
    assert problem.code == "CTC722"
    assert "(<2|3>,8)x(<1..250>)" in problem.message
    assert "each of its copies has choices of its own" in problem.notes[0]
    assert "repeat it less often" in problem.hints[0]
