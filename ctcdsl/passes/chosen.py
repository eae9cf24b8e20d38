"""Convolutions of a stage that a pass is to work on, chosen by number."""

from __future__ import annotations

from ctcdsl.checking import Network
from ctcdsl.ir import Conv
from ctcdsl.passes.site import outside_blocks, stage_index
from ctcdsl.text import error


def convolutions(network: Network, stage: str) -> tuple[int, list[int]]:
    """A stage and where its convolutions stand, as indices from 0; those in blocks left out.

    Raises:
        UserError: CTC403 without such a stage; CTC404 where it has no convolution of its own.
    """
    index = stage_index(network.architecture, stage)
    nodes = network.architecture.stages[index].elements
    found = [k for k, node in enumerate(nodes) if isinstance(node, Conv)]
    if not found:
        raise error(
            "CTC404",
            outside_blocks(nodes, f"{network.architecture.stage_names[index]} has no convolution"),
            at=nodes[0].origin,
            hint="choose a stage of plain layers",
        )
    return index, found


def numbered(network: Network, stage: int, found: list[int], layer: int) -> int:
    """Where the `layer`-th convolution of a stage stands; CTC402 where there is none."""
    if not 1 <= layer <= len(found):
        name = network.architecture.stage_names[stage]
        raise error(
            "CTC402",
            f"{name} has no convolution {layer}",
            at=network.architecture.stages[stage].elements[found[0]].origin,
            hint=f"`layer` lies from 1 to {len(found)}",
        )
    return found[layer - 1]
