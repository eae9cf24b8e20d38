"""Costs of layers as bars, on one scale for all networks of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ctcdsl.drawing.captions import amount, shape
from ctcdsl.metrics import Cost, LayerCost
from ctcdsl.metrics.metric import Metric
from ctcdsl.metrics.tables import describe


class Bar(NamedTuple):
    """A layer's value: short, exact, and its share of the scale."""

    text: str
    exact: str
    share: float


class LayerRow(NamedTuple):
    """A layer of a network."""

    name: str
    spec: str
    map: str
    bars: tuple[Bar, ...]


def barred(metrics: Sequence[Metric[Any]]) -> tuple[Metric[Any], ...]:
    """Those of some metrics that have a number for each layer which adds up."""
    return tuple(metric for metric in metrics if metric.unit in ("MACs", "values", "bytes"))


def largest(costs: Sequence[Cost], metrics: Sequence[Metric[Any]]) -> tuple[int, ...]:
    """The largest value of a layer for each metric: what a full bar is."""
    return tuple(max(max(cost.by_layer(metric)) for cost in costs) for metric in metrics)


def layer_rows(
    cost: Cost, metrics: Sequence[Metric[Any]], full: Sequence[int]
) -> tuple[LayerRow, ...]:
    """The layers of a network; `full` is the value of a full bar for each metric."""
    style = cost.network.architecture.style
    return tuple(
        LayerRow(
            name=layer.node.name,
            spec=describe(layer.node, style),
            map=shape(layer.node.output, vector=layer.node.vector),
            bars=tuple(
                _bar(layer, metric, most) for metric, most in zip(metrics, full, strict=True)
            ),
        )
        for layer in cost.layers
    )


def _bar(layer: LayerCost, metric: Metric[Any], most: int) -> Bar:
    value: int = layer.value(metric)
    return Bar(amount(value) if value else "", f"{value:,}", value / most if most else 0.0)
