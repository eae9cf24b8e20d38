"""What binds, the nearest network and the price of a layer, against all networks."""

from __future__ import annotations

import pytest

from ctcdsl.budgets import Budget
from ctcdsl.spaces.counting import limits_of
from ctcdsl.spaces.feasibility import infeasible
from ctcdsl.spaces.search import Search
from tests.spaces.test_graph import SPACES
from tests.support.spaces import space_of


@pytest.mark.parametrize("name", ["uniform stages", "in place", "blocks"])
def test_a_bound_must_go_as_far_as_the_nearest_network(name: str) -> None:
    space = space_of(SPACES[name])
    every = [design.costs for design in Search(space).designs()]
    deepest = max(costs["depth"] for costs in every)
    least = min(costs["macs"] for costs in every if costs["depth"] == deepest)
    bounds = {"macs": f"<={int(least) - 1}", "depth": f">={int(deepest)}"}
    search = Search(space, Budget().with_bounds(bounds))
    assert search.count == 0
    graph = space.graph([m for m in search.full.measures if m.name in ("macs", "depth")])
    found = infeasible(
        graph,
        limits_of(graph, search.budget.bounds, {}),
        lambda decisions, costs: (decisions, costs),  # type: ignore[arg-type, return-value]
    )
    reaches = {reach.metric.name: reach.value for reach in found.reaches}
    shallower = [c["depth"] for c in every if c["macs"] < least]
    assert reaches["macs"] == least
    assert reaches.get("depth") == (max(shallower) if shallower else None)
    assert found.nearest is not None


@pytest.mark.parametrize("name", ["uniform stages", "in place"])
def test_the_price_of_one_more_layer(name: str) -> None:
    space = space_of(SPACES[name])
    every = [design.costs for design in Search(space).designs()]
    limit = sorted(costs["macs"] for costs in every)[len(every) // 3]
    search = Search(space, Budget().with_bounds({"macs": f"<={int(limit)}"}))
    deepest = max(costs["depth"] for costs in every if costs["macs"] <= limit)
    deeper = [costs["macs"] for costs in every if costs["depth"] > deepest]
    price = search.price
    if not deeper:
        assert price is None
        return
    assert price is not None
    assert price.deepest == deepest
    assert [reach.value for reach in price.reaches] == [min(deeper)]
