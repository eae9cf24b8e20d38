"""Delayed subsampling: the stride moves from a pool to the convolution behind it, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from ctcdsl.check import CheckedNetwork
from ctcdsl.ir import Conv, Dropout, LocalResponseNorm, Node, Pool
from ctcdsl.passes.base import PassResult, Promise, refuse
from ctcdsl.passes.site import stage_index, trunk, with_nodes

Exchange = Callable[[Pool, Node], tuple[Pool, Conv] | None]
"""A pool and the node behind it to those that replace them; None where they do not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelaySubsample:
    """Let pools filter with stride 1, and the next convolution subsample in their place.

    All pools with a convolution behind them, or those of one stage.

    delay-subsample

        (7,64)/2 3/3 (2,128)x4 2/2 (2,256)x2
        (7,64)/2 3/1 (2,128)/3+(2,128)x3 2/1 (2,256)/2+(2,256)
    """

    name: ClassVar[str] = "delay-subsample"
    summary: ClassVar[str] = "a pool's stride onto the convolution behind it"
    section: ClassVar[str] = "4.6"
    preserves: ClassVar[Promise] = Promise.COMPLEXITY

    stage: str | None = None

    def run(self, checked: CheckedNetwork) -> PassResult:
        """Rewrite a network; CTC405 where no pool can give its stride."""
        return _move(checked, self.stage, _delayed, "a pool with a stride")


@dataclass(frozen=True, slots=True, kw_only=True)
class UndelaySubsample:
    """Give pools of stride 1 the stride of the convolution behind them: the way back.

    undelay-subsample

        (7,64)/2 3/1 (2,128)/3+(2,128)x3
        (7,64)/2 3/3 (2,128)x4
    """

    name: ClassVar[str] = "undelay-subsample"
    summary: ClassVar[str] = "a convolution's stride back onto the pool before it"
    section: ClassVar[str] = "4.6"
    preserves: ClassVar[Promise] = Promise.COMPLEXITY

    stage: str | None = None

    def run(self, checked: CheckedNetwork) -> PassResult:
        """Rewrite a network; CTC405 where no pool stands before a strided convolution."""
        return _move(
            checked, self.stage, _undelayed, "a pool of stride 1 before a strided convolution"
        )


def behind_pool(nodes: list[tuple[int, int, Node]], at: int) -> tuple[int, Node] | None:
    """The node that takes or gives the stride of the pool at `at`, and where it stands.

    Layers that leave the map alone may stand between; None at the end of the trunk.
    """
    for k in range(at + 1, len(nodes)):
        node = nodes[k][2]
        if not isinstance(node, LocalResponseNorm | Dropout):
            return k, node
    return None


def _move(checked: CheckedNetwork, stage: str | None, pair: Exchange, what: str) -> PassResult:
    network = checked.network
    only = None if stage is None else stage_index(network, stage)
    nodes = trunk(network)
    new = [node for _, _, node in nodes]
    remarks: list[str] = []
    moved = 0
    for at, (index, _, node) in enumerate(nodes):
        if not isinstance(node, Pool) or (only is not None and index != only):
            continue
        found = behind_pool(nodes, at)
        if found is None:
            continue
        k, target = found
        exchange = pair(node, target)
        if exchange is not None:
            new[at], new[k] = exchange
            moved += 1
        elif not isinstance(target, Conv):
            remarks.append(f"`{node.origin.text}` stays: behind it stands no plain convolution")
    if not moved:
        place = f"`{network.name}`" if only is None else network.stage_names[only]
        raise refuse("CTC405", f"{place} has not {what}", network.origin)
    return PassResult(with_nodes(network, new), True, tuple(remarks))


def _delayed(pool: Pool, target: Node) -> tuple[Pool, Conv] | None:
    if pool.stride == 1 or not isinstance(target, Conv) or target.stride != 1:
        return None
    return replace(pool, stride=1), replace(target, stride=pool.stride)


def _undelayed(pool: Pool, target: Node) -> tuple[Pool, Conv] | None:
    if pool.stride != 1 or not isinstance(target, Conv) or target.stride == 1:
        return None
    return replace(pool, stride=target.stride), replace(target, stride=1)
