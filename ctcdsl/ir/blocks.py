"""Blocks: branches side by side, concatenated or added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from ctcdsl.layers.base import LayerKind
from ctcdsl.layers.convolution import Conv
from ctcdsl.ops.record import Record, field
from ctcdsl.text import Origin


class Join(StrEnum):
    """How the branches of a block come together."""

    CONCAT = "concat"
    ADD = "add"


class DefCall(NamedTuple):
    """The `def` that a block came from and its arguments: where its names are taken from."""

    name: str
    arguments: tuple[tuple[str, float], ...] = ()


class Branch(Record):
    """Layers and blocks one after another.

    An `optional` branch is left out where its shape differs from the first branch's.
    """

    elements: tuple[Element, ...]
    optional: bool = False


class Block(Record):
    """Branches that all see the block's input; concatenated, or added.

    A lone branch of an adding block gets the usual shortcut beside it: the identity, or a
    1x1 projection where the shape changes (He et al. 2016). The activation that ends the
    branches of an adding block acts after the addition instead.
    """

    join: Join
    branches: tuple[Branch, ...]
    call: DefCall | None = field(default=None, compare=False)
    origin: Origin = field(compare=False)


Element = LayerKind | Block


def layers_of(elements: Sequence[Element]) -> Iterator[LayerKind]:
    """The layers of a chain, those inside blocks included, in the order of the text."""
    for element in elements:
        if isinstance(element, Block):
            for branch in element.branches:
                yield from layers_of(branch.elements)
        else:
            yield element


def contains_conv(element: Element) -> bool:
    """Whether this is or contains a convolution: what makes a stage."""
    return any(isinstance(layer, Conv) for layer in layers_of((element,)))


def out_channels(elements: Sequence[Element], channels: int) -> int:
    """The output channels, or features, of a chain with `channels` at its input.

    Those of the classifier are not known here, and nothing follows it.
    """
    for element in elements:
        if isinstance(element, Block):
            outputs = [out_channels(branch.elements, channels) for branch in element.branches]
            channels = sum(outputs) if element.join is Join.CONCAT else outputs[0]
        else:
            channels = element.out_channels(channels)
    return channels
