"""What a front compares, and what keeps it to networks like those that have been trained."""

from __future__ import annotations

from typing import Any, NamedTuple

from ctcdsl.metrics.catalog import (
    DEPTH,
    find_metrics,
)
from ctcdsl.metrics.metric import Metric


class Rails(NamedTuple):
    """What keeps a front to networks like those that have been trained.

    `min_width` is the least filters of a convolution, `max_depth` the most layers of a network
    without shortcuts, None for any; `chains` allows 1x1 convolutions one after another.
    """

    min_width: int = 16
    max_depth: int | None = 16
    chains: bool = False


class Objective(NamedTuple):
    """What is ranked: a metric, and whether less of it is better or more."""

    metric: Metric[Any]
    less: bool


def objective(text: str) -> Objective:
    """What is ranked, by a metric's name: more of it is better after a `+`.

    Raises:
        UserError: CTC701 there is no such metric.
    """
    name = text.strip()
    less = not name.startswith("+")
    name = name.lstrip("+")
    if name == DEPTH.name:
        return Objective(DEPTH, less)
    (metric,) = find_metrics([name])
    return Objective(metric, less)
