"""Fronts against all networks compared one with another."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from ctcdsl.budgets import Budget
from ctcdsl.spaces import ranking
from ctcdsl.spaces.listing import paths
from ctcdsl.spaces.objectives import Rails, objective
from ctcdsl.spaces.pareto import front
from ctcdsl.spaces.ranking import _thinned, rank
from ctcdsl.spaces.search import Search
from ctcdsl.spaces.tables import Limits, Tables
from tests.spaces.test_graph import SPACES
from tests.support.spaces import space_of

Costs = tuple[int, ...]


def beats(one: Costs, other: Costs, signs: list[int]) -> bool:
    pairs = [(a * s, b * s) for a, b, s in zip(one, other, signs, strict=True) if s]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("rows", "most"), [(1, 5), (300, 4), (300, 100_000), (5_000, 25), (5_000, 10**9)]
)
def test_a_front_of_rows(columns: int, rows: int, most: int) -> None:
    import numpy as np

    values = np.random.default_rng(columns).integers(-most, most, (rows, columns))
    every = dict.fromkeys(map(tuple, values.tolist()))
    best = [
        row
        for row in sorted(every)
        if not any(all(a <= b for a, b in zip(o, row, strict=True)) for o in every if o != row)
    ]
    found = front(values)
    assert [tuple(row) for row in values[found].tolist()] == best
    first = {row: k for k, row in reversed(list(enumerate(map(tuple, values.tolist()))))}
    assert found.tolist() == [first[row] for row in best]


@pytest.mark.parametrize("name", ["uniform stages", "in place", "mobile", "lazy", "defaults"])
def test_a_front_is_what_no_network_beats(name: str) -> None:
    import numpy as np

    graph = Search(space_of(SPACES[name])).full
    width = len(graph.measures)
    every = [c for _, c in paths(Tables(graph, Limits.of([(None, None)] * width)))]
    generator = random.Random(name)
    for _ in range(8):
        signs = [generator.choice([-1, 0, 1]) for _ in range(width - 2)] + [0, 0]
        bounds: list[tuple[int | None, int | None]] = [(None, None)] * width
        k = generator.randrange(width - 2)
        bounds[k] = (None, generator.choice(every)[k])
        limits = Limits.of(bounds)
        within = [c for c in every if c[k] <= (bounds[k][1] or 0)]
        best = {
            tuple(x for x, s in zip(c, signs, strict=True) if s)
            for c in within
            if not any(beats(other, c, signs) for other in within)
        }
        for ranked in (rank, lambda t, s: _thinned(t, np.array(s, np.int64))):
            found = ranked(Tables(graph, limits), signs)
            costs = [each.costs for each in found.networks]
            assert set(costs) <= set(within)
            ours = [tuple(x for x, s in zip(c, signs, strict=True) if s) for c in costs]
            assert len(ours) == len(set(ours)) or not any(signs)
            if any(signs) and not found.rounded:
                assert set(ours) == best


def test_every_layer_by_itself() -> None:
    """Three million networks, each layer with a kernel and a width of its own."""
    space = space_of(
        """
        (7,64)/2 3/3 (<1|3|5>,<32..128 by 32>)x3 (3,128) 2/2
        (<1|3|5>,<64..256 by 64>)x3 (3,256) gap fc
        """
    )
    budget = Budget().with_bounds({"macs": "<=1.0*A"})
    search = Search(space, budget, rails=Rails(min_width=1, max_depth=None, chains=True))
    assert search.total == 12**6
    front = search.front  # each is compiled, and costs what the table says
    assert front
    assert all(design.network.macs <= 854_954_688 for design in front)


def test_where_too_many_rows_are_kept_costs_are_rounded_and_the_front_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "(7,64)/2 3/3 (<1|3|5>,<32..128 by 32>)x4 2/2 (<1|3|5>,<32..128 by 32>)x4 gap fc"
    budget = Budget().with_bounds({"macs": "<=300M"})
    objectives = [objective("+params"), objective("activation-bytes")]

    def searched() -> Search:
        return Search(space_of(text), budget, objectives=objectives)

    exact = searched()
    best = {(each.costs["params"], each.costs["activation-bytes"]) for each in exact.front}
    assert exact.notes == []
    monkeypatch.setattr(ranking, "MAX_KEPT", 4_000)
    monkeypatch.setattr(ranking, "MAX_MET", 100)
    rounded = searched()
    found = [(each.costs["params"], each.costs["activation-bytes"]) for each in rounded.front]
    assert all(each.network.macs <= 300_000_000 for each in rounded.front)
    assert "the front is approximate" in rounded.notes[0]
    for params, size in found:  # within a hundredth of what is best
        assert any(p >= params and s <= size for p, s in best)
    for params, size in best:
        assert any(p >= 0.99 * params and s <= 1.01 * size for p, s in found)


def test_the_rails_keep_chains_and_narrow_layers_out() -> None:
    space = space_of("(7,64)/2 3/3 (<1|3>,<8|64>)x3 (3,64)x(<0..20>) gap fc")
    for design in Search(space).front:
        kernels = [conv.kernel[0] for _, conv in design.network.convolutions()]
        assert (1, 1) not in set(pairwise(kernels))
        assert min(conv.filters for _, conv in design.network.convolutions()) >= 16
        assert len(kernels) <= 16
    free = Search(space, rails=Rails(min_width=1, max_depth=None, chains=True)).front
    assert max(design.costs["depth"] for design in free) == 24
