"""How layers are padded: the three rules, and the solver that makes `maps` hold.

The paper (Section 5) pads by filter size, alternates on sequential 2x2 filters, and then:
"For some layers before/after a subsampling layer (stride > 1), we need to adjust the
padding such that: the feature map sizes on the stage 2 is dominantly 36x36 …". Here that
is exact: every convolution's map lies within 1 of its stage's size, and the stage's last
map is that size or one less; among the paddings that give this, those with the fewest
layers changed from the rule, then the fewest MACs, then the smallest paddings from the
first layer on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ctcdsl.ir import (
    Conv,
    Network,
    PadRule,
    Pool,
    Shape,
    TrunkLayer,
    Window,
    convolution_macs,
    window_count,
)

_PAPER = {1: 0, 3: 1, 5: 2, 7: 0, 11: 0}


class Step(NamedTuple):
    """A trunk layer on its way through the solver.

    `rule` is the padding that the author or the rule gives, None where the rule has
    none for this filter size; `wanted` the stage's map (height, width) for a
    convolution under `maps`; `last` marks the stage's last convolution.
    """

    layer: TrunkLayer
    stage: int
    rule: int | None
    wanted: tuple[int, int] | None
    last: bool

    @property
    def window(self) -> Window | None:
        """The layer, if it slides a window."""
        return self.layer if isinstance(self.layer, Conv | Pool) else None


def steps(network: Network) -> tuple[Step, ...]:
    """The trunk's layers in order, each with its padding by the network's rule."""
    result: list[Step] = []
    for index, stage in enumerate(network.stages):
        wanted = network.maps[index - 1] if 0 < index <= len(network.maps) else None
        last = max((k for k, x in enumerate(stage.layers) if isinstance(x, Conv)), default=-1)
        twos = 0  # sequential 2x2 filters so far
        for k, layer in enumerate(stage.layers):
            padding: int | None = 0
            if isinstance(layer, Conv | Pool):
                padding = (
                    layer.padding if layer.padding is not None else _rule(network, layer, twos)
                )
            if isinstance(layer, Conv):
                twos = twos + 1 if layer.kernel == 2 else 0
            aim = wanted if isinstance(layer, Conv) else None
            result.append(Step(layer, index, padding, aim, k == last))
    return tuple(result)


def _rule(network: Network, layer: Window, twos: int) -> int | None:
    match network.pad:
        case PadRule.VALID:
            return 0
        case PadRule.SAME:
            return 0 if layer.kernel == layer.stride else (layer.kernel - 1) // 2
        case PadRule.PAPER:
            if isinstance(layer, Pool):
                return 0
            return twos % 2 if layer.kernel == 2 else _PAPER.get(layer.kernel)


def slide(shape: Shape, layer: TrunkLayer, padding: int) -> Shape:
    """The map that leaves `layer`; a side is less than 1 where the window does not fit."""
    if isinstance(layer, Conv):
        channels, ceil = layer.filters, False
    elif isinstance(layer, Pool):
        channels, ceil = shape.channels, layer.ceil
    else:
        return shape
    kernel, stride = layer.kernel, layer.stride
    height = width = window_count(shape.height, kernel, stride, padding, ceil=ceil)
    if shape.width != shape.height:
        width = window_count(shape.width, kernel, stride, padding, ceil=ceil)
    return Shape(channels, height, width)


def maps_of(input: Shape, trunk: Sequence[Step], paddings: Sequence[int]) -> list[Shape]:
    """Return the map behind each step, up to the first window that does not fit."""
    maps: list[Shape] = []
    shape = input
    for step, padding in zip(trunk, paddings, strict=True):
        shape = slide(shape, step.layer, padding)
        if shape.height < 1 or shape.width < 1:
            break
        maps.append(shape)
    return maps


def fits(step: Step, shape: Shape) -> bool:
    """Whether a map is what `maps` asks of this step."""
    if step.wanted is None:
        return True
    high = 0 if step.last else 1
    height, width = step.wanted
    return -1 <= shape.height - height <= high and -1 <= shape.width - width <= high


class _Best(NamedTuple):
    """The best way to reach a map size; compared in this order."""

    changes: int
    macs: int
    paddings: tuple[int, ...]


def solve(input: Shape, trunk: Sequence[Step], *, free_all: bool = False) -> tuple[int, ...] | None:
    """Return a padding for each step so that every map is as wanted; None where none is.

    Exact dynamic programming over the map sizes that can be reached: what follows a
    layer depends on its map alone. Convolutions of the stages under `maps` are free to
    change unless the author gave their padding; with `free_all` every window is.
    """
    reached: dict[Shape, _Best] = {input: _Best(0, 0, ())}
    for step in trunk:
        following: dict[Shape, _Best] = {}
        for shape, best in reached.items():
            for padding in _candidates(step, free_all):
                output = slide(shape, step.layer, padding)
                if output.height < 1 or output.width < 1 or not fits(step, output):
                    continue
                macs = best.macs
                if isinstance(step.layer, Conv):
                    macs += convolution_macs(shape.channels, step.layer.kernel, output)
                changes = best.changes + (padding != step.rule)
                found = _Best(changes, macs, (*best.paddings, padding))
                if output not in following or found < following[output]:
                    following[output] = found
        reached = following
    return min(reached.values()).paddings if reached else None


def _candidates(step: Step, free_all: bool) -> Sequence[int]:
    layer = step.layer
    if not isinstance(layer, Conv | Pool):
        return (0,)
    free = free_all or (step.wanted is not None and layer.padding is None)
    return range(layer.kernel // 2 + 1) if free or step.rule is None else (step.rule,)
