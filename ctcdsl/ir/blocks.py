"""Blocks: branches side by side, and how they join."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from ctcdsl.layers.base import LayerKind
from ctcdsl.layers.convolution import ConvLayer
from ctcdsl.ops.record import Record, field
from ctcdsl.text import Origin, Span
from ctcdsl.text.sink import Diagnostics


class Join(StrEnum):
    """How the branches of a block come together."""

    CONCAT = "concat"
    SPLIT = "split"
    """The input's channels are dealt out to the branches, whose outputs are concatenated."""
    ADD = "add"
    MULTIPLY = "mul"
    MAXIMUM = "max"

    @property
    def concatenates(self) -> bool:
        """Whether the branches' channels follow one another; else they are of one shape."""
        return self in (Join.CONCAT, Join.SPLIT)


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
    """Branches that all see the block's input, or split its channels; what joins them.

    A split gives each branch an equal share of the channels; with a `share`, each but the last
    gets so many, and the last the rest. A lone branch of an adding block gets the usual shortcut
    beside it: the identity, or a 1x1 projection where the shape changes (He et al. 2016). The
    activation that ends the branches of an adding block acts after the addition instead.
    """

    join: Join
    branches: tuple[Branch, ...]
    share: int | None = None
    call: DefCall | None = field(default=None, compare=False)
    origin: Origin = field(compare=False)

    def in_channels(self, channels: int) -> tuple[int, ...]:
        """The channels that enter each branch of a block with `channels` at its input."""
        return shares(self.join, channels, len(self.branches), self.share)


Element = LayerKind | Block


def shares(join: Join, channels: int, count: int, share: int | None) -> tuple[int, ...]:
    """The channels that enter each of `count` branches: of a split each one's share.

    Where those do not divide, as `report_shares` says, they do not sum up to the channels.
    """
    if join is not Join.SPLIT:
        return (channels,) * count
    if share is None:
        return (channels // count,) * count
    return (*(share,) * (count - 1), channels - share * (count - 1))


def report_shares(
    channels: int, count: int, share: int | None, at: Span | Origin, diagnostics: Diagnostics
) -> bool:
    """Whether a split leaves no channel over and no branch empty; reported (CTC207) if not."""
    given = shares(Join.SPLIT, channels, count, share)
    if sum(given) == channels and min(given) > 0:
        return True
    if share is None:
        message = f"{channels} channels cannot be split into {count} equal shares"
        hint = "`split(n){ a | b }` gives the first branch n channels, and the last the rest"
    else:
        taken = f"{count - 1} times {share}" if count > 2 else f"{share}"
        message = f"of {channels} channels the last branch gets none: the others take {taken}"
        hint = f"write a share of at most {max(1, (channels - 1) // (count - 1))}"
    diagnostics.error("CTC207", message, at, hint=hint)
    return False


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
    if isinstance(element, Block):
        branches = (branch.elements for branch in element.branches)
        return any(contains_conv(each) for elements in branches for each in elements)
    return isinstance(element, ConvLayer)


def out_channels(elements: Sequence[Element], channels: int) -> int:
    """The output channels, or features, of a chain with `channels` at its input.

    Those of the classifier are not known here, and nothing follows it.
    """
    for element in elements:
        if isinstance(element, Block):
            outputs = [
                out_channels(branch.elements, share)
                for branch, share in zip(
                    element.branches, element.in_channels(channels), strict=True
                )
            ]
            channels = sum(outputs) if element.join.concatenates else outputs[0]
        else:
            channels = element.out_channels(channels)
    return channels
