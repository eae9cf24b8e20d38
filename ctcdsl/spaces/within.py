"""The networks of a space within a budget: how many they are, and each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ctcdsl.budgets import Budget
from ctcdsl.metrics.catalog import (
    ACTIVATION_BYTES,
    DEPTH,
    MACS,
    PARAMS,
)
from ctcdsl.metrics.memory_metrics import MCU_MEMORY
from ctcdsl.metrics.metric import Metric
from ctcdsl.spaces.counting import count_within, limits_of
from ctcdsl.spaces.design import Design
from ctcdsl.spaces.graph import Graph
from ctcdsl.spaces.listing import paths
from ctcdsl.spaces.measures import CHAINS, NARROWEST, measure_of
from ctcdsl.spaces.objectives import Limit, Objective, usual
from ctcdsl.spaces.space import Space
from ctcdsl.spaces.tables import Limits, Tables, TooMany
from ctcdsl.spaces.whole import WholeNetworks
from ctcdsl.text import UserError, error

if TYPE_CHECKING:
    from ctcdsl.spaces.feasibility import Price


class Within:
    """The networks of a space within a budget; everything is computed when it is asked for.

    `count` is their number, `designs` all of them, one after another; `objectives` are what is
    to be known of them too. `notes` say what was left out.
    """

    def __init__(self, space: Space, budget: Budget, objectives: Sequence[Objective]) -> None:
        self.space = space
        self.budget = budget
        self._bounds = [b for b in self.budget.bounds if measure_of(b.metric) is not None]
        bound = {b.metric.name for b in self._bounds}
        memory = MCU_MEMORY if MCU_MEMORY.name in bound else ACTIVATION_BYTES
        self.objectives = tuple(objectives) or usual(memory)
        self._whole = WholeNetworks(self.budget, self.objectives)
        for objective in self.objectives:
            if objective.of is None and measure_of(objective.metric) is None:
                raise error(
                    "CTC725",
                    f"{objective.metric.name} cannot be ranked: only whole networks have a value",
                    hint="bound it, and rank depth, macs, params, activation-bytes, mcu-memory",
                )
        self.notes: list[str] = []

    # ----------------------------------------------------------------- count

    @cached_property
    def _few(self) -> Graph:
        """The space with what is bounded alone."""
        return self._graph([b.metric for b in self._bounds])

    def _graph(self, metrics: Sequence[Metric[Any]]) -> Graph:
        """The space with some metrics, which it is not asked for again where all are known."""
        names = dict.fromkeys(metrics)
        measures = [m for metric in names if (m := measure_of(metric)) is not None]
        if "full" in self.__dict__:
            return self.full.of_measures([self.full.place_of(m.name) for m in measures])
        return self.space.graph(measures, self.budget.conditions)

    @cached_property
    def total(self) -> int:
        """The number of networks in the space."""
        return self._few.networks

    @cached_property
    def count(self) -> int:
        """The number of networks within the budget.

        Raises:
            UserError: CTC722 they are too many to count exactly, or to compile each.
        """
        if self._whole.are_bounded:
            return sum(1 for _ in self.designs())
        if not self._bounds:
            return self.total
        return count_within(Tables(self._few, self._limits(self._few)), self.space)

    def _limits(self, graph: Graph, more: Mapping[str, Limit] | None = None) -> Limits:
        """The limits of a graph's measures: those of the budget and others."""
        return limits_of(graph, self._bounds, more or {})

    @property
    def count_text(self) -> str:
        """The number of networks within the budget, or that they are too many to count."""
        try:
            return f"{self.count:,}"
        except UserError:
            return "Too many to count exactly"

    @cached_property
    def price(self) -> Price | None:
        """What one layer more than the deepest network takes, where bounds keep it out."""
        from ctcdsl.spaces.feasibility import price

        if self._whole.are_bounded or not self._bounds:
            return None
        graph = self._graph([*(b.metric for b in self._bounds), DEPTH])
        try:
            return price(graph, self._limits(graph))
        except TooMany:
            return None

    # --------------------------------------------------------------- designs

    @cached_property
    def full(self) -> Graph:
        """The space with all that is bounded, ranked or shown."""
        metrics = [b.metric for b in self._bounds] + [o.metric for o in self.objectives]
        chosen = dict.fromkeys([*metrics, DEPTH, MACS, PARAMS])
        measures = [m for metric in chosen if (m := measure_of(metric)) is not None]
        graph = self.space.graph([*measures, NARROWEST, CHAINS], self.budget.conditions)
        for failure in graph.placements.failures.values():
            self.notes.append(f"networks that do not check are left out: {failure.message}")
        return graph

    def designs(self) -> Iterator[Design]:
        """Every network within the budget, in the order of the choices.

        Raises:
            UserError: CTC722 too many would have to be compiled.
        """
        return self._designs(self._limits(self.full))

    def _designs(self, limits: Limits) -> Iterator[Design]:
        tables = Tables(self.full, limits)
        self._whole.require_few(tables, self.space)
        for decisions, costs in paths(tables):
            design = Design(self.space.draft, decisions, self._named(costs))
            if self._whole.take(design):
                yield design

    def _named(self, costs: Sequence[int]) -> dict[str, float]:
        pairs = zip(self.full.measures, costs, strict=True)
        return {m.name: value for m, value in pairs if m.metric is not None}

    def verify(self, design: Design) -> Design:
        """Compile a network's own text, and compare what it costs with what the search says.

        Raises:
            RuntimeError: They differ, or it does not keep to the budget: a bug.
        """
        design.verify(self.budget, [m.metric for m in self.full.measures if m.metric is not None])
        return design
