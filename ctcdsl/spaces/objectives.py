"""What a front compares, and what keeps it to networks like those that have been trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ctcdsl.ir.network import Network
from ctcdsl.metrics.catalog import ACTIVATION_BYTES, DEPTH, MACS, PARAMS, find_metrics
from ctcdsl.metrics.metric import Metric
from ctcdsl.spaces.measures import CHAINS, NARROWEST
from ctcdsl.text import error

Limit = tuple[int | None, int | None]
"""The least and the most of a measure."""


class Rails(NamedTuple):
    """What keeps a front to networks like those that have been trained.

    `min_width` is the least filters of a convolution, `max_depth` the most layers of a network
    without shortcuts, None for any; `chains` allows 1x1 convolutions one after another.
    """

    min_width: int = 16
    max_depth: int | None = 16
    chains: bool = False

    def limits(self, *, any_depth: bool) -> dict[str, Limit]:
        """The limits of measures, but for the depth's where that is `any_depth`."""
        limits: dict[str, Limit] = {}
        if self.min_width > 1:
            limits[NARROWEST.name] = (None, -self.min_width)
        if not self.chains:
            limits[CHAINS.name] = (None, 0)
        if self.max_depth is not None and not any_depth:
            limits[DEPTH.name] = (None, self.max_depth)
        return limits

    def text(self, limits: Mapping[str, Limit]) -> str:
        """Some of its limits in words."""
        parts = [f"widths from {self.min_width} on"] if NARROWEST.name in limits else []
        if DEPTH.name in limits:
            parts.append(f"at most {self.max_depth} layers without shortcuts")
        if CHAINS.name in limits:
            parts.append("no 1x1 convolutions one after another")
        return ", ".join(parts)


class Objective(NamedTuple):
    """What is ranked: a metric, and whether less of it is better or more.

    `of` gives the value of a whole network where it does not follow from costs, as a prediction.
    """

    metric: Metric[Any]
    less: bool
    of: Callable[[Network], float] | None = None


def usual(memory: Metric[Any] = ACTIVATION_BYTES) -> tuple[Objective, ...]:
    """What a front ranks unless it is asked otherwise: depth, some memory and parameters."""
    return Objective(DEPTH, less=False), Objective(memory, less=True), Objective(PARAMS, less=True)


def order(objectives: Sequence[Objective], costs: Mapping[str, float]) -> tuple[float, ...]:
    """The place of a network of some costs in a table: by the objectives, then by its MACs."""
    values = (costs[o.metric.name] if o.less else -costs[o.metric.name] for o in objectives)
    return (*values, costs[MACS.name])


def objective(text: str) -> Objective:
    """What is ranked, by a metric's name: more of it is better after a `+`.

    Raises:
        UserError: CTC701 there is no such metric; CTC725 it is a prediction without results.
    """
    name = text.strip()
    if name.lstrip("+") == "predicted":
        raise error(
            "CTC725",
            f"`{name}` cannot be ranked: less of a predicted error is better, and it needs results",
            hint="--results runs.csv --rank predicted,macs",
        )
    less = not name.startswith("+")
    name = name.lstrip("+")
    if name == DEPTH.name:
        return Objective(DEPTH, less)
    (metric,) = find_metrics([name])
    return Objective(metric, less)
