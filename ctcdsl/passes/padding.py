"""Paddings that must stay: written out where a rule would give others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ctcdsl.checking import CheckedNetwork, recheck
from ctcdsl.ir import Block, Conv, Network, Pool, Sides
from ctcdsl.passes.site import with_stage
from ctcdsl.shapes.padding import PaddingRule

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
    """
    for places in (set[Place](), _unruled(network), set(paddings)):
        network = _written(network, {place: paddings[place] for place in places})
        while not (report := recheck(network)).failed:
            found = paddings_of(report.networks[0])
            wrong = {place: sides for place, sides in paddings.items() if found[place] != sides}
            if not wrong:
                return network
            network = _written(network, wrong)
    return network  # with every padding written out; the manager reports what is wrong


def _unruled(network: Network) -> set[Place]:
    """The windows that the network's rule has no padding for."""
    found: set[Place] = set()
    for index, stage in enumerate(network.stages):
        rule = PaddingRule(network.pad)
        for k, node in enumerate(stage.nodes):
            if not isinstance(node, Block) and rule.next(node) is None:
                found.add((index, k))
    return found


def _written(network: Network, paddings: Mapping[Place, Sides]) -> Network:
    for (stage, index), sides in paddings.items():
        nodes = list(network.stages[stage].nodes)
        node = nodes[index]
        assert isinstance(node, Conv | Pool)
        nodes[index] = replace(node, padding=sides)
        network = with_stage(network, stage, replace(network.stages[stage], nodes=tuple(nodes)))
    return network
