"""Search: every network of a space within a budget, and those that no other beats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ctcdsl.budgets import Budget
from ctcdsl.metrics.catalog import (
    ACTIVATION_BYTES,
    DEPTH,
    MACS,
    MCU_MEMORY,
    PARAMS,
)
from ctcdsl.metrics.metric import Metric
from ctcdsl.spaces.best import best
from ctcdsl.spaces.counting import count_within, first_within, limits_of, uncounted
from ctcdsl.spaces.design import Design
from ctcdsl.spaces.graph import Graph
from ctcdsl.spaces.listing import paths
from ctcdsl.spaces.measures import CHAINS, NARROWEST, Measure, measure_of
from ctcdsl.spaces.objectives import Limit, Objective, Rails
from ctcdsl.spaces.ranking import Front, rank
from ctcdsl.spaces.space import Space
from ctcdsl.spaces.tables import Limits, Tables, TooMany
from ctcdsl.spaces.whole import WholeNetworks
from ctcdsl.text import UserError, error

if TYPE_CHECKING:
    from ctcdsl.spaces.feasibility import Price


class Search:
    """A space searched within a budget; everything is computed when it is asked for.

    `count` is the number of networks within the budget, `front` those that no other beats in
    the `objectives`, `designs` all of them, one after another. `notes` say what was rounded.
    """

    def __init__(
        self,
        space: Space,
        budget: Budget | None = None,
        *,
        objectives: Sequence[Objective] = (),
        rails: Rails | None = None,
    ) -> None:
        self.space = space
        self.budget = budget or Budget()
        self.rails = rails or Rails()
        self._bounds = [b for b in self.budget.bounds if measure_of(b.metric) is not None]
        bound = {b.metric.name for b in self._bounds}
        memory = MCU_MEMORY if MCU_MEMORY.name in bound else ACTIVATION_BYTES
        self.objectives = tuple(objectives) or (
            Objective(DEPTH, less=False),
            Objective(memory, less=True),
            Objective(PARAMS, less=True),
        )
        self._whole = WholeNetworks(self.budget, self.objectives)
        for objective in self.objectives:
            if objective.of is None and measure_of(objective.metric) is None:
                raise error(
                    "CTC725",
                    f"{objective.metric.name} cannot be ranked: only whole networks have a value",
                    hint="bound it, and rank depth, macs, params, activation-bytes, mcu-memory",
                )
        self.notes: list[str] = []
        self.interrupted = False

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

    def nothing_fits(self) -> UserError:
        """The error of a budget that no network keeps to: what binds, and the nearest network."""
        from ctcdsl.spaces.feasibility import infeasible

        count = self.total
        message = f"none of the {count:,} networks of `{self.space.name}` keeps to the budget"
        bounds, notes = self._bounds, []
        if self.count == 0 and not self._whole.are_bounded:
            found = infeasible(
                self._few,
                self._limits(self._few),
                lambda decisions, _: Design(self.space.draft, decisions, {}),
            )
            notes = found.notes(bounds)
        elif self.count:
            message = f"{self.count_text} networks keep to the budget, and none to the rails"
            notes = [self.rails_text]
        hint = "raise what binds, or give the space other choices"
        return error("CTC721", message, path=self.space.name, notes=tuple(notes), hint=hint)

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

    # ----------------------------------------------------------------- front

    @cached_property
    def front(self) -> tuple[Design, ...]:
        """The networks that no other beats, the deepest first, each compiled and checked again.

        Raises:
            RuntimeError: One costs something else than the search says: a bug.
        """
        limits = self._limits(self.full, self._rails())
        if self._whole.are_asked:
            found = self._front_of(self._until_interrupted(self._designs(limits)))
        else:
            tables = Tables(self.full, limits)
            signs = [self._sign(measure) for measure in self.full.measures]
            seen: list[Front] = []
            try:
                result = rank(tables, signs, seen)
            except KeyboardInterrupt:
                self._interrupt()
                result = seen[-1] if seen else Front(tuple(first_within(tables)))
            if result.rounded:
                self.notes.append(f"the front is approximate: {result.rounded}")
            found = [
                Design(self.space.draft, each.decisions, self._named(each.costs))
                for each in result.networks
            ]
        found.sort(key=self._order)
        for design in found:
            self.verify(design)
        return tuple(found)

    def best(self, most: int) -> tuple[Design, ...]:
        """The best networks within the budget and the rails by the first objective.

        Of networks that are equal some are taken, in the order of the other objectives.

        Raises:
            UserError: CTC722 there are too many different costs.
            RuntimeError: One costs something else than the search says: a bug.
        """
        limits = self._limits(self.full, self._rails())
        if self._whole.are_asked:
            found = list(self._designs(limits))
        else:
            tables = Tables(self.full, limits)
            column = self.full.place_of(self.objectives[0].metric.name)
            sign = 1 if self.objectives[0].less else -1
            try:
                ranked = best(tables, column, sign, most)
            except TooMany:
                raise uncounted(self.space) from None
            found = [
                Design(self.space.draft, each.decisions, self._named(each.costs)) for each in ranked
            ]
        found.sort(key=self._order)
        return tuple(map(self.verify, found[:most]))

    def _until_interrupted(self, designs: Iterator[Design]) -> list[Design]:
        """The networks up to the one at which somebody stops the search."""
        found: list[Design] = []
        try:
            found.extend(designs)
        except KeyboardInterrupt:
            self._interrupt()
        return found

    def _interrupt(self) -> None:
        self.interrupted = True
        self.notes.append("interrupted: the best of the networks that were seen")

    def _order(self, design: Design) -> tuple[float, ...]:
        values = (
            (design.costs[o.metric.name] if o.less else -design.costs[o.metric.name])
            for o in self.objectives
        )
        return (*values, design.costs[MACS.name])

    def _front_of(self, designs: Sequence[Design]) -> list[Design]:
        """The front of networks that are known."""
        import numpy as np

        from ctcdsl.spaces.pareto import front

        if not designs:
            return []
        values = np.array([self._order(design)[:-1] for design in designs])
        return [designs[k] for k in front(values).tolist()]

    def _sign(self, measure: Measure) -> int:
        for objective in self.objectives:
            if objective.metric is measure.metric:
                return 1 if objective.less else -1
        return 0

    def _rails(self) -> dict[str, Limit]:
        """The limits that keep a front to networks like those that were trained."""
        deep = any(b.metric is DEPTH and b.high is not None for b in self._bounds)
        return self.rails.limits(any_depth=deep or self.space.has_shortcuts)

    @property
    def rails_text(self) -> str:
        """The rails in words."""
        return self.rails.text(self._rails())

    def verify(self, design: Design) -> Design:
        """Compile a network's own text, and compare what it costs with what the search says.

        Raises:
            RuntimeError: They differ, or it does not keep to the budget: a bug.
        """
        design.verify(self.budget, [m.metric for m in self.full.measures if m.metric is not None])
        return design

    def as_json(self, limit: int, most: int | None = None) -> dict[str, Any]:
        """The result as plain data, with so many designs at most, and so many of the best."""
        designs: list[dict[str, Any]] = []
        for design in self.designs():
            if len(designs) == limit:
                break
            designs.append(self.verify(design).as_json())
        listed = {} if most is None else {"best": [each.as_json() for each in self.best(most)]}
        return {
            "space": {"name": self.space.name, "designs": self.total},
            "count": self.count,
            "front": [design.as_json() for design in self.front],
            **listed,
            "designs": designs,
            "notes": self.notes,
        }
