"""The engine against the whole-network compiler: the same networks, at the same costs."""

from __future__ import annotations

import random
from math import comb

import pytest

from ctcdsl.budgets import Budget
from ctcdsl.metrics.catalog import ACTIVATION_BYTES, BUFFERS, DEPTH, MACS, MACS_FC, PARAMS
from ctcdsl.metrics.memory_metrics import MCU_MEMORY
from ctcdsl.spaces.search import Search
from tests.support.spaces import assert_as_compiled, space_of

METRICS = (DEPTH, MACS, MACS_FC, PARAMS, BUFFERS, ACTIVATION_BYTES, MCU_MEMORY)

SPACES = {
    "uniform stages": """
        input 3x64x64
        let k = 2 | 3 | 5
        let w = 8..24 by 8
        let d = 1..4
        where k != 2 or d%2 == 0
        (7,16)/2 3/3 (k,w)x(d-1)+(k,16) 2/2 (3,32)x2
        head: none
        """,
    "twos over stages": """
        input 3x80x80
        let a = 1..3
        let b = 0 | 1 | 2
        (3,8)/2 (2,8)x(a) (1,8) (2,4)x(b) 2/2 (2,8) (2,<4|8>)
        s2: (2,8)x(b) 2/2 (2,4)
        head: none
        """,
    "in place": """
        input 3x32x32
        (3,8)/2 (<1|3>,<4..12 by 4>)x2 2/2 < (3,8)x2 | (5,8) | none > (3,<4|8>)x(<0..2>)
        head: gap fc(<8|16>) fc
        """,
    "blocks": """
        style conv-bn-relu
        input 3x32x32 | 3x48x48
        let block = basic | bottle
        let w = 8 | 16
        let n = 1..2
        def basic(w) = [ (3,w) (3,w) ]
        def bottle(w) = [ (1,w/2) (3,w/2) (1,2w) ]
        stem: (3,8)/2
        s1: block(w)x(n)
        s2: block(2*w)x(n)/2 { (1,<4|8>) | (3,8) }
        head: gap fc
        """,
    "mobile": """
        style conv-bn-relu6
        input 3x32x32
        let width = 0.5 | 1
        def ir(t,n) = [ (1,t*c) (3,dw) (1,round8(n*width),linear) | id? ]
        (3,8)/2 ir(<2|4>,16)x2 ir(6,<16|24>)x(<0..2>)/2
        head: (1,32) gap fc
        """,
    "some do not fit": """
        input 3x20x20
        let k = 3 | 5 | 9
        let g = 2 | 3
        (k,8)/2 (k,8,p0) < 2/2 | none > (k,<4|8>,p0) (3,8,g(g))
        head: none
        """,
    "lazy": """
        input 3x32x32
        let w = 4 | 8
        let v = w | 2*w
        let d = 0..2
        where w == 4 or d != 1
        where v > 4 and w < 100
        (3,8)/2 < (3,w)x(d) (1,v) | (5,8) > (3,8)
        head: none
        """,
    "defaults": """
        input 3x24x24
        def mb(k,n,e=<1|2>) = (1,e*c) (k,n)
        (3,4)/2 mb(<3|5>,4) mb(3,8,e=2) max(<2|3>)/2
        head: none
        """,
}


@pytest.mark.parametrize("name", SPACES)
def test_the_networks_are_those_of_the_compiler(name: str) -> None:
    assert_as_compiled(space_of(SPACES[name]), METRICS)


@pytest.mark.parametrize("name", SPACES)
def test_every_design_is_within_the_budget_and_none_is_missed(name: str) -> None:
    space = space_of(SPACES[name])
    everything = list(Search(space).designs())
    generator = random.Random(name)
    for _ in range(6):
        low, high = sorted(generator.choice(everything).costs["macs"] for _ in range(2))
        params = generator.choice(everything).costs["params"]
        depth = generator.choice(everything).costs["depth"]
        bounds = {"macs": f"{low}..{high}", "params": f"<={params}", "depth": f">={depth}"}
        search = Search(space, Budget().with_bounds(bounds))
        within = [
            design.title
            for design in everything
            if low <= design.costs["macs"] <= high
            and design.costs["params"] <= params
            and design.costs["depth"] >= depth
        ]
        assert search.count == len(within)
        assert [design.title for design in search.designs()] == within
        for design in search.designs():
            search.verify(design)


GOLDEN = """
let k2 = 2 | 3 | 5
let k3 = 2 | 3 | 5
let w2 = {step}..512 by {step}
let w3 = {step}..1024 by {step}
let a = 1..16
let b = 1..16
where k2 != 2 or a%2 == 0
where k3 != 2 or b%2 == 0
(7,64)/2 3/3 (k2,w2)x(a-1)+(k2,128) 2/2 (k3,w3)x(b-1)+(k3,256)
head: none
"""


@pytest.mark.parametrize(("step", "total", "count"), [(32, 742_980, 1_104), (16, 2_964_612, 4_470)])
def test_the_papers_family_is_counted(step: int, total: int, count: int) -> None:
    search = Search(
        space_of(GOLDEN.format(step=step)), Budget().with_bounds({"macs": "0.98..1.02*A"})
    )
    assert (search.total, search.count) == (total, count)


def test_all_of_the_papers_family_is_counted() -> None:
    search = Search(space_of(GOLDEN.format(step=1)), Budget().with_bounds({"macs": "0.98..1.02*A"}))
    assert (search.total, search.count) == (757_188_612, 1_219_069)


def test_more_networks_than_64_bits_are_counted() -> None:
    layers = " ".join(["(3,<8|16>)x(<0|1>)"] * 60)
    space = space_of(f"(7,8)/2 3/3 {layers}\nhead: none")
    search = Search(space, Budget().with_bounds({"depth": "<=31"}))
    assert search.total == 3**60 > 2**64
    assert search.count == sum(comb(60, k) * 2**k for k in range(31))
