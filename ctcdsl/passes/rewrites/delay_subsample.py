"""Delayed subsampling: the stride moves from a pool to the convolution after it, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ctcdsl.checking import Network
from ctcdsl.ir import Conv, Element, Pool, format_sides, replace
from ctcdsl.layers.base import SameShapeLayer
from ctcdsl.passes.base import Guarantee, KeepsWeights, PassResult
from ctcdsl.passes.stage_view import outside_blocks, stage_index, trunk, with_nodes
from ctcdsl.text import Origin, error


@dataclass(frozen=True, slots=True, kw_only=True)
class DelaySubsample(KeepsWeights):
    """Let pools filter with stride 1, and the next convolution subsample in their place.

    All pools followed by a convolution of stride 1, or those of one stage. The inverse,
    undelay-subsample, is exact where no pool was delayed before.

    delay-subsample

        (7,64)/2 3/3 (2,128)x4 2/2 (2,256)x2
        (7,64)/2 3/1 (2,128)/3+(2,128)x3 2/1 (2,256)/2+(2,256)
    """

    name: ClassVar[str] = "delay-subsample"
    summary: ClassVar[str] = "a pool's stride onto the convolution after it"
    section: ClassVar[str] = "4.6"
    preserves: ClassVar[Guarantee] = Guarantee.COMPLEXITY

    stage: str | None = None

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where no pool can give its stride."""
        return _move(network, self.stage, delaying=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class UndelaySubsample(KeepsWeights):
    """Give pools of stride 1 the stride of the convolution after them: the inverse.

    It is undone by delay-subsample where every other pool already had stride 1, or is not
    followed by a convolution of stride 1.

    undelay-subsample

        (7,64)/2 3/1 (2,128)/3+(2,128)x3
        (7,64)/2 3/3 (2,128)x4
    """

    name: ClassVar[str] = "undelay-subsample"
    summary: ClassVar[str] = "a convolution's stride back onto the pool before it"
    section: ClassVar[str] = "4.6"
    preserves: ClassVar[Guarantee] = Guarantee.COMPLEXITY

    stage: str | None = None

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where no pool precedes a strided convolution."""
        return _move(network, self.stage, delaying=False)


def stride_target(nodes: list[tuple[int, int, Element]], at: int) -> tuple[int, Element] | None:
    """The index and node that take or give the stride of the pool at `at`.

    Layers that keep the map may come between; None at the end of the trunk.
    """
    for k in range(at + 1, len(nodes)):
        node = nodes[k][2]
        if not isinstance(node, SameShapeLayer):
            return k, node
    return None


def _move(network: Network, stage: str | None, *, delaying: bool) -> PassResult:
    architecture = network.architecture
    only = None if stage is None else stage_index(architecture, stage)
    nodes = trunk(architecture)
    new = [node for _, _, node in nodes]
    notes: list[str] = []
    for at, (index, _, node) in enumerate(nodes):
        if not isinstance(node, Pool) or (only is not None and index != only):
            continue
        if node.strided is not delaying:
            continue
        following = stride_target(nodes, at)
        if following is None or not isinstance(following[1], Conv):
            notes.append(f"`{node.origin.text}` stays: no plain convolution follows it")
            continue
        k, target = following[0], following[1]
        if target.strided is delaying:
            strides = f"a stride of {format_sides(target.stride)}" if delaying else "no stride"
            notes.append(f"`{node.origin.text}` stays: `{target.origin.text}` has {strides}")
            continue
        new[at], new[k] = replace(node, stride=target.stride), replace(target, stride=node.stride)
    if new == [node for _, _, node in nodes]:
        what, which = ("with a stride", "of stride 1")[:: 1 if delaying else -1]
        if only is None:
            place, origin = f"`{architecture.name}`", Origin(architecture.origin)
        else:
            place = architecture.stage_names[only]
            origin = architecture.stages[only].elements[0].origin
        raise error(
            "CTC405",
            outside_blocks(
                [node for s, _, node in trunk(architecture) if only in (None, s)],
                f"{place} has no pool {what} before a convolution {which}",
            ),
            at=origin,
            hint="; ".join(notes),
        )
    return PassResult(with_nodes(architecture, new), True, tuple(notes))
