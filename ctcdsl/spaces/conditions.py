"""The conditions of a space, asked as soon as the choices that they read are made."""

from __future__ import annotations

from collections.abc import Mapping

from ctcdsl.elaborate.conditions import conjuncts, holds, require_conditions
from ctcdsl.elaborate.drafts import Draft
from ctcdsl.elaborate.expressions import Expressions, Scope, names_in
from ctcdsl.spaces.choices import Lets, Option, Undecided, Value, choices_named
from ctcdsl.syntax.nodes import Where
from ctcdsl.text import UserError
from ctcdsl.text.sink import Diagnostics


class SpaceConditions:
    """The conditions of a space, each with the choices that it reads; answers are kept."""

    def __init__(self, draft: Draft, lets: Lets, diagnostics: Diagnostics) -> None:
        self._lets = lets
        self._expressions = Expressions(diagnostics)
        self._diagnostics = diagnostics
        self.all = [
            (condition, tuple(sorted(choices_named(condition, draft.definitions))))
            for condition in conjuncts(draft.definitions.wheres)
        ]
        self._by_name: dict[str, list[int]] = {}
        for index, (_, names) in enumerate(self.all):
            for name in names:
                self._by_name.setdefault(name, []).append(index)
        self._known: dict[tuple[int, tuple[Value, ...]], bool] = {}
        self._waiting: dict[tuple[tuple[str, ...], frozenset[str]], frozenset[str]] = {}

    def allow(self, name: str, assignment: Mapping[str, Option]) -> bool:
        """Whether every condition on a new choice whose others are made holds."""
        for index in self._by_name.get(name, ()):
            condition, names = self.all[index]
            if not all(other in assignment for other in names):
                continue
            key = index, tuple(assignment[other].key for other in names)
            if key not in self._known:
                self._lets.assignment = assignment
                try:
                    answer = holds(condition, self._expressions, Scope(self._lets))
                except Undecided:  # by another branch of a name
                    answer = True
                if answer is None:
                    raise UserError(*self._diagnostics.reported)
                self._known[key] = answer
            if not self._known[key]:
                return False
        return True

    def require_fixed(self) -> None:
        """Fail where a condition on no choice at all does not hold (CTC122)."""
        fixed = [condition for condition, names in self.all if not names]
        self._lets.assignment = {}
        for condition in fixed:
            values = {name: self._lets[name] for name in names_in(condition) if name in self._lets}
            where = Where(condition, condition.span)
            require_conditions([where], values, self._diagnostics)
        if fixed and self._diagnostics.num_errors:
            raise UserError(*self._diagnostics.reported)

    def waiting(self, assignment: Mapping[str, Option], needed: frozenset[str]) -> frozenset[str]:
        """The choices that are read later, and those of conditions that wait for one of them."""
        if not self.all:
            return needed
        key = tuple(assignment), needed
        known = self._waiting.get(key)
        if known is None:
            more: set[str] = set()
            for _, names in self.all:
                open_names = [name for name in names if name not in assignment]
                if open_names and needed.intersection(open_names):
                    more.update(names)
            known = self._waiting[key] = needed.union(more)
        return known
