"""A network whose every map size is known: what cost, code and training work from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ctcdsl.ir import Conv, Layer, Network, Shape


class Placed(NamedTuple):
    """A layer in its place: the map that enters, the map that leaves, the padding used.

    `stage` counts from 0; None in the head. `name` is unique in the network, such as
    `stage2.conv1`. `padding` is 0 for layers without a window. What leaves is a `vector`
    of features, not a map, from the head's first gap, spp or fc on.
    """

    name: str
    stage: int | None
    layer: Layer
    input: Shape
    output: Shape
    padding: int = 0
    vector: bool = False


class CheckedNetwork(NamedTuple):
    """A network that passed `check`, its layers placed in dataflow order."""

    network: Network
    layers: tuple[Placed, ...]

    @property
    def name(self) -> str:
        """The network's name."""
        return self.network.name

    @property
    def output(self) -> Shape:
        """What leaves the last layer."""
        return self.layers[-1].output

    def convolutions(self) -> Iterator[tuple[Placed, Conv]]:
        """The convolutions in order, each with its place."""
        for placed in self.layers:
            if isinstance(placed.layer, Conv):
                yield placed, placed.layer

    def stage(self, index: int | None) -> tuple[Placed, ...]:
        """The layers of a stage (from 0), or of the head (None)."""
        return tuple(placed for placed in self.layers if placed.stage == index)
