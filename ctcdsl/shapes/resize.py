"""The maps of a checked network when an image of another size enters."""

from __future__ import annotations

from collections.abc import Iterable

from ctcdsl.ir import Block, Join, Shape
from ctcdsl.ir.network import Network, Node
from ctcdsl.shapes.padding import window_output


def trunk_output(network: Network, height: int, width: int) -> Shape | None:
    """The map that enters the head when an image of `height` x `width` enters the network.

    The layers, paddings and branches stay those of the network's own input, as they do in its
    module. None where a window no longer fits, or where the branches of a block leave maps
    that cannot be joined.
    """
    shape = Shape(network.input.channels, height, width)
    return _through((p for p in network.nodes if p.stage is not None), shape)


def _through(chain: Iterable[Node], shape: Shape) -> Shape | None:
    for node in chain:
        after = _after(node, shape)
        if after is None or min(after) < 1:
            return None
        shape = after
    return shape


def _after(node: Node, shape: Shape) -> Shape | None:
    if not isinstance(node.layer, Block):
        return window_output(shape, node.layer, node.padding)
    outputs = [_through(branch, shape) for branch in node.branches]
    first = outputs[0]
    if first is None:
        return None
    channels = 0
    for output in outputs:
        if output is None or output[1:] != first[1:]:
            return None
        channels += output.channels
    return first if node.layer.join is Join.ADD else first._replace(channels=channels)
