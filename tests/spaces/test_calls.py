"""Calls that are placed in parts, and brackets in others, against the whole-network compiler."""

from __future__ import annotations

import random

import pytest

from ctcdsl.budgets import Budget
from ctcdsl.metrics.catalog import ACTIVATION_BYTES, BUFFERS, DEPTH, MACS, PARAMS
from ctcdsl.spaces.objectives import Rails
from ctcdsl.spaces.search import Search
from ctcdsl.text import UserError
from tests.spaces.test_brackets import in_parts
from tests.support.spaces import assert_as_compiled, space_of

METRICS = (DEPTH, MACS, PARAMS, BUFFERS, ACTIVATION_BYTES)

SPACES = {
    "inception": """
        pad same
        input 3x24x24
        def inc(a, r, n, p) = { (1,a) | (1,r) (3,n) | 3/1 (1,p) }
        (3,8)/2 inc(<4|8>,<2|4>,<4|8>,<4|8>) inc(4,<c/4|8>,<4|8>,4) (3,4)
        head: none
        """,
    "fire": """
        input 3x24x24
        pad same
        def fire(s,e) = (1,s) { (1,e) | (3,e) }
        (3,8)/2 fire(<2|4>,<4|8>)x2 fire(<2|4>,<4|8>)x(<0..1>)/2 (3,4)
        head: none
        """,
    "inverted residuals": """
        style conv-bn-silu
        input 3x24x24
        def mb(k,n,e=<1|2>) = [ (1,e*c) (k,dw) se(c/4) (1,n,linear) | id? ]
        (3,8)/2 mb(<3|5>,<8|16>)x(<1..2>)/2 mb(3,<8|16>,e=<2|4>) (3,4)
        head: none
        """,
    "a kernel that may be a pixel": """
        style conv-bn-relu
        input 3x24x24
        def block(k,n) = [ (1,n/2) (k,n) ]
        (3,8) block(<1|3>,<8|16>)/2 block(<3|5>,<8|16>)x2/2 (3,4)
        head: none
        """,
    "parameters that are not always read": """
        input 3x24x24
        pad same
        def cell(a,b,n,u=<1|2>) = (3,a)x(n) < (1,b) | (3,8) | none > { (1,4) | (1,<2|a>) }
        (3,8)/2 cell(<4|8>,<4|8>,<0|1>) (3,4)
        head: none
        """,
    "calls in calls": """
        style conv-bn-relu
        input 3x24x24
        let w = 4 | 8
        let v = w | 2*w
        def inner(n,m=<n|c>) = [ (1,n) (3,m) (1,c) ]
        def outer(t,n) = (1,t*w) inner(<t|2*t>) { inner(n,m=v) | (1,<4|n>) }
        (3,8)/2 outer(<2|4>,<4|8>) (3,v)
        head: none
        """,
    "a name of a let and of a parameter": """
        input 3x24x24
        let w = 4 | 8
        let k = 1 | 3
        def two(w,k) = (3,w) { (k,w) | (1,4) }
        def odd(k) = { (k,4,p(k/2)) (1,<4|8>) | (1,<k|4>) }
        (3,8)/2 two(<2|w>,3)x2 odd(k) (3,w)
        head: none
        """,
    "brackets in brackets": """
        style conv-bn-relu
        input 3x24x24
        (3,8)/2
        [ (1,<4|8>) { (3,<2|4>) | [ (3,<4|8>) (1,c) ] }x2 (1,8) ]
        [ [ (1,<4|8>) (3,8) | id ] (1,<4|8>) (1,8,linear) | (1,8) ] (3,4)
        head: none
        """,
    "strides in brackets in brackets": """
        style conv-bn-relu
        input 3x25x25
        def inner(n) = [ (1,<4|8>) (3,n)/2 ]
        (3,8) [ inner(<8|16>) (1,<8|16>) ] [ { (3,<4|8>)/2 | (1,8)/2 } (1,8) ]x(<1..2>) (3,4)
        head: none
        """,
    "copies in copies": """
        style conv-bn-relu
        input 3x16x16
        def unit(n) = [ (1,<2|4>)x(<0..1>) (3,n) (1,c) ]x(<0..1>)
        (3,8) { unit(<4|8>) (1,8) }x(<1..2>) (3,4)
        head: none
        """,
    "a let that a call reads late": """
        input 3x24x24
        pad same
        let a = 2 | 4
        let b = 4 | 8
        let d = 0 | 1
        where a < b or d == 1
        def inc(p,q,r) = { (1,p) (3,r) | (1,q)x(d) (1,4) }
        (3,8)/2 inc(a,<b|6>,<2|4>) inc(a+b,<b|c>,4) (3,4)
        head: none
        """,
}


@pytest.mark.parametrize("name", SPACES)
def test_the_networks_are_those_of_the_compiler(name: str) -> None:
    space = space_of(SPACES[name])
    assert in_parts(space)
    assert_as_compiled(space, METRICS)


ARGUMENTS = ("4", "8", "<4|8>", "<2|4>", "<4|8>", "w", "<w|4>")
INNER = ("4", "8", "a", "b", "<a|8>", "c", "2*a")


def layer(generator: random.Random, depth: int) -> str:
    """A layer of a `def`, a bracket, or a call of the one before."""
    if depth and not generator.randrange(3):
        return bracket(generator, depth - 1)
    if not generator.randrange(7):
        return f"first({generator.choice(INNER)},{generator.choice(INNER)})"
    kernel, width = generator.choice(("1", "3", "k")), generator.choice(INNER)
    after = generator.choice(("", "", "", "x2", "x(<0|1>)", "x(n)"))
    return generator.choice((f"({kernel},{width}){after}",) * 6 + ("< (1,b) | none >",))


def bracket(generator: random.Random, depth: int) -> str:
    """A bracket, with brackets in it."""
    opening, closing = generator.choice(("[]", "[]", "{}"))
    branches = [
        " ".join([*(layer(generator, depth) for _ in range(generator.randrange(3))), "(1,8)"])
        for _ in range(generator.choice((1, 2)))
    ]
    if opening == "[" and len(branches) > 1 and generator.randrange(2):
        branches[-1] = generator.choice(("id?", "(1,b)?", "id"))
    return f"{opening} {' | '.join(branches)} {closing}{generator.choice(('', '', 'x2'))}"


@pytest.mark.parametrize("seed", range(16))
def test_random_calls_are_those_of_the_compiler(seed: int) -> None:
    generator = random.Random(seed)
    while True:
        first = " ".join(f"({k},{n})" for k, n in (("1", "m"), ("3", "n"), ("1", "8")))
        call = (
            f"unit({generator.choice(ARGUMENTS)},{generator.choice(ARGUMENTS)}"
            f"{generator.choice(('', ',k=3', ',k=<1|3>'))})"
        )
        lines = [
            generator.choice(("", "style conv-bn-relu", "style bn-relu-conv")),
            "pad same",
            "input 3x16x16\nlet w = 4 | 8\nlet n = 1 | 2",
            f"def first(m,n) = {generator.choice((f'[ {first} ]', first, f'{{ {first} | id }}'))}",
            f"def unit(a,b,k={generator.choice(('1', '3', '<1|3>'))}) = {bracket(generator, 2)}",
            "(3,8)",
            generator.choice(("", "st: ")) + call + generator.choice(("", "x2", "x(<0|1>)", "/2")),
            "(3,4)\nhead: none",
        ]
        text = "\n".join(lines)
        if text.count("<") > 7:  # the compiler takes all of them, those that do not fit, too
            continue
        space = space_of(text)
        if not in_parts(space):
            continue
        try:
            total = space.graph(()).networks
        except UserError:  # no network of it checks
            continue
        if not 3 < total < 150:
            continue
        assert_as_compiled(space, METRICS)
        return


def test_a_module_of_a_quarter_of_a_million_networks() -> None:
    space = space_of(
        """
        pad same
        input 3x48x48
        def inc(a, r3,n3, r5,n5, p) = { (1,a) | (1,r3) (3,n3) | (1,r5) (5,n5) | 3/1 (1,p) }
        (7,16)/2
        inc(<8..64 by 8>,<8..64 by 8>,<8..64 by 8>,<8..64 by 8>,<8..64 by 8>,<8..64 by 8>)
        (3,32)
        head: gap fc(8)
        """
    )
    rails = Rails(min_width=1, max_depth=None, chains=True)
    search = Search(space, Budget().with_bounds({"macs": "<=40M"}), rails=rails)
    assert search.total == 8**6
    assert 0 < search.count < search.total
    assert search.full.placements.placed < 500
    for design in search.front:  # each is compiled
        assert design.network.macs <= 40_000_000


def test_choices_in_place_are_in_the_order_of_the_text() -> None:
    space = space_of(
        """
        input 3x16x16
        def two(a,b) = (<1|3>,b) (3,a)
        (3,8) two(<2|4>,<6|8>)
        head: none
        """
    )
    titles = {design.title for design in Search(space, rails=Rails(min_width=1)).designs()}
    assert titles == {f"<{a}> <{b}> <{k}>" for a in (2, 4) for b in (6, 8) for k in (1, 3)}
