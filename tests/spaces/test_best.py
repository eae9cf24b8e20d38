"""The k best networks against all networks of small spaces, sorted."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from ctcdsl.budgets import Budget
from ctcdsl.spaces.measures import CHAINS, NARROWEST
from ctcdsl.spaces.objectives import Rails, objective
from ctcdsl.spaces.search import Search
from tests.spaces.test_graph import SPACES
from tests.support.spaces import space_of

FREE = Rails(min_width=1, max_depth=None, chains=True)
OBJECTIVES = ("params", "+params", "macs", "+depth", "mcu-memory", "+activation-bytes")


@pytest.mark.parametrize("name", SPACES)
def test_the_best_are_those_of_all_networks(name: str) -> None:
    space = space_of(SPACES[name])
    every = list(Search(space, objectives=[*map(objective, OBJECTIVES)]).designs())
    generator = random.Random(name)
    for text in OBJECTIVES:
        metric = text.lstrip("+")
        low, high = sorted(generator.choice(every).costs["macs"] for _ in range(2))
        k = generator.choice([1, 3, 10, len(every) + 1])
        budget = Budget().with_bounds({"macs": f"{low}..{high}"})
        found = Search(space, budget, objectives=[objective(text)], rails=FREE).best(k)
        values = sorted(
            (d.costs[metric] for d in every if low <= d.costs["macs"] <= high),
            reverse=text.startswith("+"),
        )
        assert [design.costs[metric] for design in found] == values[:k]
        titles = [design.title for design in found]
        assert len(set(titles)) == len(titles)
        assert set(titles) <= {d.title for d in every if low <= d.costs["macs"] <= high}


def test_the_best_keep_to_the_rails() -> None:
    space = space_of("(7,64)/2 3/3 (<1|3>,<8|64>)x3 (3,64)x(<0..20>) gap fc")
    search = Search(space, objectives=[objective("params")])
    costs = dict.fromkeys(search.full.measures)
    assert {NARROWEST, CHAINS} <= set(costs)
    for design in search.best(20):
        convolutions = [conv for _, conv in design.network.convolutions()]
        assert min(conv.filters for conv in convolutions) >= 16
        kernels = [conv.kernel for conv in convolutions]
        assert not any(a == b == (1, 1) for a, b in pairwise(kernels))


def test_the_best_of_a_billion() -> None:
    """The deepest are many: some of them are given, and each once."""
    choice = "(<3|5>,<32..128 by 32>)x(<0|1>)"
    layers = " ".join([choice] * 5)
    space = space_of(f"(7,64)/2 3/3 {layers} (3,128) 2/2 {layers} (3,256) gap fc")
    budget = Budget().with_bounds({"macs": "<=300M"})
    search = Search(space, budget, objectives=[objective("+depth")], rails=FREE)
    assert search.total == 9**10
    found = search.best(30)
    assert len({design.title for design in found}) == 30
    deepest = found[0].costs["depth"]
    deeper = {"macs": "<=300M", "depth": f">={int(deepest) + 1}"}
    assert Search(space, Budget().with_bounds(deeper)).count == 0


def test_a_bound_of_whole_networks() -> None:
    space = space_of("input 3x32x32\n(3,8)/2 (<1|3>,<4..12 by 4>)x(<1|2>) gap fc(8)")
    budget = Budget().with_bounds({"memory": "<=1GB"})
    found = Search(space, budget, objectives=[objective("params")], rails=FREE).best(4)
    every = sorted(d.costs["params"] for d in Search(space).designs())
    assert [design.costs["params"] for design in found] == every[:4]
