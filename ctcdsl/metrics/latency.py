"""How long a network takes on a device, predicted from its table of latencies, without torch.

The time of a forward pass is that of its operations,

    sum of hot + s (d + c) + 2 µs

where d is what an operation takes longer since its parameters come from memory, at the device's
bandwidth, and c what its code and all else take: of cold - hot the first and the rest. s says how
much of its data a network finds in memory rather than in caches: 0 where its parameters and its
largest operation fit in the cache of a core, 1 from 16 times that on. Where a network has computed
the like before, half of c is left. The time lies between 0.95 of the sum all hot and 1.1 of that
all cold.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import log
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.lowering import lower
from ctcdsl.metrics.latency_table import LatencyTable, damaged
from ctcdsl.metrics.machine import processor_name, torch_version
from ctcdsl.metrics.operation_time import counts_of, kind_of, parameters_of, proportions_of
from ctcdsl.ops.convolution import Conv2d
from ctcdsl.ops.graph import OpGraph, OpNode
from ctcdsl.ops.operators import Identity
from ctcdsl.text import Diagnostic, Severity, error
from ctcdsl.text.plural import plural

_VALUE = 4
"""Bytes of a float32."""
_OVERHEAD = 2e-6
"""Seconds from operation to operation: calls, and code that left the nearest cache."""
_COLD = 16
"""Times the cache of a core that a network's data need, to be found in memory."""
_LOW, _HIGH = 0.95, 1.1
"""The range of a prediction: of the time all hot, and all cold."""
_AGAIN = 0.5
"""How much of the time for cold code is left where a network has computed the like before."""
_MUCH_OUTSIDE = 0.1
"""The share of the time from which on operations outside of a table's range matter."""


class OpLatency(NamedTuple):
    """The predicted seconds of an operation, with operands in caches and in memory.

    It is `covered` where its proportions are within the range of those that the table was fitted
    to. `seconds` is its time in its network.
    """

    node: OpNode
    hot: float
    cold: float
    covered: bool
    seconds: float


class LayerLatency(NamedTuple):
    """The predicted seconds of a layer, and the least and the most that it may take."""

    seconds: float
    low: float
    high: float


class Latency:
    """The predicted time of a network's forward pass, for the table's batch.

    `ops` are its operations in order, but for identities.
    """

    def __init__(self, network: Network, table: LatencyTable, ops: tuple[OpLatency, ...]) -> None:
        self.network, self.table, self.ops = network, table, ops

    @cached_property
    def seconds(self) -> float:
        """The time of a pass."""
        return sum(op.seconds for op in self.ops)

    @property
    def low(self) -> float:
        """The least that a pass may take: 0.95 of its time with all operands in caches."""
        return _LOW * sum(op.hot for op in self.ops)

    @property
    def high(self) -> float:
        """The most that a pass may take: 1.1 times its time with all operands in memory."""
        return _HIGH * sum(op.cold + _OVERHEAD for op in self.ops)

    @cached_property
    def by_layer(self) -> dict[str, LayerLatency]:
        """The times of each of the network's `layers`, by name."""
        ops: dict[str, list[OpLatency]] = {node.name: [] for node in self.network.layers}
        for op in self.ops:
            ops[op.node.layer].append(op)
        return {
            name: LayerLatency(
                sum(op.seconds for op in own),
                _LOW * sum(op.hot for op in own),
                _HIGH * sum(op.cold + _OVERHEAD for op in own),
            )
            for name, own in ops.items()
        }

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What makes the prediction doubtful: operations unlike those that were measured."""
        outside = [op for op in self.ops if not op.covered]
        share = sum(op.seconds for op in outside) / self.seconds
        if share < _MUCH_OUTSIDE:
            return ()
        largest = max(outside, key=lambda op: op.seconds)
        kind = kind_of(largest.node)
        return (
            Diagnostic(
                code="CTC933",
                message=f"{100 * share:.0f}% of the time predicted for {self.network.name} is that"
                f" of {plural(len(outside), 'operation')} unlike those that were measured",
                path=self.table.path or None,
                notes=(
                    f"the largest is the {kind} of {largest.node.layer}, from"
                    f" {largest.node.inputs[0].shape} to {largest.node.output.shape}",
                ),
                hints=("measure the network itself: ctcdsl bench",),
                severity=Severity.WARNING,
            ),
        )

    def __repr__(self) -> str:
        low, high = 1e3 * self.low, 1e3 * self.high
        return (
            f"<Latency of {self.network.name}: {1e3 * self.seconds:.4g} ms, between {low:.4g} and"
            f" {high:.4g}, on {self.table.summary}>"
        )


def require_fit(table: LatencyTable | None, batch: int, precision: str) -> LatencyTable:
    """The table, where it holds for so many images in a precision.

    Raises:
        UserError: CTC732.
    """
    if table is None:
        raise error(
            "CTC732",
            "the time of a network is predicted from a table of its device, and there is none",
            hint="--latency device.json, which ctcdsl bench --table -o device.json makes",
        )
    if batch != table.batch:
        raise error(
            "CTC732",
            f"the latency table is of {plural(table.batch, 'image')} at a time, not of {batch}",
            path=table.path or None,
            hint=(
                f"ctcdsl bench --table --batch {batch} -o FILE makes one for {batch}",
                f"--batch {table.batch} predicts by this one",
            ),
        )
    if precision != "float32":
        raise error(
            "CTC732",
            f"the latency table is of float32, not of {precision}",
            path=table.path or None,
            hint=f"ctcdsl bench --precision {precision} measures the network itself",
        )
    return table


def predict(network: Network, table: LatencyTable) -> Latency:
    """Predict the time of a forward pass in float32, for the table's batch, threads and device.

    Raises:
        UserError: CTC734 where the table has no law of an operation's kind.
    """
    graph = lower(network)
    in_memory = _memory_share(graph, table)
    ops: list[OpLatency] = []
    known: dict[tuple[object, ...], tuple[float, float, bool]] = {}
    computed: set[object] = set()
    for node in graph.nodes:
        if isinstance(node.op, Identity):  # which code leaves out
            continue
        kind = kind_of(node)
        shape = (kind, node.op, *(value.shape for value in node.inputs))
        if shape not in known:
            known[shape] = _operation(node, kind, table)
        hot, cold, covered = known[shape]
        code = shape if isinstance(node.op, Conv2d) else kind  # oneDNN makes code for a shape
        more = _from_memory(hot, cold, _VALUE * parameters_of(node) / table.peaks.bytes)
        more = more if code not in computed else more._replace(code=_AGAIN * more.code)
        computed.add(code)
        seconds = hot + in_memory * sum(more) + _OVERHEAD
        ops.append(OpLatency(node, hot, cold, covered, seconds))
    return Latency(network, table, tuple(ops))


class _More(NamedTuple):
    """What an operation takes longer in memory: its data, and the rest."""

    data: float
    code: float


def _from_memory(hot: float, cold: float, transfer: float) -> _More:
    """The parts of cold - hot; `transfer` is the time of the parameters at full bandwidth."""
    difference = max(0.0, cold - hot)
    data = min(difference, transfer)
    return _More(data, difference - data)


def _operation(node: OpNode, kind: str, table: LatencyTable) -> tuple[float, float, bool]:
    law = table.laws.get(kind)
    if law is None:
        raise error(
            "CTC734",
            f"the latency table has no times of {kind}, which {node.layer} computes",
            path=table.path or None,
            notes=(f"it has those of {plural(len(table.laws), 'kind')} of operations",),
            hint="measure the network itself: ctcdsl bench",
        )
    counts, proportions = counts_of(node, table.batch), proportions_of(node, table.batch)
    if len(proportions) != len(law.scales):
        problem = f"the law of {kind} has {len(law.scales)} proportions, not {len(proportions)}"
        raise damaged(table.path, problem)
    return *law.seconds(counts, proportions), law.covers(proportions)


def _memory_share(graph: OpGraph, table: LatencyTable) -> float:
    """How much of its data a network finds in memory, from 0 to 1."""
    parameters = sum(map(parameters_of, graph.nodes))
    largest = max(map(_values, graph.nodes), default=0)
    needed = _VALUE * (parameters + table.batch * largest)
    return min(1.0, max(0.0, log(max(1, needed) / table.cache) / log(_COLD)))


def _values(node: OpNode) -> int:
    """The values of an operation's inputs and output, for one image."""
    return sum(value.shape.numel for value in node.inputs) + node.output.shape.numel


def doubts(latencies: Sequence[Latency]) -> list[Diagnostic]:
    """What makes predictions doubtful: a table of elsewhere, and networks unlike its operations."""
    notes = {latency.table.path: elsewhere(latency.table) for latency in latencies}
    warnings = [warning for latency in latencies for warning in latency.warnings]
    return [*filter(None, notes.values()), *warnings]


def elsewhere(table: LatencyTable) -> Diagnostic | None:
    """A note where a table is of another device, or another PyTorch, than there are here."""
    here, installed = processor_name(), torch_version()
    differences = []
    if table.processor != here:
        differences.append(f"it was made on {table.processor}, and this is {here}")
    if installed is not None and table.torch != installed:
        differences.append(f"it was made with torch {table.torch}, and this is torch {installed}")
    if not differences:
        return None
    return Diagnostic(
        code="CTC934",
        message="the latency table is not of this machine as it is",
        path=table.path or None,
        notes=tuple(differences),
        hints=("the times are those of the table's machine",),
        severity=Severity.NOTE,
    )
