"""Images of another size: what of a network changes with it, and the maps that it gives.

Mostly a spec has the same paddings and branches at every image size, and one module serves all
sizes. But paddings may have been solved for `maps`, a pool may cover its whole map and take none,
and branches may fit together on the maps of one size only: a shortcut past a stride of 2 is the
identity where the map is 1x1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import lcm, prod

from ctcdsl.ir import Block, Element, Shape, SlidingWindow
from ctcdsl.ir.network import Network, Node, flat
from ctcdsl.layers.base import Context
from ctcdsl.shapes.infer import ShapeInference
from ctcdsl.text.sink import Diagnostics

_LARGE = 1024
"""Maps of so many strides are larger than any window and its padding."""
_MAX_TRIED = 32
"""How many remainders of a map's side by a block's stride are tried."""


def trunk_output(network: Network, height: int, width: int) -> Shape | None:
    """The input of the head for an image of `height` x `width`.

    The layers, paddings and branches stay those of the network's own input, as they do in its
    module. None where a window no longer fits, or where the outputs of a block's branches
    cannot be joined.
    """
    shape = Shape(network.input.channels, height, width)
    return _chain_output((node for node in network.nodes if node.stage is not None), shape)


def _chain_output(chain: Iterable[Node], shape: Shape) -> Shape | None:
    for node in chain:
        output = _output(node, shape)
        if output is None:
            return None
        shape = output
    return shape


def _output(node: Node, shape: Shape) -> Shape | None:
    if not isinstance(node.layer, Block):
        return node.layer.infer(shape, Context(node.padding, node.far))
    outputs = [
        _chain_output(branch, shape._replace(channels=input.channels))
        for branch, input in zip(node.branches, node.branch_inputs, strict=True)
    ]
    first = outputs[0]
    if first is None:
        return None
    channels = 0
    for output in outputs:
        if output is None or output[1:] != first[1:]:
            return None
        channels += output.channels
    return first._replace(channels=channels) if node.layer.join.concatenates else first


def bound_to_size(network: Network) -> tuple[Node, ...]:
    """The layers and blocks that have other paddings or branches at another image size."""
    return tuple(
        node
        for node in network.nodes
        if any(inner.map_dependent for inner in flat((node,))) or _is_bound(network, node)
    )


def _is_bound(network: Network, node: Node) -> bool:
    """Whether a block has other branches, or none that fit together, on other maps.

    On large maps that follows from the remainders of their sides by the block's stride.
    """
    block = node.layer
    if not isinstance(block, Block):
        return False
    inference = ShapeInference(network.architecture, Diagnostics(), {})
    period = _stride((block,))
    others = [
        inference.block(node.name, node.stage, block, Shape(node.input.channels, side, side))
        for side in range(_LARGE * period, _LARGE * period + min(period, _MAX_TRIED))
    ]
    return {_branches(other) for other in others if other is not None} != {_branches(node)}


def _branches(block: Node) -> tuple[tuple[str, int], ...]:
    """The layers of a block that are there, by name, and how many branches each block has."""
    return tuple((node.name, len(node.branches)) for node in flat((block,)))


def _stride(elements: Sequence[Element]) -> int:
    """A stride that those of all branches divide."""
    return prod(
        lcm(*element.stride)
        if isinstance(element, SlidingWindow)
        else lcm(*(_stride(branch.elements) for branch in element.branches))
        for element in elements
        if isinstance(element, SlidingWindow | Block)
    )
