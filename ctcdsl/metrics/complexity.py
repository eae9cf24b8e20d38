"""What a network costs: multiply-accumulates by the paper's Eqn. 1, and parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.ir import (
    Conv,
    Linear,
    NormLayer,
    Scale,
    SqueezeExcite,
    convolution_macs,
)
from ctcdsl.metrics.receptive_field import IMAGE, Field, union

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
    layers: list[LayerCost] = []
    _count(network.nodes, IMAGE, layers)
    return Cost(
        network=network,
        layers=tuple(layers),
        depth=sum(1 for _ in network.convolutions()),
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
        total += _macs(node)
        for branch in node.branches:
            total += macs(branch)
    return total


def _count(nodes: Iterable[Node], field: Field, into: list[LayerCost]) -> Field:
    """Add the costs of a chain that `field` enters; return the field after it."""
    for node in nodes:
        ends = [_count(branch, field, into) for branch in node.branches]
        field = union(ends) if ends else field.through(node)
        macs = macs_fc = 0
        if isinstance(node.layer, Linear):
            macs_fc = node.input.numel * node.output.numel
        else:
            macs = _macs(node)
        into.append(LayerCost(node, macs, macs_fc, _params(node), field.size(node)))
    return field


def _macs(node: Node) -> int:
    """The MACs of a layer's convolutions; those of `se` work on maps of 1x1."""
    layer = node.layer
    if isinstance(layer, Conv):
        return convolution_macs(node.input.channels, layer.kernel, node.output, layer.groups)
    if isinstance(layer, SqueezeExcite):
        return 2 * node.input.channels * layer.width
    return 0


def _params(node: Node) -> int:
    """A layer's weights, biases, and the scales and shifts of its norm."""
    in_channels, layer = node.input.channels, node.layer
    match layer:
        case Conv(filters=filters):
            weights = in_channels // layer.groups * layer.kernel[0] * layer.kernel[1] * filters
            normed = in_channels if layer.preactivation else filters
            return weights + filters * layer.bias + 2 * normed * (layer.norm is not None)
        case Linear():
            return node.input.numel * node.output.numel + node.output.numel
        case SqueezeExcite(width=width):
            return 2 * in_channels * width + width + in_channels
        case NormLayer():
            return 2 * in_channels
        case Scale():
            return in_channels
        case _:
            return 0
