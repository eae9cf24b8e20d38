"""A network and how it is run: what metrics measure."""

from __future__ import annotations

from functools import cached_property

from ctcdsl.checking import Network
from ctcdsl.lowering import lower
from ctcdsl.ops.graph import OpGraph, OpNode

VALUE_BYTES = {"float32": 4, "bf16": 2}
"""Bytes of a value of a map, by precision."""


class Workload:
    """A network, the images that it takes at once, and its precision.

    `batch` is the number of images; `precision` that of the maps: parameters are float32, as
    `train` keeps them.
    """

    def __init__(self, network: Network, *, batch: int = 1, precision: str = "float32") -> None:
        self.network = network
        self.batch = batch
        self.precision = precision

    @property
    def value_bytes(self) -> int:
        """Bytes of a value of a map."""
        return VALUE_BYTES[self.precision]

    @property
    def images(self) -> str:
        """What a step takes, in words: `one image`, `8 images`."""
        return "one image" if self.batch == 1 else f"{self.batch} images"

    @cached_property
    def graph(self) -> OpGraph:
        """The network as operations."""
        return lower(self.network)

    @cached_property
    def layer_ops(self) -> tuple[tuple[OpNode, ...], ...]:
        """The operations of each of the network's `layers`; none for an identity."""
        ops: dict[str, list[OpNode]] = {}
        for op in self.graph.nodes:
            ops.setdefault(op.layer, []).append(op)
        return tuple(tuple(ops.get(node.name, ())) for node in self.network.layers)
