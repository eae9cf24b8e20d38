"""Who carries the stride of a group: `(3,64)x4/2`, `[ (1,64) (3,64) (1,256) ]x3/2`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ctcdsl.ir.blocks import Block, Branch, Element, layers_of
from ctcdsl.ir.layers import Conv, Layer, Pool, SlidingWindow


class StrideAlreadySet(Exception):
    """The layer that would carry a stride has one already."""

    def __init__(self, layer: SlidingWindow) -> None:
        super().__init__(layer)
        self.layer = layer


class NoStridedLayer(Exception):
    """There is no convolution and no pool to carry a stride."""


def with_stride(nodes: Sequence[Element], stride: int) -> list[Element]:
    """Return nodes with a stride on the first layer with k > 1, else the first convolution.

    In a block every branch that has such a layer carries it.

    Raises:
        NoWindow: No node has a window.
        StrideTaken: The layer has a stride other than 1.
    """
    at = _first(nodes, _is_wide)
    if at is None:
        at = _first(nodes, _is_window)
    if at is None:
        raise NoStridedLayer
    node = nodes[at]
    new: Element
    if isinstance(node, Block):
        new = replace(node, branches=tuple(_strided(branch, stride) for branch in node.branches))
    else:
        assert isinstance(node, Conv | Pool)
        if node.stride != 1:
            raise StrideAlreadySet(node)
        if isinstance(node, Pool):
            new = replace(node, stride=stride, grouped=False)
        else:
            new = replace(node, stride=stride)
    return [*nodes[:at], new, *nodes[at + 1 :]]


def _strided(branch: Branch, stride: int) -> Branch:
    if not any(_is_window(layer) for layer in layers_of(branch.elements)):
        return branch
    return replace(branch, elements=tuple(with_stride(branch.elements, stride)))


def _is_window(layer: Layer) -> bool:
    return isinstance(layer, Conv | Pool)


def _is_wide(layer: Layer) -> bool:
    return isinstance(layer, Conv | Pool) and max(layer.kernel) > 1


def _first(nodes: Sequence[Element], is_it: Callable[[Layer], bool]) -> int | None:
    """The first node that is, or holds, such a layer."""
    for index, node in enumerate(nodes):
        if any(is_it(layer) for layer in layers_of((node,))):
            return index
    return None
