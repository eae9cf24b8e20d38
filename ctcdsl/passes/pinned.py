"""Paddings that must stay: written out where a rule would give others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ctcdsl.check import CheckedNetwork, recheck
from ctcdsl.ir import Conv, Network, Pool, Sides
from ctcdsl.passes.site import with_stage

Place = tuple[int, int]
"""A node of the trunk: its stage and its index there, from 0."""


def paddings_of(checked: CheckedNetwork) -> dict[Place, Sides]:
    """The padding of every window of the trunk, those inside blocks left out."""
    return {
        (stage, index): placed.padding
        for stage in range(len(checked.network.stages))
        for index, placed in enumerate(checked.stage(stage))
        if isinstance(placed.layer, Conv | Pool)
    }


def pinned(network: Network, paddings: Mapping[Place, Sides]) -> Network:
    """The network with `p` tags on the windows that would be padded otherwise.

    A layer that a rewrite inserts or merges moves the alternation of 2x2 filters and, under
    `maps`, what the solver chooses: the layers that it does not speak of keep what they had.
    Where rule and solver find nothing, every padding is written out.
    """
    while not (report := recheck(network)).failed:
        found = paddings_of(report.networks[0])
        wrong = {place: sides for place, sides in paddings.items() if found[place] != sides}
        if not wrong:
            return network
        network = _written(network, wrong)
    return _written(network, paddings)


def _written(network: Network, paddings: Mapping[Place, Sides]) -> Network:
    for (stage, index), sides in paddings.items():
        nodes = list(network.stages[stage].nodes)
        node = nodes[index]
        assert isinstance(node, Conv | Pool)
        nodes[index] = replace(node, padding=sides)
        network = with_stage(network, stage, replace(network.stages[stage], nodes=tuple(nodes)))
    return network
