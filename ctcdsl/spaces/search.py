"""Search: every network of a space within a budget, and those that no other beats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from ctcdsl.budgets import Budget
from ctcdsl.metrics.catalog import DEPTH
from ctcdsl.spaces.best import best
from ctcdsl.spaces.counting import first_within, uncounted
from ctcdsl.spaces.design import Design
from ctcdsl.spaces.measures import Measure
from ctcdsl.spaces.objectives import Limit, Objective, Rails, order
from ctcdsl.spaces.ranking import Front, rank
from ctcdsl.spaces.space import Space
from ctcdsl.spaces.tables import Tables, TooMany
from ctcdsl.spaces.within import Within
from ctcdsl.text import UserError, error


class Search(Within):
    """A space searched within a budget; everything is computed when it is asked for.

    `front` has the networks within the budget that no other beats in the `objectives`; `notes`
    say what was rounded, too.
    """

    def __init__(
        self,
        space: Space,
        budget: Budget | None = None,
        *,
        objectives: Sequence[Objective] = (),
        rails: Rails | None = None,
    ) -> None:
        super().__init__(space, budget or Budget(), objectives)
        self.rails = rails or Rails()
        self.interrupted = False
        self._best: dict[int, tuple[Design, ...]] = {}

    def __repr__(self) -> str:
        bounds = ", ".join(bound.text for bound in self.budget.bounds)
        return f"<Search of {self.space.name}{f' within {bounds}' if bounds else ''}>"

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
        if most in self._best:
            return self._best[most]
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
        self._best[most] = tuple(map(self.verify, found[:most]))
        return self._best[most]

    def _until_interrupted(self, designs: Iterator[Design]) -> list[Design]:
        """The networks up to the one at which somebody stops the search."""
        found: list[Design] = []
        try:
            found.extend(designs)
        except KeyboardInterrupt:
            self._interrupt()
        return found

    @property
    def count_text(self) -> str:
        """The number of networks within the budget; of whole networks it takes long."""
        try:
            return super().count_text
        except KeyboardInterrupt:  # the front is known by then
            self.interrupted = True
            return "An unknown number"

    def _interrupt(self) -> None:
        self.interrupted = True
        self.notes.append("interrupted: the best of the networks that were seen")

    def _order(self, design: Design) -> tuple[float, ...]:
        return order(self.objectives, design.costs)

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
