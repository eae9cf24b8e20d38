"""Where a step begins and where it leads."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ctcdsl.ir import Activation, Shape

Costs = tuple[int, ...]
Steps = tuple[int, int, int]
"""From the input of layers to their output: the strides of height and width, and the growth."""


class Begins(Enum):
    """Where the next stage begins, which has its own size under `maps`."""

    LATER = "later"
    AT_LAYER = "at the next layer"
    AT_CONV = "at the next convolution"


class Alternative(NamedTuple):
    """A map that paddings give, and what the best of them cost beside those of the first.

    It is `over` where its stage may not end here: its last convolution's map is larger than
    `maps` says.
    """

    shape: Shape
    over: bool
    costs: Costs


class Sizes(NamedTuple):
    """The maps that may be here under `maps`, in the order of their paddings.

    `stage` is the number of the stage, `convolved` whether it has a convolution, `unruled`
    whether the rule had no padding for one.
    """

    stage: int
    begins: Begins
    convolved: bool
    unruled: bool
    each: tuple[Alternative, ...]


class End(NamedTuple):
    """What the last element of a branch ends in, and what it costs more without it."""

    activation: Activation | None
    change: Costs


class Frame(NamedTuple):
    """A bracket or a call that is placed in parts: the channels that enter it, the copies left."""

    channels: int
    left: int = 0


class Bracket(NamedTuple):
    """A bracket that is placed in parts, some branches so far.

    `entry` is the place before it. Of the branches that ended: `first` is the shape of the first,
    `channels` are those of all, `activation` is what they end in, `several` says whether there is
    more than one. Of this branch: whether it is `out`, for another shape. `steps` are the strides
    and the growth of the first branch, where a shortcut needs them.

    For a microcontroller's memory: `needed` says whether what follows reads the entry, `stays`
    whether the branch with `?` will be there, `output` has the bytes of the outputs so far, and
    `alias` whether the entry is one of them.
    """

    entry: Place
    first: Shape | None = None
    channels: int = 0
    activation: Activation | None = None
    several: bool = False
    end: End | None = None
    out: bool = False
    steps: Steps = (1, 1, 1)
    needed: bool = False
    stays: bool = True
    output: int = 0
    alias: bool = False


class Place(NamedTuple):
    """Where a step begins: the map, and what of the layers before matters to those behind.

    `one` says whether the last convolution is 1x1; `sizes` are for a network with `maps`, whose
    first map is `shape`; `bracket` is the innermost that the place is inside of, `frames` are all
    brackets and calls, from the outside in. For a microcontroller's memory `buffer` has the bytes
    of the buffer that the map is in, where they are more than the map's, and `shared` says whether
    it is that of the bracket's entry.
    """

    shape: Shape
    odd: bool = False
    convolved: bool = False
    one: bool = False
    sizes: Sizes | None = None
    bracket: Bracket | None = None
    frames: tuple[Frame, ...] = ()
    buffer: int = 0
    shared: bool = False

    @property
    def bytes(self) -> int:
        """The bytes of the buffer that the map is in."""
        return self.buffer or self.shape.numel

    def in_buffer(self, size: int, *, shared: bool) -> Place:
        """The place with its map in a buffer of so many bytes."""
        return self._replace(buffer=size if size > self.shape.numel else 0, shared=shared)

    def begin_line(self) -> Place:
        """The place at a line's begin: a line begins a stage, and counts its own 2x2 filters."""
        sizes = self.sizes
        if sizes is not None:
            sizes = sizes._replace(begins=Begins.AT_LAYER, convolved=False)
        return self._replace(odd=False, sizes=sizes)


class Outcome(NamedTuple):
    """Where a step leads, and what it costs by each measure."""

    place: Place
    costs: Costs
