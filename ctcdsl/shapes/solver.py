"""The padding solver: paddings that make `maps` hold.

The paper (Section 5) pads by filter size, alternates on sequential 2x2 filters, and then:
"For some layers before/after a subsampling layer (stride > 1), we need to adjust the
padding such that: the feature map sizes on the stage 2 is dominantly 36x36 …". Here that
is exact: every convolution's map is within 1 of its stage's size, and the stage's last
map is that size or one less; among the paddings that give this, those with the fewest
layers changed from the rule, then the fewest MACs, then the smallest paddings from the
first layer on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from ctcdsl.ir import (
    Architecture,
    Block,
    Conv,
    Layer,
    PadRule,
    Pair,
    Shape,
    SlidingWindow,
    convolution_macs,
)
from ctcdsl.layers.base import Context
from ctcdsl.shapes.padding import PaddingRule, covers_map, tensorflow


class SolverStep(NamedTuple):
    """A trunk layer as a step of the solver.

    `rule` is the padding that the author or the rule gives, None where the rule has
    none for this filter size; `target` the stage's map (height, width) for a
    convolution under `maps`; `last` marks the stage's last convolution. Under `pad same`
    the rule `adapts`: a pool that covers its whole map takes no padding. Under `pad tf` (`tf`)
    the map decides every padding that the author does not give.
    """

    layer: Layer
    stage: int
    rule: Pair | None
    target: tuple[int, int] | None
    last: bool
    adapts: bool = False
    tf: bool = False

    @property
    def window(self) -> SlidingWindow | None:
        """The layer, if it slides a window."""
        return self.layer if isinstance(self.layer, SlidingWindow) else None


def solver_steps(architecture: Architecture) -> tuple[SolverStep, ...]:
    """The trunk's layers in order, each with its padding by the network's rule.

    The network is a chain, without blocks.
    """
    result: list[SolverStep] = []
    for index, stage in enumerate(architecture.stages):
        target = architecture.maps[index - 1] if 0 < index <= len(architecture.maps) else None
        last = max((k for k, x in enumerate(stage.elements) if isinstance(x, Conv)), default=-1)
        rule = PaddingRule(architecture.pad)
        same, tf = architecture.pad is PadRule.SAME, architecture.pad is PadRule.TF
        for k, layer in enumerate(stage.elements):
            assert not isinstance(layer, Block)
            size = target if isinstance(layer, Conv) else None
            padding = rule.next(layer)
            result.append(SolverStep(layer, index, padding, size, k == last, same, tf))
    return tuple(result)


def feature_maps(
    input: Shape, trunk: Sequence[SolverStep], paddings: Sequence[Pair]
) -> list[Shape]:
    """Return the map after each step, up to the first window that does not fit."""
    maps: list[Shape] = []
    shape = input
    for step, padding in zip(trunk, paddings, strict=True):
        if step.adapts and padding == step.rule and covers_map(step.layer, shape):
            padding = (0, 0)
        context = _padded(padding)
        if step.tf and step.window and step.window.padding is None and padding == step.rule:
            padded = tensorflow(step.window, shape)
            context = Context(padded.near or (0, 0), padded.far)
        output = step.layer.infer(shape, context)
        if output is None:
            break
        shape = output
        maps.append(shape)
    return maps


@lru_cache(maxsize=256)
def _padded(padding: Pair) -> Context:
    return Context(padding)


def fits(step: SolverStep, shape: Shape) -> bool:
    """Whether a map is what `maps` asks of this step."""
    return step.target is None or near(shape, step.target, last=step.last)


def near(shape: Shape, target: Pair, *, last: bool) -> bool:
    """Whether a map is what `maps` says of its stage: a pixel off, and at the end not larger."""
    largest = 0 if last else 1
    height, width = target
    return -1 <= shape.height - height <= largest and -1 <= shape.width - width <= largest


class _Best(NamedTuple):
    """The best way to reach a map size; compared in this order."""

    changes: int
    macs: int
    paddings: tuple[Pair, ...]


def solve(
    input: Shape, trunk: Sequence[SolverStep], *, free_all: bool = False
) -> tuple[Pair, ...] | None:
    """Return a padding for each step so that every map is its target; None where none is.

    Exact dynamic programming over the map sizes that can be reached: what follows a
    layer depends on its map alone. Convolutions of the stages under `maps` are free to
    change unless the author gave their padding; with `free_all` every window is.
    """
    reached: dict[Shape, _Best] = {input: _Best(0, 0, ())}
    for step in trunk:
        following: dict[Shape, _Best] = {}
        layer, rule, target, window = step.layer, step.rule, step.target, step.window
        paddings = candidates(step, free_all)
        for shape, (changes, macs, before) in reached.items():
            for padding in paddings:
                if window is None:
                    output = layer.infer(shape, _padded(padding))
                else:
                    output = window.output(shape, padding)
                if output is None or output.height < 1 or output.width < 1:
                    continue
                if target is not None and not near(output, target, last=step.last):
                    continue
                cost = macs
                if isinstance(layer, Conv):
                    cost += convolution_macs(shape.channels, layer.kernel, output, layer.groups)
                changed = changes + (padding != rule)
                old = following.get(output)
                if old is None or (changed, cost) <= old[:2]:
                    candidate = _Best(changed, cost, (*before, padding))
                    if old is None or candidate < old:
                        following[output] = candidate
        reached = following
    return min(reached.values()).paddings if reached else None


def candidates(step: SolverStep, free_all: bool = False) -> Sequence[Pair]:
    """The paddings that a layer may have, the smallest first."""
    layer = step.layer
    if not isinstance(layer, SlidingWindow):
        return ((0, 0),)
    free = free_all or (step.target is not None and layer.padding is None)
    if not free and step.rule is not None:
        return (step.rule,)
    above, left = (range(side // 2 + 1) for side in layer.extent)
    if layer.kernel[0] == layer.kernel[1]:
        return [(padding, padding) for padding in above]
    return list(product(above, left))
