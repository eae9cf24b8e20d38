"""Which passes may bring a network nearer to another: their options are read off the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

from ctcdsl.checking import Network
from ctcdsl.ir import Block, Conv, ConvLayer, Element, Pool, Stage, layers_of
from ctcdsl.metrics import macs
from ctcdsl.passes.base import Pass
from ctcdsl.passes.rewrites.add_pool import AddPool, RemovePool
from ctcdsl.passes.rewrites.budget import Repair, Transfer
from ctcdsl.passes.rewrites.controls import NetworkInNetwork, RepeatLast
from ctcdsl.passes.rewrites.deepen import Deepen
from ctcdsl.passes.rewrites.delay_subsample import DelaySubsample, UndelaySubsample
from ctcdsl.passes.rewrites.depth_for_size import DepthForSize, SizeForDepth
from ctcdsl.passes.rewrites.dilate_delay import DilateDelay
from ctcdsl.passes.rewrites.fold_bn import FoldBatchNorm
from ctcdsl.passes.rewrites.repvgg_fuse import RepVggFuse
from ctcdsl.passes.rewrites.scale import Scale
from ctcdsl.passes.rewrites.widen import Widen
from ctcdsl.passes.rewrites.width import DepthForWidth, WidthForSize
from ctcdsl.passes.stage_view import stage_view
from ctcdsl.text import UserError

MULTIPLES = (32, 16, 8, 4, 2, 1)
"""Of what widths are multiples, tried in this order."""
MAX_SIZE = 11
"""The largest filters that are tried on the way."""


def differing_stages(network: Network, target: Network) -> list[int]:
    """The indices of the stages that are not the target's."""
    ours, theirs = network.architecture.stages, target.architecture.stages
    return [
        index
        for index in range(max(len(ours), len(theirs)))
        if index >= min(len(ours), len(theirs)) or ours[index].elements != theirs[index].elements
    ]


def moves(network: Network, target: Network, *, start: Network, last: bool) -> Iterator[Pass]:
    """Passes that may lead to `target`, those of the paper first.

    Args:
        network: The network to rewrite.
        target: The one that is to come out.
        start: Where the chain of passes starts; its MACs are the budget of `repair`.
        last: Whether it is to come out of this very pass: that leaves fewer options.
    """
    stages = differing_stages(network, target)
    both = min(len(network.architecture.stages), len(target.architecture.stages))
    if not last or len(stages) == 1:
        for index in stages:
            if index < both:
                yield from _Stage(network, target, start, index, last).moves()
    yield from _of_network(network, target, stages, last)


def is_slow(applied: Pass, network: Network) -> bool:
    """Whether a pass tries many widths on a network, each checked: a hundredth of a second."""
    match applied:
        case Scale():
            return True
        case DepthForWidth() | Repair():
            return not _is_row(network, applied.stage)
        case _:
            return False


class _Stage:
    """The passes that rewrite one stage alone."""

    def __init__(
        self, network: Network, target: Network, start: Network, index: int, last: bool
    ) -> None:
        self._network, self._target, self._start = network, target, start
        self._index, self._last = index, last
        self._name = str(index + 1)
        self._ours = _convs(network.architecture.stages[index].elements)
        self._theirs = _convs(target.architecture.stages[index].elements)
        self._is_row = _is_row(network, self._name)
        self._multiples = _multiples(target.architecture.stages[index], last)

    def moves(self) -> Iterator[Pass]:
        """The passes, those of the paper first."""
        yield from self._paper()
        yield from self._subsampling()
        yield from self._controls()
        yield from self._widths()
        yield from self._others()

    def _paper(self) -> Iterator[Pass]:
        stage, sizes = self._name, sorted({conv.kernel[0] for conv in self._ours})
        aims = {conv.kernel[0] for conv in self._theirs}
        for to in range(2, max(sizes, default=0)):
            if not self._last or to in aims:
                yield DepthForSize(stage=stage, to=to)
        for to in range(min(sizes, default=MAX_SIZE) + 1, MAX_SIZE + 1):
            if not self._last or to in aims:
                yield SizeForDepth(stage=stage, to=to)
        if len(sizes) > 1:
            return
        for multiple in self._multiples:
            for depth in self._depths():
                yield DepthForWidth(stage=stage, depth=depth, multiple=multiple)
            if len(self._ours) > 1:
                for to in sorted(aims if self._last else aims | {2, 3, 5}):
                    if to not in sizes:
                        yield WidthForSize(stage=stage, to=to, multiple=multiple)

    def _depths(self) -> list[int]:
        """The depths from which the target's can still be reached."""
        ours, theirs = (
            network.architecture.stages[self._index] for network in (self._network, self._target)
        )
        depth = _units(theirs)
        if not (self._last or self._is_row or _has_blocks(ours)):
            return []
        if self._last or not self._is_row:
            return [depth] if depth != _units(ours) else []
        merged = [depth * count for count in (2, 4) if depth * count <= 32]
        return [each for each in (*range(2, depth + 1), *merged) if each != _units(ours)]

    def _subsampling(self) -> Iterator[Pass]:
        elements = self._network.architecture.stages[self._index].elements
        if any(isinstance(element, Pool) for element in elements):
            for kind in (DelaySubsample, UndelaySubsample, DilateDelay):
                yield kind(stage=self._name)

    def _controls(self) -> Iterator[Pass]:
        more = len(self._theirs) - len(self._ours)
        if more > 0:
            for times in range(more if self._last else 1, more + 1):
                yield RepeatLast(times=times, stage=self._name)
            yield NetworkInNetwork(stage=self._name)

    def _widths(self) -> Iterator[Pass]:
        """One width solved for what the target's stage costs, or filters added."""
        if not self._ours or len(self._ours) != len(self._theirs):
            return
        stage = self._name
        if (self._is_row or self._last) and _same_kinds(self._ours, self._theirs):
            aim = self._network.macs - self._macs(self._network) + self._macs(self._target)
            for multiple in self._multiples:
                if aim == self._start.macs:
                    yield Repair(stage=stage, multiple=multiple)
                yield Repair(stage=stage, macs=aim, multiple=multiple)
        pairs = list(zip(self._ours, self._theirs, strict=True))
        wider = [k for k, (one, other) in enumerate(pairs) if one.filters < other.filters]
        for width in sorted({self._theirs[k].filters for k in wider}):
            yield Widen(stage=stage, width=width)
        for k in wider:
            yield Widen(stage=stage, width=self._theirs[k].filters, layer=k + 1)

    def _others(self) -> Iterator[Pass]:
        more = len(self._theirs) - len(self._ours)
        if more > 0 and (not self._last or more <= 2):
            for layer in (None, *range(1, len(self._ours))):
                yield Deepen(stage=self._name, layer=layer)
                for size in sorted({conv.kernel[0] for conv in self._theirs}):
                    yield Deepen(stage=self._name, layer=layer, size=size)
        ours, theirs = (
            network.architecture.stages[self._index].elements
            for network in (self._network, self._target)
        )
        in_row = len({conv.filters for conv in self._theirs[:-1]}) == 1  # `repair` solves that
        if self._last and not in_row and _widths_differ(ours, theirs):
            cost = str(self._macs(self._target))
            for multiple in _scales(self._multiples):
                yield Scale(macs=cost, stage=self._name, multiple=multiple)

    def _macs(self, network: Network) -> int:
        return macs(network.stage(self._index))


def _of_network(
    network: Network, target: Network, stages: Sequence[int], last: bool
) -> Iterator[Pass]:
    """The passes that rewrite more than one stage."""
    ours, theirs = network.architecture.stages, target.architecture.stages
    yield DelaySubsample()
    yield UndelaySubsample()
    yield DilateDelay()
    if len(ours) < len(theirs):
        yield from _pools(network, target, last)
    if len(ours) > len(theirs):
        for multiple in _multiples(theirs[-1], last):
            yield RemovePool(multiple=multiple)
    yield NetworkInNetwork()
    yield FoldBatchNorm()
    yield RepVggFuse()
    if last and stages and len(ours) == len(theirs):
        if len(stages) == 2:
            yield from _transfers(network, target, stages)
        pairs = zip(ours, theirs, strict=True)
        if all(_widths_differ(one.elements, other.elements) for one, other in pairs):
            for multiple in _scales(_multiples(theirs[stages[0]], last)):
                yield Scale(macs=str(target.macs), multiple=multiple)


def _pools(network: Network, target: Network, last: bool) -> Iterator[Pass]:
    stage = target.architecture.stages[-1]
    pools = {element.kernel[0] for element in stage.elements if isinstance(element, Pool)}
    ours = len(_convs(network.architecture.stages[-1].elements))
    theirs = len(_convs(stage.elements))
    for pool in sorted(pools):
        for layers in (theirs,) if last else range(2, min(ours, theirs + 1)):
            for multiple in _multiples(stage, last):
                yield AddPool(layers=layers, pool=pool, multiple=multiple)


def _transfers(network: Network, target: Network, stages: Sequence[int]) -> Iterator[Pass]:
    """A share of one stage's cost to the other, as short as it can be written."""
    for index in stages:
        both = (each.architecture.stages[index].elements for each in (network, target))
        if not (_is_row(network, str(index + 1)) and _widths_differ(*both)):
            return
    for source, other in permutations(stages):
        before, after = (macs(each.stage(source)) for each in (network, target))
        if not 0 < after < before:
            continue
        exact = 1 - after / before
        multiples = _multiples(target.architecture.stages[source], last=True)
        for share in dict.fromkeys((round(exact, 2), round(exact, 3), exact)):
            for multiple in multiples:
                yield Transfer(
                    source=str(source + 1), target=str(other + 1), share=share, multiple=multiple
                )


def _convs(elements: Sequence[Element]) -> list[Conv]:
    return [element for element in elements if isinstance(element, Conv)]


def _is_row(network: Network, stage: str) -> bool:
    """Whether a stage is a row of plain convolutions, whose width is solved by its equation."""
    try:
        stage_view(network, stage)
    except UserError:
        return False
    return True


def _has_blocks(stage: Stage) -> bool:
    return any(isinstance(element, Block) for element in stage.elements)


def _units(stage: Stage) -> int:
    """What `depth-for-width` counts: convolutions, or blocks."""
    return len(_convs(stage.elements)) or sum(isinstance(each, Block) for each in stage.elements)


def _same_kinds(ours: Sequence[Conv], theirs: Sequence[Conv]) -> bool:
    return all(one.kernel == other.kernel for one, other in zip(ours, theirs, strict=True))


def _widths_differ(ours: Sequence[Element], theirs: Sequence[Element]) -> bool:
    """Whether two chains may differ in widths alone: in what `scale` changes."""
    before, after = list(layers_of(ours)), list(layers_of(theirs))
    return len(before) == len(after) and all(
        type(one) is type(other)
        and (
            not (isinstance(one, ConvLayer) and isinstance(other, ConvLayer))
            or (one.conv.kernel, one.conv.stride) == (other.conv.kernel, other.conv.stride)
        )
        for one, other in zip(before, after, strict=True)
    )


def _multiples(stage: Stage, last: bool) -> tuple[int, ...]:
    """Multiples of which a pass makes widths: the last pass those that divide the target's."""
    if _has_blocks(stage):
        return MULTIPLES[:3]
    inner = {conv.filters for conv in _convs(stage.elements)[:-1]}
    if not last or len(inner) != 1:
        return MULTIPLES
    (width,) = inner
    return tuple(multiple for multiple in MULTIPLES if width % multiple == 0)


def _scales(multiples: Sequence[int]) -> tuple[int, ...]:
    """Those that `scale` is tried with, which takes a hundred times as long: its default first."""
    return tuple(multiple for multiple in (8, 32, 1) if multiple in multiples)
