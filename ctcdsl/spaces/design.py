"""One network of a space: its choices, what it costs, its spec."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ctcdsl.checking import Network, check_source
from ctcdsl.elaborate.drafts import Draft
from ctcdsl.elaborate.networks import read_design
from ctcdsl.shapes.infer import infer_network
from ctcdsl.spaces.calls import in_order
from ctcdsl.spaces.choices import Blocks, Decision, InPlace, Lets
from ctcdsl.text import Severity, Source, UserError
from ctcdsl.text.sink import Diagnostics

if TYPE_CHECKING:
    from ctcdsl.budgets import Budget
    from ctcdsl.ir import Shape
    from ctcdsl.metrics.metric import Metric


class Design:
    """A network of a space.

    `choices` are the values that it has of each named choice that it makes, `in_place` those
    of the choices in place in the order of its layers, `costs` what it costs by metric.
    """

    def __init__(
        self, draft: Draft, decisions: Sequence[Decision], costs: Mapping[str, float]
    ) -> None:
        self._draft = draft
        self._decisions = in_order(decisions)
        self.costs = dict(costs)

    @property
    def choices(self) -> dict[str, float | str]:
        """The value of each named choice."""
        return {d.name: d.option.key for d in self._decisions if d.name}

    @property
    def in_place(self) -> tuple[str, ...]:
        """The values of the choices in place, in the order of the layers."""
        return tuple(d.option.text for d in self._decisions if not d.name)

    @property
    def title(self) -> str:
        """Its choices in a line: `k=3 w=96 <5> <128>`."""
        named = [f"{d.name}={d.option.text}" for d in self._decisions if d.name]
        return " ".join([*named, *(f"<{text}>" for text in self.in_place)])

    @cached_property
    def network(self) -> Network:
        """The network, as the ordinary compiler makes it of the space's text and the choices."""
        diagnostics = Diagnostics()
        input = self.input
        draft = self._draft._replace(headers=dataclasses.replace(self._draft.headers, input=input))
        lets = Lets(draft.definitions, draft.headers.classes, diagnostics)
        lets.assignment = {d.name: d.option for d in self._decisions if d.name}
        blocks = Blocks(draft.definitions, lets)
        chooser = InPlace([d.option for d in self._decisions if not d.name])
        architecture = read_design(draft, blocks, lets, chooser, diagnostics)
        network = None if architecture is None else infer_network(architecture, diagnostics)
        if network is None:
            errors = [d for d in diagnostics.reported if d.severity is Severity.ERROR]
            raise UserError(*errors)
        return network

    @property
    def input(self) -> Shape:
        """Its input."""
        chosen = next((d.option.text for d in self._decisions if d.name == "input"), None)
        shapes = {str(shape): shape for shape in self._draft.headers.inputs}
        return self._draft.headers.input if chosen is None else shapes[chosen]

    @cached_property
    def text(self) -> str:
        """Its spec, without choices: what `ctcdsl cost` and `compile` take."""
        return str(self.network)

    def checked(self) -> Network:
        """The network that its spec is read as, by nothing but the ordinary compiler."""
        report = check_source(Source(self._draft.name, self.text))
        if not report.ok:
            raise UserError(*report.errors)
        return report.networks[0]

    def verify(self, budget: Budget, metrics: Sequence[Metric[Any]]) -> None:
        """Compile its own text, and compare what it costs with `costs`.

        Raises:
            RuntimeError: They differ, or it does not keep to the budget: a bug.
        """
        network = self.checked()
        cost = budget.cost(network)
        for metric in metrics:
            value, known = cost.value(metric), self.costs[metric.name]
            if value != known:
                raise RuntimeError(
                    f"{metric.name} of {self.title}: {value}, and not {known}\n{self.text}"
                )
        if not budget.allows(network):
            raise RuntimeError(f"{self.title} is not within the budget\n{self.text}")

    def as_json(self) -> dict[str, Any]:
        """The design as plain data."""
        in_place = {"in_place": list(self.in_place)} if self.in_place else {}
        return {"choices": self.choices, **in_place, **self.costs, "spec": self.text}

    def __repr__(self) -> str:
        return f"<Design {self.title}: {self.costs}>"
