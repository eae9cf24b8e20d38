"""Paddings that must stay: written out where a rule would give others."""

from __future__ import annotations

from collections.abc import Mapping

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.ir import Architecture, Block, PadRule, Pair, SlidingWindow, replace
from ctcdsl.passes.stage_view import with_stage
from ctcdsl.shapes.padding import PaddingRule
from ctcdsl.text import error

Place = tuple[int, int]
"""A node of the trunk: its stage and its index there, from 0."""


def paddings_of(network: Network) -> dict[Place, Pair]:
    """The padding of every window of the trunk, those inside blocks left out."""
    return {
        (stage, index): node.padding
        for stage in range(len(network.architecture.stages))
        for index, node in enumerate(network.stage(stage))
        if isinstance(node.layer, SlidingWindow)
    }


def freeze_paddings(architecture: Architecture, paddings: Mapping[Place, Pair]) -> Architecture:
    """The network with `p` tags on the windows that would be padded otherwise.

    A layer that a rewrite inserts or merges moves the alternation of 2x2 filters and, under
    `maps`, what the solver chooses: the layers that it does not touch keep their paddings.
    """
    for places in (set[Place](), _without_rule(architecture), set(paddings)):
        architecture = _with_paddings(architecture, {place: paddings[place] for place in places})
        while (report := infer_shapes(architecture)).ok:
            current = paddings_of(report.networks[0])
            wrong = {place: sides for place, sides in paddings.items() if current[place] != sides}
            if not wrong:
                return architecture
            architecture = _with_paddings(architecture, wrong)
    return architecture  # with every padding written out; the manager reports what is wrong


def _without_rule(architecture: Architecture) -> set[Place]:
    """The windows that the network's rule has no padding for."""
    unruled: set[Place] = set()
    for index, stage in enumerate(architecture.stages):
        rule = PaddingRule(architecture.pad)
        for k, node in enumerate(stage.elements):
            if not isinstance(node, Block) and rule.next(node) is None:
                unruled.add((index, k))
    return unruled


def _with_paddings(architecture: Architecture, paddings: Mapping[Place, Pair]) -> Architecture:
    if paddings and architecture.pad is PadRule.TF:
        stage, index = next(iter(paddings))
        raise error(
            "CTC404",
            "this rewrite changes paddings to `p` tags, and those of `pad tf` differ by side",
            at=architecture.stages[stage].elements[index].origin,
            hint="rewrite the network under `pad same`, where its maps allow",
        )
    for (stage, index), sides in paddings.items():
        nodes = list(architecture.stages[stage].elements)
        node = nodes[index]
        assert isinstance(node, SlidingWindow)
        nodes[index] = replace(node, padding=sides)
        architecture = with_stage(
            architecture, stage, replace(architecture.stages[stage], elements=tuple(nodes))
        )
    return architecture
