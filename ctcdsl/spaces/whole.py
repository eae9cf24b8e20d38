"""Bounds and objectives that only whole networks have a value of: each network is compiled."""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.budgets import Budget
from ctcdsl.spaces.counting import count_within
from ctcdsl.spaces.design import Design
from ctcdsl.spaces.measures import measure_of
from ctcdsl.spaces.objectives import Objective
from ctcdsl.spaces.space import Space
from ctcdsl.spaces.tables import Tables
from ctcdsl.text import error

MAX_CHECKED = 5_000
"""So many networks are compiled at most for a value that only whole networks have."""


class WholeNetworks:
    """The bounds of a budget and the objectives that are no sum of parts."""

    def __init__(self, budget: Budget, objectives: Sequence[Objective]) -> None:
        self._bounds = [b for b in budget.bounds if measure_of(b.metric) is None]
        self._objectives = [objective for objective in objectives if objective.of is not None]
        self._budget = Budget(self._bounds, budget.conditions)

    @property
    def are_bounded(self) -> bool:
        """Whether there are such bounds."""
        return bool(self._bounds)

    @property
    def are_asked(self) -> bool:
        """Whether there are such bounds or objectives."""
        return bool(self._bounds or self._objectives)

    def require_few(self, tables: Tables, space: Space) -> None:
        """Fail where too many networks would have to be compiled (CTC722)."""
        if not self.are_asked:
            return
        names = [b.metric.name for b in self._bounds] + [o.metric.name for o in self._objectives]
        within = count_within(tables, space)
        if within > MAX_CHECKED:
            raise error(
                "CTC722",
                f"{within:,} networks keep to the other bounds, and {', '.join(names)} has a"
                " value for whole networks alone: each would have to be compiled",
                hint=f"bound macs, params or depth until {MAX_CHECKED:,} are left at most",
            )

    def take(self, design: Design) -> bool:
        """Whether a design keeps to the bounds; its costs get what it was asked for."""
        if self._bounds:
            verdicts = self._budget.judge(design.network)
            for verdict in verdicts:
                design.costs[verdict.bound.metric.name] = verdict.value
            if not all(verdict.ok for verdict in verdicts):
                return False
        for objective in self._objectives:
            assert objective.of is not None
            design.costs[objective.metric.name] = objective.of(design.network)
        return True
