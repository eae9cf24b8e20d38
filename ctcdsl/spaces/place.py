"""Where a step begins and where it leads."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ctcdsl.ir import Shape

Costs = tuple[int, ...]


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


class Place(NamedTuple):
    """Where a step begins: the map, and what of the layers before matters to those behind.

    `one` says whether the last convolution is 1x1; `sizes` are for a network with `maps`, whose
    first map is `shape`.
    """

    shape: Shape
    odd: bool = False
    convolved: bool = False
    one: bool = False
    sizes: Sizes | None = None

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
