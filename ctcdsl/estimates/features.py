"""What a model of results knows of a network: its costs and its shape, in logarithms."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from statistics import fmean

from ctcdsl.checking import Network
from ctcdsl.ir import Conv
from ctcdsl.ir.network import flat
from ctcdsl.metrics.complexity import network_cost

FEATURES = ("MACs", "parameters", "depth", "width", "kernel size", "1x1 convolutions")
"""Of MACs, parameters and depth the logarithm, of width and kernel size the mean of the layers'
logarithms, of 1x1 convolutions their share among the layers."""


def features(network: Network) -> list[float]:
    """The values of a network, in the order of `FEATURES`."""
    cost = network_cost(network)
    convs = [node.layer for node in flat(network.nodes) if isinstance(node.layer, Conv)]
    sizes = [log(conv.kernel[0] * conv.kernel[1]) / 2 for conv in convs]
    return [
        *(log(max(1, count)) for count in (cost.macs, cost.params, len(convs))),
        _mean([log(conv.filters) for conv in convs]),
        _mean(sizes),
        _mean([float(size == 0) for size in sizes]),
    ]


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0
