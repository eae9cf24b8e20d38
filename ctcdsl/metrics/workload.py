"""A network and how it is run: what metrics measure."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ctcdsl.checking import Network
from ctcdsl.lowering import lower
from ctcdsl.metrics.counts import parameters, values_moved
from ctcdsl.ops.graph import OpGraph, OpNode
from ctcdsl.ops.tensor import FLOAT

if TYPE_CHECKING:
    from ctcdsl.metrics.latency import Latency
    from ctcdsl.metrics.latency_table import LatencyTable
    from ctcdsl.metrics.mcu import McuMemory
    from ctcdsl.metrics.memory import Memory
    from ctcdsl.metrics.step import Precision

VALUE_BYTES = {"float32": 4, "bf16": 2}
"""Bytes of a value of a map, by precision."""


class Workload:
    """A network, the images that it takes at once, and its precision.

    `batch` is the number of images; `precision` that of the maps: parameters are float32, as
    `train` keeps them. `latencies` is the table of a device, for times.
    """

    def __init__(
        self,
        network: Network,
        *,
        batch: int = 1,
        precision: str = "float32",
        latencies: LatencyTable | None = None,
    ) -> None:
        self.network = network
        self.batch = batch
        self.precision = precision
        self.latencies = latencies

    @property
    def value_bytes(self) -> int:
        """Bytes of a value of a map."""
        return VALUE_BYTES[self.precision]

    @property
    def images(self) -> str:
        """What a step takes, in words: `one image`, `8 images`."""
        return "one image" if self.batch == 1 else f"{self.batch} images"

    @property
    def device(self) -> str:
        """The device that times are predicted for, and how well they are; empty without a table."""
        if self.latencies is None:
            return ""
        return f"{self.latencies.summary}: {self.latencies.accuracy}"

    @cached_property
    def graph(self) -> OpGraph:
        """The network as operations."""
        return lower(self.network)

    @cached_property
    def memory(self) -> Memory:
        """What training and inference hold."""
        from ctcdsl.metrics.memory import network_memory

        precision: Precision = "bf16" if self.precision == "bf16" else "float32"
        return network_memory(self.network, self.batch, precision=precision)

    @cached_property
    def mcu(self) -> McuMemory:
        """What int8 inference of one image holds on a microcontroller."""
        from ctcdsl.metrics.mcu import mcu_memory

        return mcu_memory(self.network, self.graph)

    @cached_property
    def latency(self) -> Latency:
        """The predicted time of a forward pass.

        Raises:
            UserError: CTC732 there is no table, or one for another batch or precision; CTC734 the
                table has no times of an operation.
        """
        from ctcdsl.metrics.latency import predict, require_fit

        return predict(self.network, require_fit(self.latencies, self.batch, self.precision))

    @cached_property
    def layer_ops(self) -> tuple[tuple[OpNode, ...], ...]:
        """The operations of each of the network's `layers`; none for an identity."""
        ops: dict[str, list[OpNode]] = {}
        for op in self.graph.nodes:
            ops.setdefault(op.layer, []).append(op)
        return tuple(tuple(ops.get(node.name, ())) for node in self.network.layers)

    @property
    def traffic(self) -> list[int]:
        """The bytes that each of the network's `layers` reads and writes."""
        size = self.batch * self.value_bytes
        return [
            size * sum(map(values_moved, ops)) + FLOAT * parameters(ops) for ops in self.layer_ops
        ]
