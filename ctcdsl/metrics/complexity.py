"""What a network costs: multiply-accumulates by the paper's Eqn. 1, and parameters."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.ir import Block, Conv, ConvTranspose, Layer, Pair, Shape
from ctcdsl.lowering import layer_ops, lower
from ctcdsl.metrics.counts import op_macs, parameters
from ctcdsl.metrics.receptive_field import receptive_fields
from ctcdsl.ops.graph import OpNode

DEFINITION = (
    "MACs: multiply-accumulates of one image in the convolutional layers, Eqn. 1 of He & Sun"
    " 2015: the sum of n_(l-1) * s_l^2 * n_l * m_l^2. A MAC is two FLOPs. Fully connected"
    " layers are counted apart (fc MACs); pooling, activations and normalisation are not"
    " counted. Parameters are those of all layers, biases included."
)


class LayerCost(NamedTuple):
    """The cost of one layer for one image.

    `receptive_field` is the height and width, in pixels of the input, of what one output
    value depends on, over all branches that lead to it, as if the image went on beyond its
    borders. Where positions differ, it is the largest.
    """

    node: Node
    macs: int
    macs_fc: int
    params: int
    receptive_field: tuple[int, int]


class Cost(NamedTuple):
    """The cost of a network for a batch of images; one image by default.

    `depth` is the number of convolutional layers, the paper's d; `macs` are theirs,
    `macs_fc` those of the fully connected layers; `params` all weights and biases. Those
    of `layers` are for one image.
    """

    network: Network
    layers: tuple[LayerCost, ...]
    depth: int
    macs: int
    macs_fc: int
    params: int
    batch: int = 1

    def relative_to(self, other: Cost) -> float:
        """The MACs of an image as a share of another network's, Table 1's "complexity"."""
        if not isinstance(other, Cost):
            kind = type(other).__name__
            raise TypeError(f"relative_to takes the cost of the other network, not {kind}")
        return (self.macs / self.batch) / (other.macs / other.batch)

    def __repr__(self) -> str:
        images = "" if self.batch == 1 else f" for {self.batch} images"
        return (
            f"<Cost of {self.network.name}: {self.macs:,} MACs{images},"
            f" {self.macs_fc:,} in fc, {self.params:,} parameters>"
        )

    def _repr_html_(self) -> str:
        """The table of layers that a notebook shows."""
        from ctcdsl.metrics.html import as_html
        from ctcdsl.metrics.tables import layer_table

        return as_html(layer_table(self), caption=self.network.name)


def network_cost(network: Network, batch: int = 1) -> Cost:
    """Count a network, for a batch of images."""
    graph = lower(network)
    fields = receptive_fields(graph)
    ops: dict[str, list[OpNode]] = {}
    for op in graph.nodes:
        ops.setdefault(op.layer, []).append(op)
    layers: list[LayerCost] = []
    field = fields[graph.input.number]
    for node in network.layers:
        own = ops.get(node.name, [])
        macs, macs_fc = op_macs(own)
        field = fields[own[-1].output.number] if own else field
        layers.append(LayerCost(node, macs, macs_fc, parameters(own), field.size(node.output)))
    return Cost(
        network=network,
        layers=tuple(layers),
        depth=sum(isinstance(node.layer, Conv | ConvTranspose) for node in network.layers),
        macs=batch * sum(layer.macs for layer in layers),
        macs_fc=batch * sum(layer.macs_fc for layer in layers),
        params=sum(layer.params for layer in layers),
        batch=batch,
    )


def total_macs(network: Network) -> int:
    """The `macs` of `network_cost`, for those who count many networks and need no more."""
    return macs(network.nodes)


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
