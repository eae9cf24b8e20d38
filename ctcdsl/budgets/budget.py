"""Budgets: what a network may cost, read from TOML, options or a dict."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from ctcdsl.budgets.bounds import BOUNDED, Bound, require_possible
from ctcdsl.budgets.expressions import Expression
from ctcdsl.budgets.keys import (
    CONDITIONS,
    no_table,
    read_conditions,
    require_known,
    require_text,
    with_table,
)
from ctcdsl.budgets.places import Place, parse_toml, read_budget, to_toml, value_places, within
from ctcdsl.budgets.references import named_network
from ctcdsl.budgets.units import Kind, kind_of
from ctcdsl.budgets.verdict import Verdict
from ctcdsl.checking import Network
from ctcdsl.metrics.complexity import Cost
from ctcdsl.metrics.metric import Metric, plain
from ctcdsl.metrics.workload import Workload
from ctcdsl.text import Diagnostic, Source, Span, error


class Budget:
    """Bounds on what a network may cost, and the conditions under which it does.

    Every bound must hold. The numbers of networks that bounds name are those of the same metric,
    under the same `conditions`, which are arguments of `Workload`: `batch` images in a `precision`,
    and the table of a device's `latencies`.
    """

    def __init__(
        self, bounds: Iterable[Bound] = (), conditions: Mapping[str, Any] | None = None
    ) -> None:
        self.bounds = tuple(bounds)
        self.conditions = with_table(conditions or {})
        require_possible(self.bounds)

    @classmethod
    def read(
        cls, path: str | os.PathLike[str], conditions: Mapping[str, Any] | None = None
    ) -> Budget:
        """Read a budget from a TOML file; its own conditions give way to others.

        Raises:
            UserError: CTC005 it cannot be read, CTC007 it is not UTF-8, CTC712 it is not TOML,
                CTC713 it has an unknown key, CTC714 a bound that is none, CTC715 bounds that
                contradict each other; or a network or a table that it names cannot be found.
        """
        return cls._of_source(read_budget(os.fspath(path)), conditions or {})

    @classmethod
    def of(cls, values: Mapping[str, str | int]) -> Budget:
        """A budget of a dict, with the keys and values of the file: `{"macs": "<=1.0*A"}`.

        Raises:
            UserError: As of `read`.
        """
        return cls._of_source(Source("<budget>", to_toml(values)), {})

    @classmethod
    def _of_source(cls, source: Source, given: Mapping[str, Any]) -> Budget:
        data = parse_toml(source)
        require_known(data, source)
        budget = cls(conditions=read_conditions(data, source, given))
        bounds: list[Bound] = []
        for key, value in data.items():
            if key not in CONDITIONS:
                text = require_text(key, value, source)
                place = value_places(source, key, text)
                metric = BOUNDED[key.replace("_", "-")]
                low, high = budget._expression(text, metric, place).bound()
                bounds.append(Bound(metric, low, high, f'{key} = "{text}"', place(0, len(text))))
        return cls(bounds, budget.conditions)

    def with_limits(self, limits: Mapping[str, str], option: str = "--max-{}") -> Budget:
        """With the most that some metrics may be, as options give it: `{"macs": "1.0*A"}`.

        Raises:
            UserError: CTC714 one is no amount, CTC715 one contradicts another bound.
        """
        bounds = list(self.bounds)
        for name, text in limits.items():
            place = Span(Source(option.format(name), text), 0, len(text))
            if not text.strip():
                hint = "write an amount, such as 60M, or 1.0*A for that of a network"
                raise error("CTC714", f"{place.source.name} is empty", hint=hint)
            low, high = self._expression(text, BOUNDED[name], within(place)).limit()
            bounds.append(Bound(BOUNDED[name], low, high, f"{place.source.name} {text}", place))
        return Budget(bounds, self.conditions)

    def with_bounds(self, texts: Mapping[str, str | Sequence[str]], option: str = "--{}") -> Budget:
        """With bounds as options give them: `{"macs": "<=1.0*A", "depth": (">=8", "<=12")}`.

        Raises:
            UserError: CTC714 one is no bound, CTC715 one contradicts another.
        """
        bounds = list(self.bounds)
        several = {key: [of] if isinstance(of, str) else of for key, of in texts.items()}
        for name, text in ((key, text) for key, of in several.items() for text in of):
            place = Span(Source(option.format(name), text), 0, len(text))
            if not text.strip():
                hint = "write a bound, such as <=60M, or 0.98..1.02*A"
                raise error("CTC714", f"{place.source.name} is empty", hint=hint)
            low, high = self._expression(text, BOUNDED[name], within(place)).bound()
            bounds.append(Bound(BOUNDED[name], low, high, f"{place.source.name} {text}", place))
        return Budget(bounds, self.conditions)

    def _expression(self, text: str, metric: Metric[Any], place: Place) -> Expression:
        if kind_of(metric) is Kind.TIME and self.conditions.get("latencies") is None:
            raise no_table(metric, place(0, len(text)))

        def value_of(name: str, at: Span) -> Fraction:
            return Fraction(plain(self.cost(named_network(name, at)).value(metric)))

        return Expression(text, metric, value_of, place)

    def cost(self, network: Network) -> Cost:
        """The cost of a network, counted as the budget says."""
        return Cost(Workload(network, **self.conditions))

    def judge(self, network: Network) -> tuple[Verdict, ...]:
        """What a network costs of each bound."""
        cost = self.cost(network)
        return tuple(Verdict(bound, plain(cost.value(bound.metric)), cost) for bound in self.bounds)

    def doubts(self, costs: Iterable[Cost]) -> list[Diagnostic]:
        """What makes the times of costs doubtful, where one is bound."""
        if not any(kind_of(bound.metric) is Kind.TIME for bound in self.bounds):
            return []
        from ctcdsl.metrics.latency import doubts

        return doubts([cost.workload.latency for cost in costs])

    def allows(self, network: Network) -> bool:
        """Whether a network keeps to every bound."""
        return all(verdict.ok for verdict in self.judge(network))

    def exceeded(self, network: Network) -> tuple[Diagnostic, ...]:
        """An error for each bound that a network does not keep to, CTC711.

        It points at the layer that weighs most where the network costs too much.
        """
        return tuple(verdict.failure for verdict in self.judge(network) if not verdict.ok)

    def __repr__(self) -> str:
        return f"<Budget: {', '.join(bound.text for bound in self.bounds)}>"
