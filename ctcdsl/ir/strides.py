"""Who carries the stride of a group: `(3,64)x4/2`, `[ (1,64) (3,64) (1,256) ]x3/2`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ctcdsl.ir.blocks import Block, Branch, Element, layers_of
from ctcdsl.layers.base import LayerKind
from ctcdsl.layers.pooling import Pool
from ctcdsl.layers.windows import SlidingWindow
from ctcdsl.ops.record import replace
from ctcdsl.ops.shapes import Pair


class StrideAlreadySet(Exception):
    """The layer that would carry a stride has one already."""

    def __init__(self, layer: SlidingWindow) -> None:
        super().__init__(layer)
        self.layer = layer


class NoStridedLayer(Exception):
    """There is no convolution and no pool to carry a stride."""


def with_stride(elements: Sequence[Element], stride: Pair) -> list[Element]:
    """Return a chain with a stride on the first layer with k > 1, else the first convolution.

    In a block every branch that has such a layer carries it.

    Raises:
        NoStridedLayer: No element has a window.
        StrideAlreadySet: The layer has a stride other than 1.
    """
    at = _first(elements, _is_wide)
    if at is None:
        at = _first(elements, _is_window)
    if at is None:
        raise NoStridedLayer
    element = elements[at]
    new: Element
    if isinstance(element, Block):
        new = replace(
            element, branches=tuple(_strided(branch, stride) for branch in element.branches)
        )
    else:
        assert isinstance(element, SlidingWindow)
        if element.strided:
            raise StrideAlreadySet(element)
        if isinstance(element, Pool):
            new = replace(element, stride=stride, grouped=False)
        else:
            new = replace(element, stride=stride)
    return [*elements[:at], new, *elements[at + 1 :]]


def _strided(branch: Branch, stride: Pair) -> Branch:
    if not any(_is_window(layer) for layer in layers_of(branch.elements)):
        return branch
    return replace(branch, elements=tuple(with_stride(branch.elements, stride)))


def _is_window(layer: LayerKind) -> bool:
    return isinstance(layer, SlidingWindow)


def _is_wide(layer: LayerKind) -> bool:
    return isinstance(layer, SlidingWindow) and max(layer.kernel) > 1


def _first(elements: Sequence[Element], matches: Callable[[LayerKind], bool]) -> int | None:
    """The first element that is or contains such a layer."""
    for index, element in enumerate(elements):
        if any(matches(layer) for layer in layers_of((element,))):
            return index
    return None
