"""What of a network holds for its own image size alone.

Mostly a spec has the same paddings and branches at every image size, and one module serves all
sizes. But paddings may have been solved for `maps`, a pool may cover its whole map and take none,
and branches may fit together on the maps of one size only: a shortcut past a stride of 2 is the
identity where the map is 1x1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm, prod

from ctcdsl.ir import Block, Conv, Element, Pool, Shape
from ctcdsl.ir.network import Network, Node, flat
from ctcdsl.shapes.infer import ShapeInference
from ctcdsl.text.sink import Diagnostics

_LARGE = 1024
"""Maps of so many strides are larger than any window and its padding."""
_TRIED = 32
"""How many remainders of a map's side by a block's stride are tried."""


def bound_to_size(network: Network) -> tuple[Node, ...]:
    """The layers and blocks that have other paddings or branches at another image size."""
    return tuple(p for p in network.nodes if p.map_dependent or _joined(network, p))


def _joined(network: Network, node: Node) -> bool:
    """Whether a block has other branches, or none that fit together, on other maps.

    On large maps that follows from the remainders of their sides by the block's stride.
    """
    block = node.layer
    if not isinstance(block, Block):
        return False
    placer = ShapeInference(network.architecture, Diagnostics(), {})
    period = _stride((block,))
    found = [
        placer.block(node.name, node.stage, block, Shape(node.input.channels, side, side))
        for side in range(_LARGE * period, _LARGE * period + min(period, _TRIED))
    ]
    return {_branches(other) for other in found if other is not None} != {_branches(node)}


def _branches(node: Node) -> tuple[tuple[str, int], ...]:
    """The layers of a block that are there, by name, and how many branches each block has."""
    return tuple((each.name, len(each.branches)) for each in flat((node,)))


def _stride(nodes: Sequence[Element]) -> int:
    """A stride that those of all branches divide."""
    return prod(
        node.stride
        if isinstance(node, Conv | Pool)
        else lcm(*(_stride(branch.elements) for branch in node.branches))
        for node in nodes
        if isinstance(node, Conv | Pool | Block)
    )
