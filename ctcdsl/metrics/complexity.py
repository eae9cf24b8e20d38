"""What a network costs, layer by layer: the values of every metric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from ctcdsl.checking import Network, Node
from ctcdsl.ir import Block, Layer, Pair, Shape
from ctcdsl.ir.network import flat
from ctcdsl.lowering import layer_ops
from ctcdsl.metrics.catalog import (
    ACTIVATION_BYTES,
    BUFFERS,
    DEPTH,
    INTENSITY,
    MACS,
    MACS_FC,
    PARAMS,
    RECEPTIVE_FIELD,
    TRAFFIC,
    TRAINING_MACS,
)
from ctcdsl.metrics.counts import op_macs
from ctcdsl.metrics.latency_metrics import LATENCY, LATENCY_HIGH, LATENCY_LOW
from ctcdsl.metrics.metric import Metric
from ctcdsl.metrics.workload import Workload

if TYPE_CHECKING:
    from ctcdsl.metrics.latency_table import LatencyTable

V = TypeVar("V")


class Figures:
    """The values of metrics: of a layer, of a block, or of a whole network."""

    def value(self, metric: Metric[V]) -> V:
        """The value of any metric of `ctcdsl.metrics.catalog`."""
        raise NotImplementedError

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the convolutions, Eqn. 1 of He & Sun 2015."""
        return self.value(MACS)

    @property
    def macs_fc(self) -> int:
        """Multiply-accumulates of the fully connected layers."""
        return self.value(MACS_FC)

    @property
    def training_macs(self) -> int:
        """Multiply-accumulates of a training step, forward and backward."""
        return self.value(TRAINING_MACS)

    @property
    def params(self) -> int:
        """All weights and biases."""
        return self.value(PARAMS)

    @property
    def buffers(self) -> int:
        """Values that are held and not trained, such as statistics of norms."""
        return self.value(BUFFERS)

    @property
    def activation_bytes(self) -> int:
        """Bytes of the outputs of layers."""
        return self.value(ACTIVATION_BYTES)

    @property
    def traffic(self) -> int:
        """Bytes that operations read and write."""
        return self.value(TRAFFIC)

    @property
    def intensity(self) -> float:
        """The arithmetic intensity: MACs for each byte of traffic."""
        return float(self.value(INTENSITY))

    @property
    def latency(self) -> float:
        """The predicted seconds of a forward pass, by the table of a device.

        Raises:
            UserError: CTC732 there is no table, or one for another batch or precision; CTC734 the
                table has no times of an operation.
        """
        return self.value(LATENCY)

    @property
    def latency_range(self) -> tuple[float, float]:
        """The least and the most seconds that a forward pass may take."""
        return self.value(LATENCY_LOW), self.value(LATENCY_HIGH)

    @property
    def receptive_field(self) -> tuple[int, int]:
        """Height and width, in pixels of the input, of what one output value depends on.

        Over all branches that lead to it, as if the image went on beyond its borders. Where
        positions differ, it is the largest.
        """
        return self.value(RECEPTIVE_FIELD)


class LayerCost(Figures):
    """The cost of a layer; `inside` a block, that of the layers that it contains."""

    def __init__(self, node: Node, cost: Cost, inside: Sequence[int]) -> None:
        self.node = node
        self._cost = cost
        self._inside = inside

    @property
    def count(self) -> int:
        """The layers that are counted: those inside of a block, and what joins them."""
        return len(self._inside)

    @property
    def alone(self) -> LayerCost:
        """Of a block what it costs itself: the operation that joins its branches."""
        return LayerCost(self.node, self._cost, self._inside[-1:])

    def value(self, metric: Metric[V]) -> V:
        """The value of a metric."""
        values = self._cost.by_layer(metric)
        return metric.total([values[index] for index in self._inside])

    def __repr__(self) -> str:
        return f"<LayerCost of {self.node.name}: {self.macs:,} MACs, {self.params:,} parameters>"


class Cost(Figures):
    """The cost of a network for a batch of images; one image by default.

    `depth` is the number of convolutional layers, the paper's d; `macs` are theirs, `macs_fc`
    those of the fully connected layers; `params` all weights and biases. `layers` has the cost
    of each layer. Metrics are measured when they are first asked for.
    """

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self._values: dict[str, Sequence[Any]] = {}

    @property
    def network(self) -> Network:
        """What is counted."""
        return self.workload.network

    @property
    def batch(self) -> int:
        """The images that are counted."""
        return self.workload.batch

    @cached_property
    def layers(self) -> tuple[LayerCost, ...]:
        """The cost of each of the network's layers, in order."""
        nodes = self.network.layers
        return tuple(LayerCost(node, self, (index,)) for index, node in enumerate(nodes))

    @property
    def depth(self) -> int:
        """The number of convolutional layers."""
        return self.value(DEPTH)

    def by_layer(self, metric: Metric[V]) -> Sequence[V]:
        """The values of a metric, one for each of `layers`."""
        if metric.key not in self._values:
            self._values[metric.key] = metric.by_layer(self.workload)
        return self._values[metric.key]

    def value(self, metric: Metric[V]) -> V:
        """The value of a metric for the whole network."""
        return metric.total(self.by_layer(metric))

    def part(self, node: Node) -> LayerCost:
        """The cost of a layer, or of a block with all that it contains."""
        return LayerCost(node, self, [self._index[inside.name] for inside in flat((node,))])

    @cached_property
    def _index(self) -> dict[str, int]:
        return {node.name: index for index, node in enumerate(self.network.layers)}

    def relative_to(self, other: Cost) -> float:
        """The MACs of an image as a share of another network's, Table 1's "complexity"."""
        if not isinstance(other, Cost):
            kind = type(other).__name__
            raise TypeError(f"relative_to takes the cost of the other network, not {kind}")
        return (self.macs / self.batch) / (other.macs / other.batch)

    def __repr__(self) -> str:
        images = "" if self.batch == 1 else f" for {self.workload.images}"
        return (
            f"<Cost of {self.network.name}: {self.macs:,} MACs{images},"
            f" {self.macs_fc:,} in fc, {self.params:,} parameters>"
        )

    def _repr_html_(self) -> str:
        """The table of layers that a notebook shows."""
        from ctcdsl.metrics.html import as_html
        from ctcdsl.metrics.tables import layer_table

        return as_html(layer_table(self), caption=self.network.name)


def network_cost(
    network: Network,
    *,
    batch: int = 1,
    precision: str = "float32",
    latencies: LatencyTable | None = None,
) -> Cost:
    """Count a network, for a batch of images; `latencies` is the table of a device, for times."""
    return Cost(Workload(network, batch=batch, precision=precision, latencies=latencies))


def macs(nodes: Iterable[Node]) -> int:
    """The MACs of the convolutions among nodes, blocks included, for one image."""
    total = 0
    for node in nodes:
        if node.branches:
            total += sum(map(macs, node.branches))
        elif not isinstance(node.layer, Block):
            total += _layer_macs(node.layer, node.input, node.output, node.padding, node.far)
    return total


@lru_cache(maxsize=4096)
def _layer_macs(layer: Layer, input: Shape, output: Shape, padding: Pair, far: Pair) -> int:
    """Those of one layer; kept, since rewrites count the same layers again."""
    return op_macs(layer_ops(Node("", None, layer, input, output, padding, far=far)))[0]
