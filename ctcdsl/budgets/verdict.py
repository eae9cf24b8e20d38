"""Whether networks keep to a budget: what is exceeded, by how much, and which layer weighs most."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from ctcdsl.budgets.bounds import Bound, shown, where
from ctcdsl.budgets.units import Kind, kind_of
from ctcdsl.metrics.catalog import DEFAULT
from ctcdsl.metrics.complexity import Cost, LayerCost
from ctcdsl.metrics.metric import Metric, plain
from ctcdsl.text import Diagnostic, Label, Origin, Span, UserError, error

_TIMES = 3
"""From so many times the budget on a message says how many times, not how much more."""


class Verdict(NamedTuple):
    """A bound and what a network costs of it."""

    bound: Bound
    value: float
    cost: Cost

    @property
    def ok(self) -> bool:
        """Whether the network keeps to the bound."""
        return self.bound.allows(self.value)

    @property
    def share(self) -> float | None:
        """The value as a share of the most that is allowed; None where nothing is."""
        high = self.bound.high
        return float(Fraction(self.value) / high) if high else None

    @property
    def failure(self) -> Diagnostic:
        """The error of a bound that does not hold; it points at the layer that weighs most."""
        (diagnostic,) = _failure(self).diagnostics
        return diagnostic

    def as_json(self) -> dict[str, Any]:
        """The verdict as plain data."""
        low, high = self.bound.low, self.bound.high
        return {
            "metric": self.bound.metric.key,
            "bound": self.bound.text,
            "value": self.value,
            "least": None if low is None else float(low),
            "most": None if high is None else float(high),
            "ok": self.ok,
        }


def _failure(verdict: Verdict) -> UserError:
    bound, network = verdict.bound, verdict.cost.network
    metric, value = bound.metric, Fraction(verdict.value)
    too_much = bound.high is not None and value > bound.high
    limit = bound.high if too_much else bound.low
    assert limit is not None
    words = "over the budget of" if too_much else "short of the budget of at least"
    by = f"{_difference(value, limit, metric)} {words}"
    if limit and value / limit >= _TIMES:
        by = f"{float(value / limit):,.1f} times the budget of"
    return error(
        "CTC711",
        f"{metric.title} of `{network.name}`: {shown(value, metric)}; {by} {shown(limit, metric)}",
        at=_heaviest(verdict) if too_much else Label(network.architecture.origin),
        notes=(f"the budget is {where(bound)}",),
        hint=_hint(verdict) if too_much else "",
    )


def _difference(value: Fraction, limit: Fraction, metric: Metric[Any]) -> str:
    """By how much a value misses a limit, and as a share of the limit."""
    share = f" ({100 * float(abs(value - limit) / limit):.1f} %)" if limit else ""
    return f"{shown(abs(value - limit), metric)}{share}"


def _hint(verdict: Verdict) -> str:
    """The command that shows every layer."""
    metric = verdict.bound.metric
    file = verdict.cost.network.architecture.origin.source.name
    named = f" {file}" if file and not file.startswith("<") else ""
    more = "" if metric in DEFAULT else f" --metrics {metric.name}"
    if verdict.cost.batch > 1:
        more += f" --batch {verdict.cost.batch}"
    table = verdict.cost.workload.latencies
    if table is not None and kind_of(metric) is Kind.TIME:
        more = f" --latency {table.path}"
    return f"`ctcdsl cost{named} --layers{more}` shows every layer"


def _heaviest(verdict: Verdict) -> Label:
    """The place of the layer with the largest value; of the network where it has no text."""
    metric, cost = verdict.bound.metric, verdict.cost
    layer = max(cost.layers, key=lambda layer: float(plain(layer.value(metric))))
    place = _place(layer, cost)
    of = " of the paper's head" if place is cost.network.architecture.origin else ""
    text = f"{layer.node.name}{of} has the most: {metric.text(layer.value(metric))}"
    if metric.adds_up and verdict.value:
        text += f", {100 * float(plain(layer.value(metric))) / verdict.value:.1f} %"
    return Label(place, text)


def _place(layer: LayerCost, cost: Cost) -> Span | Origin:
    architecture = cost.network.architecture
    if architecture.head.implied and layer.node.stage is None:
        return architecture.origin  # the paper's head has no text
    return layer.node.layer.origin
