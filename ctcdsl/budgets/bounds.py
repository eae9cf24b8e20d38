"""Bounds on single metrics, and whether several of them can hold together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from ctcdsl.budgets.units import Kind, kind_of
from ctcdsl.metrics.catalog import DEPTH, METRICS
from ctcdsl.metrics.metric import Metric
from ctcdsl.text import Span, error

BOUNDED: Mapping[str, Metric[Any]] = {
    metric.name: metric for metric in (DEPTH, *METRICS) if metric.number
}
"""The metrics that a budget can bound, by their keys: those that are numbers."""


class Bound(NamedTuple):
    """What a metric may be: at least `low`, at most `high`; None where either is free.

    `text` is how it is written and `place` where; what it says of networks is resolved.
    """

    metric: Metric[Any]
    low: Fraction | None
    high: Fraction | None
    text: str
    place: Span

    def allows(self, value: float) -> bool:
        """Whether a value keeps to it."""
        exact = Fraction(value)
        return (self.low is None or exact >= self.low) and (self.high is None or exact <= self.high)


def require_possible(bounds: Sequence[Bound]) -> None:
    """Raise CTC715 where no number keeps to all bounds of a metric."""
    least: dict[str, Bound] = {}
    most: dict[str, Bound] = {}
    for bound in bounds:
        name = bound.metric.name
        if bound.low is not None and (name not in least or bound.low > (least[name].low or 0)):
            least[name] = bound
        if bound.high is not None and (name not in most or bound.high < (most[name].high or 0)):
            most[name] = bound
        if bound.high is not None and bound.high < 0:
            raise error("CTC715", f"no network has fewer than 0 {name}", at=bound.place)
        low, high = least.get(name), most.get(name)
        if low is None or high is None or low.low is None or high.high is None:
            continue
        if low.low > high.high:
            other = low if bound is high else high
            raise error(
                "CTC715",
                f"{name} cannot be at least {shown(low.low, bound.metric)} and at most"
                f" {shown(high.high, bound.metric)}",
                at=bound.place,
                notes=(f"the other bound is {where(other)}",),
            )


def where(bound: Bound) -> str:
    """A bound and where it is written, for a note."""
    source = bound.place.source
    if bound.text.startswith(source.name):
        return f"`{bound.text}`"
    return f"`{bound.text}` in {source.name}:{source.position(bound.place.start)[0]}"


def shown(value: Fraction, metric: Metric[Any]) -> str:
    """A limit or a value as tables show the metric's; of whole numbers the parts are dropped."""
    match kind_of(metric):
        case Kind.COUNT:
            return metric.text(int(value))
        case Kind.BYTES:
            text = metric.text(int(value))
            return f"{text} bytes" if text[-1].isdigit() else text
        case Kind.TIME:
            return metric.text(float(value))
        case Kind.RATIO:
            return f"{float(value):,.4g}"
