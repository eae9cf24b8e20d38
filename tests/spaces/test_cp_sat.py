"""The front against OR-tools' CP-SAT, where that is installed: `pip install ortools`."""

from __future__ import annotations

from itertools import product

import pytest

from ctcdsl.budgets import Budget
from ctcdsl.spaces.objectives import Rails, objective
from ctcdsl.spaces.search import Search
from tests.support.spaces import space_of

KERNELS, WIDTHS, LAYERS, SIDE = (1, 3, 5), (16, 32, 48, 64), 4, 36


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_the_fewest_parameters_between_two_costs(share: float) -> None:
    reason = "ortools is not installed: it only checks the search by another solver"
    cp_model = pytest.importorskip("ortools.sat.python.cp_model", reason=reason)
    most = SIDE**2 * (27 * 16 + 25 * 64 * (16 + 3 * 64) + 9 * 64 * 16)
    low, high = int(0.9 * share * most), int(share * most)
    space = space_of(
        f"input 3x{SIDE}x{SIDE}\n(3,16) (<1|3|5>,<16..64 by 16>)x{LAYERS} (3,16)\nhead: none"
    )
    rails = Rails(min_width=1, max_depth=None, chains=True)
    budget = Budget().with_bounds({"macs": f"{low}..{high}"})
    search = Search(space, budget, objectives=[objective("params")], rails=rails)

    model = cp_model.CpModel()
    widths = [model.new_int_var(16, 64, f"w{k}") for k in range(LAYERS + 1)]
    model.add(widths[0] == 16)
    macs, params = [], []
    for k in range(LAYERS):
        cost, count = (model.new_int_var(0, most, f"{name}{k}") for name in ("macs", "params"))
        rows = [
            (before, after, SIDE**2 * side**2 * before * after, side**2 * before * after + after)
            for before, side, after in product((*WIDTHS,), KERNELS, WIDTHS)
        ]
        model.add_allowed_assignments([widths[k], widths[k + 1], cost, count], rows)
        macs.append(cost)
        params.append(count)
    last = 9 * 16 * widths[-1]
    total = sum(macs) + SIDE**2 * (27 * 16 + last)
    model.add(total <= high)
    model.add(total >= low)
    model.minimize(sum(params) + 27 * 16 + 16 + last + 16)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    assert solver.solve(model) == cp_model.OPTIMAL
    assert [design.costs["params"] for design in search.front] == [int(solver.objective_value)]
