"""Brackets that are placed branch by branch, against the whole-network compiler."""

from __future__ import annotations

import random

import pytest

from ctcdsl.budgets import Budget
from ctcdsl.metrics.catalog import ACTIVATION_BYTES, BUFFERS, DEPTH, MACS, PARAMS
from ctcdsl.spaces.objectives import Rails
from ctcdsl.spaces.program import steps_of
from ctcdsl.spaces.search import Search
from ctcdsl.spaces.space import Space
from ctcdsl.spaces.step import Step
from ctcdsl.text import UserError
from tests.support.spaces import assert_as_compiled, space_of

METRICS = (DEPTH, MACS, PARAMS, BUFFERS, ACTIVATION_BYTES)

SPACES = {
    "a shortcut": """
        style conv-bn-relu
        input 3x24x24
        (3,8)/2 [ (1,<4|8>) (<3|5>,<4|8>) (1,<8|16>) ] [ (3,<4|8>) (1,<8|16>) ]/2 (3,4)
        head: none
        """,
    "branches of any number of layers": """
        style conv-bn-relu
        input 3x24x24
        (3,8)/2 [ (1,<4|8>)x(<0..2>) (3,<8|16>)x(<1..2>) | (1,8) < se(4) | none > | id? ] (3,4)
        head: gap fc(8)
        """,
    "channels side by side": """
        pad same
        input 3x24x24
        (3,8)/2 { (1,<4|8>) (3,<4|8>) | (1,c/2) (<3|5>,<2|4>) | 3/1 (1,4) }x(<0..2>) (3,4)
        head: none
        """,
    "a chain in braces": """
        input 3x30x30
        (3,8)/2 { (2,<4|8>) (2,<c|8>)x(<1..2>) 2/2 (3,<4|8>) }x(<1..2>) (2,8)
        head: none
        """,
    "other joins": """
        style conv-bn-relu
        input 3x24x24
        (3,8)/2 mul[ (1,<4|8>) (3,<4|8>) | (1,<4|8>) sigmoid ]
        max[ (3,<4|8>) (1,<4|8>) | (1,<4|8>) ] (3,4)
        head: none
        """,
    "activations that move": """
        input 3x24x24
        (3,8)/2
        [ (1,<4|8>,prelu) < relu | prelu | (3,8,prelu) (1,8,prelu) > | (1,8) < prelu | none > ]
        [ (3,<4|8>) (3,8,<prelu|linear>) ] (3,4)
        head: none
        """,
    "named choices": """
        style conv-bn-relu
        input 3x24x24 | 3x32x32
        let a = 4 | 8
        let b = 4 | 8 | 16
        let n = 0..2
        where a < b or n > 1
        (3,8)/2 [ (1,a) (3,b)x(n) (1,c) | (3,<4|8>) (1,c) ] (3,b)
        head: none
        """,
    "strides": """
        style conv-bn-relu
        pad same
        input 3x24x24
        (3,8) [ (1,<4|8>) (3,<4|8>) (1,8) | (1,<4|8>) (1,8) ]x(<1..2>)/2
        { (3,<4|8>)x2 (1,<4|8>) | (1,4) }/2 (3,4)
        head: none
        """,
    "brackets by name, and inside of others": """
        style conv-bn-relu
        input 3x24x24
        def cell = [ (1,<4|8>) { (3,<4|8>) | (1,4) } (1,c) | id? ]
        (3,8)/2 cell x2 (3,4)
        head: none
        """,
    "branches that do not fit": """
        input 3x17x17
        (3,8)/2 [ (<2|3>,<4|8>) (<2|3>,8) | (1,<4|8>) (3,<4|8>) ]
        { (<2|3>,<4|8>) | (<2|3>,8) } (3,4)
        head: none
        """,
}


def in_parts(space: Space) -> list[Step]:
    """The brackets of a space that are placed branch by branch."""
    return [step for step in steps_of(space.draft, open_brackets=True) if step.parts]


@pytest.mark.parametrize("name", SPACES)
def test_the_networks_are_those_of_the_compiler(name: str) -> None:
    space = space_of(SPACES[name])
    assert in_parts(space)
    assert_as_compiled(space, METRICS)


WIDTHS = ("4", "8", "<4|8>", "<4|8>", "<2|4|8>", "w", "c")
KERNELS = ("1", "1", "3", "3", "<1|3>")


def layer(generator: random.Random, depth: int) -> str:
    """A layer of a branch, or a bracket in it."""
    if depth and not generator.randrange(8):
        return bracket(generator, depth - 1)
    kernel, width = generator.choice(KERNELS), generator.choice(WIDTHS)
    tags = generator.choice(("", "", ",linear", ",g2"))
    after = generator.choice(("", "", "", "x2", "x(<0|1>)", "x(<1|2>)", "x(n)"))
    return generator.choice((f"({kernel},{width}{tags}){after}",) * 8 + ("relu", "< relu | none >"))


def bracket(generator: random.Random, depth: int = 1) -> str:
    """A bracket with branches of layers."""
    opening, closing = generator.choice(("[]", "[]", "{}"))
    branches = [
        " ".join([*(layer(generator, depth) for _ in range(generator.randrange(3))), "(1,8)"])
        for _ in range(generator.choice((1, 2, 2)))
    ]
    if opening == "[" and len(branches) > 1 and generator.randrange(2):
        branches[-1] = generator.choice(("id?", "(1,<4|8>)?", "id"))
    after = generator.choice(("", "", "", "x2", "x(<0|1>)", "/2", "x2/2"))
    return f"{opening} {' | '.join(branches)} {closing}{after}"


@pytest.mark.parametrize("seed", range(24))
def test_random_brackets_are_those_of_the_compiler(seed: int) -> None:
    generator = random.Random(seed)
    found = 0
    while found < 2:
        lines = [
            generator.choice(("", "style conv-bn-relu", "style bn-relu-conv")),
            generator.choice(("pad same", "pad paper", "")),
            "input 3x16x16\nlet w = 4 | 8\nlet n = 1 | 2\n(3,8)",
            generator.choice(("", "st: ")) + bracket(generator),
            bracket(generator),
            "(3,4)\nhead: none",
        ]
        text = "\n".join(lines)
        if text.count("<") > 8:  # the compiler takes all of them, those that do not fit, too
            continue
        space = space_of(text)
        if len(in_parts(space)) < 2:
            continue
        try:
            total = space.graph(()).networks
        except UserError:  # no network of it checks
            continue
        if not 3 < total < 150:
            continue
        found += 1
        assert_as_compiled(space, METRICS)


def test_a_billion_networks_of_one_bracket() -> None:
    layers = " ".join(["(3,<16..128 by 16>)"] * 5)
    space = space_of(
        f"style conv-bn-relu\ninput 3x16x16\n(3,8) [ {layers} (1,8) | {layers} (1,8) | id? ]"
    )
    rails = Rails(min_width=1, max_depth=None, chains=True)
    search = Search(space, Budget().with_bounds({"macs": "<=30M"}), rails=rails)
    assert search.total == 8**10
    assert 0 < search.count < search.total
    assert search.full.placements.placed < 1_000
    for design in search.front:  # each is compiled
        assert design.network.macs <= 30_000_000


@pytest.mark.parametrize(
    "bracket",
    [
        "[ (3,<4|8>) (3,<4|8>) (1,8) depth(0.1) | id? ]",  # its place in a branch matters
        "[ (3,<4|8>) (3,<4|8>) | zeropad ]",  # the other branch's width
        "split{ (3,<4|8>) (3,<4|8>) | id }",
        "[ (<1|3>,<4|8>) (3,<4|8>) (1,8) ]/2",  # which layer has the stride is a choice
        "[ (3,<4|8>) (1,8) ]",  # nothing to gain
    ],
)
def test_a_bracket_that_is_placed_as_one(bracket: str) -> None:
    space = space_of(f"style conv-bn-relu\ninput 3x16x16\n(3,8) {bracket} (3,<4|8|16>)\nhead: none")
    assert not in_parts(space)
    assert_as_compiled(space, METRICS)


def test_why_branches_do_not_fit() -> None:
    space = space_of("input 3x16x16\n(3,8) [ (<2|3>,<4|8>) (1,8) | (1,<4|8>) (1,<4|8>) ] (3,8)")
    search = Search(space, rails=Rails(min_width=1, chains=True))
    assert search.total == 4
    assert search.front
    assert any("branches that are added give" in note for note in search.notes)
