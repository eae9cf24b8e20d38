"""A metric: the one declaration that tables, JSON, hovers, `Cost` and budgets read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from ctcdsl.ir import format_sides
from ctcdsl.metrics.roofline import Roof
from ctcdsl.metrics.workload import Workload

V = TypeVar("V")


class Metric(NamedTuple, Generic[V]):
    """What a network costs in one respect, layer by layer.

    `key` names it in JSON and Python; a command line writes it with hyphens. `by_layer` measures
    each of a workload's layers, and `total` puts the values of layers together: of those in a
    block, or of all. `convention` says in a sentence what is counted; `{images}` and `{precision}`
    stand for the workload's, `{device}` for that of its table of latencies. One that is
    `on_request` takes time, or needs more than a network: only who asks for it gets it. A budget
    can bound one that is a `number`.
    """

    key: str
    title: str
    unit: str
    convention: str
    by_layer: Callable[[Workload], Sequence[V]]
    total: Callable[[Sequence[V]], V]
    text: Callable[[V], str]
    on_request: bool = False
    number: bool = True

    @property
    def name(self) -> str:
        """Its key as options write it: `training-macs`."""
        return self.key.replace("_", "-")

    @property
    def adds_up(self) -> bool:
        """Whether a network's value is the sum of its layers'."""
        return self.total in (summed, added)

    def stated(self, workload: Workload) -> str:
        """The convention, for a workload."""
        return self.convention.format(
            images=workload.images, precision=workload.precision, device=workload.device
        )

    def cell(self, value: V) -> str:
        """A value in a table of layers, where nothing is left blank."""
        return self.text(value) if value else ""


class Quotient(NamedTuple):
    """A value that adds up by its parts, as MACs per byte do."""

    numerator: int
    denominator: int

    def __float__(self) -> float:
        return self.numerator / self.denominator if self.denominator else 0.0

    def __bool__(self) -> bool:
        return self.numerator != 0


def summed(values: Sequence[int]) -> int:
    """The sum of layers' values."""
    return sum(values)


def added(values: Sequence[float]) -> float:
    """The sum of layers' times."""
    return sum(values)


def largest(values: Sequence[int]) -> int:
    """The largest of layers' values, of what they hold at one time."""
    return max(values, default=0)


def last(values: Sequence[V]) -> V:
    """The value of the last layer."""
    return values[-1]


def quotient(values: Sequence[Quotient]) -> Quotient:
    """The quotient of sums."""
    return Quotient(sum(v.numerator for v in values), sum(v.denominator for v in values))


def count_text(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}"


def quotient_text(value: Quotient) -> str:
    """A quotient with one digit after the point."""
    return f"{float(value):,.1f}"


def sides_text(value: tuple[int, int]) -> str:
    """Height and width, once where they are equal."""
    return format_sides(value)


def time_text(value: float) -> str:
    """A time in milliseconds, three digits of it at least."""
    milliseconds = 1e3 * value
    decimals = 1 if milliseconds >= 100 else 2 if milliseconds >= 10 else 3
    return f"{milliseconds:,.{decimals}f} ms"


def plain(value: Any) -> Any:
    """A value as JSON has it: whole numbers, floats, pairs of sides."""
    match value:
        case Quotient():
            return float(value)
        case Roof():
            return value.share
        case tuple():
            return list(value)
        case _:
            return value
