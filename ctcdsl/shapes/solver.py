"""The padding solver: paddings that make `maps` hold.

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
    Architecture,
    Block,
    Conv,
    Layer,
    PadRule,
    Pair,
    Pool,
    Shape,
    SlidingWindow,
    convolution_macs,
)
from ctcdsl.shapes.padding import PaddingRule, covers_map, window_output


class Step(NamedTuple):
    """A trunk layer on its way through the solver.

    `rule` is the padding that the author or the rule gives, None where the rule has
    none for this filter size; `wanted` the stage's map (height, width) for a
    convolution under `maps`; `last` marks the stage's last convolution. Under `pad same`
    the rule `adapts`: a pool that covers its whole map takes no padding.
    """

    layer: Layer
    stage: int
    rule: Pair | None
    wanted: tuple[int, int] | None
    last: bool
    adapts: bool = False

    @property
    def window(self) -> SlidingWindow | None:
        """The layer, if it slides a window."""
        return self.layer if isinstance(self.layer, Conv | Pool) else None


def steps(architecture: Architecture) -> tuple[Step, ...]:
    """The trunk's layers in order, each with its padding by the network's rule.

    The network is a chain: a stage with blocks has no steps.
    """
    result: list[Step] = []
    for index, stage in enumerate(architecture.stages):
        wanted = architecture.maps[index - 1] if 0 < index <= len(architecture.maps) else None
        last = max((k for k, x in enumerate(stage.elements) if isinstance(x, Conv)), default=-1)
        rule = PaddingRule(architecture.pad)
        for k, layer in enumerate(stage.elements):
            assert not isinstance(layer, Block)
            aim = wanted if isinstance(layer, Conv) else None
            same = architecture.pad is PadRule.SAME
            result.append(Step(layer, index, rule.next(layer), aim, k == last, same))
    return tuple(result)


def feature_maps(input: Shape, trunk: Sequence[Step], paddings: Sequence[Pair]) -> list[Shape]:
    """Return the map behind each step, up to the first window that does not fit."""
    maps: list[Shape] = []
    shape = input
    for step, padding in zip(trunk, paddings, strict=True):
        if step.adapts and padding == step.rule and covers_map(step.layer, shape):
            padding = (0, 0)
        shape = window_output(shape, step.layer, padding)
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
    paddings: tuple[Pair, ...]


def solve(
    input: Shape, trunk: Sequence[Step], *, free_all: bool = False
) -> tuple[Pair, ...] | None:
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
                output = window_output(shape, step.layer, padding)
                if output.height < 1 or output.width < 1 or not fits(step, output):
                    continue
                macs = best.macs
                if isinstance(step.layer, Conv):
                    macs += convolution_macs(
                        shape.channels, step.layer.kernel, output, step.layer.groups
                    )
                changes = best.changes + (padding != step.rule)
                found = _Best(changes, macs, (*best.paddings, padding))
                if output not in following or found < following[output]:
                    following[output] = found
        reached = following
    return min(reached.values()).paddings if reached else None


def _candidates(step: Step, free_all: bool) -> Sequence[Pair]:
    layer = step.layer
    if not isinstance(layer, Conv | Pool):
        return ((0, 0),)
    free = free_all or (step.wanted is not None and layer.padding is None)
    if not free and step.rule is not None:
        return (step.rule,)
    dilation = layer.dilation if isinstance(layer, Conv) else 1
    high, wide = (range((dilation * (side - 1) + 1) // 2 + 1) for side in layer.kernel)
    if layer.kernel[0] == layer.kernel[1]:
        return [(padding, padding) for padding in high]
    return [(above, left) for above in high for left in wide]
