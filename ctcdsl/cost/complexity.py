"""What a network costs: multiply-accumulates by the paper's Eqn. 1, and parameters."""

from __future__ import annotations

from typing import NamedTuple

from ctcdsl.check import CheckedNetwork, Placed
from ctcdsl.ir import Conv, Linear, Pool, convolution_macs

DEFINITION = (
    "MACs: multiply-accumulates of one image in the convolutional layers, Eqn. 1 of He & Sun"
    " 2015: the sum of n_(l-1) * s_l^2 * n_l * m_l^2. A MAC is two FLOPs. Fully connected"
    " layers are counted apart (fc MACs); pooling, activations and normalisation are not"
    " counted. Parameters are those of all layers, biases included."
)


class LayerCost(NamedTuple):
    """The cost of one layer for one image.

    `receptive_field` is the side, in pixels of the input, that one output value sees,
    over this and all earlier layers, as if the image went on beyond its borders.
    """

    placed: Placed
    macs: int
    macs_fc: int
    params: int
    receptive_field: tuple[int, int]


class NetworkCost(NamedTuple):
    """The cost of a network for one image.

    `depth` is the number of convolutional layers, the paper's d; `macs` are theirs,
    `macs_fc` those of the fully connected layers; `params` all weights and biases.
    """

    checked: CheckedNetwork
    layers: tuple[LayerCost, ...]
    depth: int
    macs: int
    macs_fc: int
    params: int


def network_cost(checked: CheckedNetwork) -> NetworkCost:
    """Count a network."""
    layers: list[LayerCost] = []
    field = (1, 1)  # of one value, in pixels: height and width
    step = 1  # between neighbouring values, in pixels
    for placed in checked.layers:
        layer = placed.layer
        macs = macs_fc = params = 0
        if isinstance(layer, Conv):
            macs = convolution_macs(placed.input.channels, layer.kernel, placed.output)
            params = (placed.input.channels * layer.kernel**2 + 1) * layer.filters
        elif isinstance(layer, Linear):
            macs_fc = placed.input.numel * placed.output.numel
            params = macs_fc + placed.output.numel
        if isinstance(layer, Conv | Pool):
            grown = (layer.kernel - 1) * step
            field = (field[0] + grown, field[1] + grown)
            step *= layer.stride
        elif placed.output.height == 1 and placed.output.width == 1:
            # The head sees the whole map; behind its first layer nothing grows.
            height, width = placed.input.height, placed.input.width
            field = (field[0] + (height - 1) * step, field[1] + (width - 1) * step)
        layers.append(
            LayerCost(
                placed=placed, macs=macs, macs_fc=macs_fc, params=params, receptive_field=field
            )
        )
    return NetworkCost(
        checked=checked,
        layers=tuple(layers),
        depth=sum(1 for _ in checked.convolutions()),
        macs=sum(layer.macs for layer in layers),
        macs_fc=sum(layer.macs_fc for layer in layers),
        params=sum(layer.params for layer in layers),
    )
