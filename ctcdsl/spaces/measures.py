"""Metrics that can be put together from the parts of a network, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, cast

from ctcdsl.ir import Architecture, Conv, SlidingWindow
from ctcdsl.ir.network import Network, Node, flat
from ctcdsl.lowering import layer_ops
from ctcdsl.metrics.catalog import ACTIVATION_BYTES, BUFFERS, DEPTH, MACS, MACS_FC, PARAMS
from ctcdsl.metrics.mcu import PartMemory, part_memory
from ctcdsl.metrics.memory_metrics import MCU_MEMORY
from ctcdsl.metrics.metric import Metric
from ctcdsl.metrics.workload import Workload
from ctcdsl.ops.graph import OpNode

_LOCAL = (DEPTH, MACS, MACS_FC, PARAMS, BUFFERS, ACTIVATION_BYTES)
"""Metrics of single layers: a network's is the sum of theirs."""

NOTHING = -(10**18)
"""The largest of no parts."""


class Part:
    """Some layers of a network, one after another, as a workload of their own."""

    def __init__(
        self,
        nodes: Sequence[Node],
        of: Callable[[], Architecture],
        conditions: Mapping[str, Any],
        *,
        after_one: bool = False,
        inside: bool = False,
        join: bool = False,
        entering: int = 0,
        kept: bool = False,
    ) -> None:
        """Layers; `after_one` where a 1x1 convolution precedes, `inside` for those of a branch.

        With `join` they are a block, and only what joins its branches counts. `entering` are the
        bytes of the buffer that their input is in; `kept` says whether others read it later.
        """
        self.nodes = nodes
        self.after_one = after_one
        self.inside = inside
        self.join = join
        self._entering = entering
        self._kept = kept
        self._of = of
        self._conditions = conditions

    @cached_property
    def local(self) -> Workload:
        """The layers, for metrics of single ones: without blocks each is lowered by itself."""
        if any(node.branches for node in self.nodes):
            return self.whole
        return _Layers(self.nodes, self._conditions)

    @cached_property
    def whole(self) -> Workload:
        """The layers as a network."""
        return Workload(Network(self._of(), tuple(self.nodes)), **self._conditions)

    @cached_property
    def memory(self) -> PartMemory:
        """What a microcontroller holds while the layers run."""
        return part_memory(self.whole.graph, self._entering, kept=self._kept)


class _Layers(Workload):
    """Layers without blocks, lowered one by one."""

    def __init__(self, nodes: Sequence[Node], conditions: Mapping[str, Any]) -> None:
        super().__init__(cast("Network", _Nodes(nodes)), **conditions)
        ops: list[tuple[OpNode, ...]] = []
        vector = False
        for node in nodes:
            ops.append(tuple(layer_ops(node, vector=vector)))
            vector = node.vector
        self.__dict__["layer_ops"] = tuple(ops)


class _Nodes:
    """What metrics of single layers ask of a network."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.layers = nodes


class Measure(NamedTuple):
    """What a part of a network costs: parts add up, or the largest counts.

    `metric` is None for what only guard rails ask.
    """

    name: str
    of: Callable[[Part], int]
    adds: bool
    metric: Metric[Any] | None = None


def nothing(measures: Sequence[Measure]) -> tuple[int, ...]:
    """What no parts cost."""
    return tuple([0 if measure.adds else NOTHING for measure in measures])


def combine(
    measures: Sequence[Measure], one: Sequence[int], other: Sequence[int]
) -> tuple[int, ...]:
    """What two parts cost together."""
    return tuple(
        a + b if measure.adds else max(a, b)
        for measure, a, b in zip(measures, one, other, strict=True)
    )


def measure_of(metric: Metric[Any]) -> Measure | None:
    """The measure of a metric; None where only a whole network has a value."""
    if metric in _LOCAL:

        def local(part: Part) -> int:
            values = metric.by_layer(part.local) if part.nodes else []
            value: int = metric.total(values[-1:] if part.join else values)
            return value

        return Measure(metric.name, local, True, metric)
    if metric is MCU_MEMORY:

        def most(part: Part) -> int:
            return NOTHING if part.join or not part.nodes else part.memory.peak

        return Measure(metric.name, most, False, metric)
    return None


def _narrowest(part: Part) -> int:
    if part.join:
        return NOTHING
    filters = (
        -node.layer.filters
        for node in flat(part.nodes)
        if isinstance(node.layer, Conv) and node.layer.groups == 1
    )
    return max(filters, default=NOTHING)


NARROWEST = Measure("narrowest", _narrowest, False)
"""The least filters of a convolution that is not depthwise, with its sign turned."""


def _chains(part: Part) -> int:
    count, one = 0, part.after_one
    if part.inside:
        return 0
    for node in part.nodes:
        is_one = ends_with_one((node,), one)
        count += one and is_one and isinstance(node.layer, Conv)
        one = is_one
    return count


def ends_with_one(nodes: Sequence[Node], one: bool) -> bool:
    """Whether the last window of layers is a 1x1 convolution; `one` before them."""
    for node in reversed(nodes):
        if node.branches:
            return False
        if isinstance(node.layer, SlidingWindow):
            return isinstance(node.layer, Conv) and node.layer.kernel == (1, 1)
    return one


CHAINS = Measure("chains", _chains, True)
"""The 1x1 convolutions outside of brackets that follow another one."""
