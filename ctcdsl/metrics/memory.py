"""How much memory training takes: an estimate from the maps, before anything is allocated.

Of a network of P parameters, on a batch of N images, with a bytes a value (4, or 2 in bf16):

    bytes = 12 P + (4 - a) P + N x max over layers l of (kept(1..l) + a x (in(l) + out(l)))

- 12 P: each parameter, its gradient and its momentum in float32; in bf16 a copy of 2 P besides.
- kept(1..l): what the layers up to l keep for the backward pass: the map a convolution, a pool or
  an fc layer gives; an index of 8 bytes for each value of a max pool; the input of a norm; the
  input of an activation that does not work in place; the mask of a dropout; the images themselves.
- a x (in(l) + out(l)): the gradients of the maps around the layer whose turn it is going backward,
  when what later layers kept is already free.

Work space of the libraries and what the allocator cannot use are not in it; `largest_batch` leaves
a tenth of the memory for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.ir import (
    Activation,
    ActivationLayer,
    Block,
    Conv,
    Dropout,
    GlobalPool,
    Identity,
    Linear,
    LocalResponseNorm,
    Pool,
    SpatialPyramid,
    SqueezeExcite,
)
from ctcdsl.ir.network import flat
from ctcdsl.metrics.complexity import network_cost

_INDEX = 8  # bytes of the place a maximum came from
_IN_PLACE = frozenset({None, "relu", "leaky"})  # backward needs the output alone
_HEADROOM = 0.1


class MemoryEstimate(NamedTuple):
    """The memory that training takes, in bytes."""

    static: int
    """Parameters, gradients, momenta."""
    saved: int
    """What an image keeps for the backward pass, at its end."""
    per_image: int
    """The most that an image takes at any time."""

    def training(self, batch: int) -> int:
        """Bytes for a step on so many images at once."""
        return self.static + batch * self.per_image

    def largest_batch(self, available: int) -> int:
        """The most images that a step fits in `available` bytes, 0 where not one does."""
        room = int(available * (1 - _HEADROOM)) - self.static
        return max(0, room // self.per_image)


def training_memory(network: Network, value: int = 4) -> MemoryEstimate:
    """What training `checked` takes, at `value` bytes for each value of a map."""
    params = network_cost(network).params
    image = network.input.numel
    # The image comes as bytes, becomes float32, and in bf16 is rounded once more.
    image_bytes = image * (1 + 4 + (value if value < 4 else 0))
    steps = list(_steps(network.nodes, value))
    saved, most = image_bytes, image_bytes
    for step in steps:
        saved += step.saved
        most = max(most, saved + step.gradients)
    return MemoryEstimate(static=12 * params + (4 - value) * params, saved=saved, per_image=most)


class _Step(NamedTuple):
    """What a layer saves, and the gradients that are alive during its backward pass."""

    saved: int
    gradients: int


def _steps(nodes: Iterable[Node], value: int) -> Iterable[_Step]:
    """The layers in the order of execution; a block's input waits for all its branches."""
    for node in nodes:
        for branch in node.branches:
            for inner, step in zip(flat(branch), _steps(branch, value), strict=True):
                block_gradient = value * node.output.numel  # waits meanwhile
                unneeded = value * inner.output.numel * (inner is branch[-1] and _linear(inner))
                yield _Step(step.saved - unneeded, step.gradients + block_gradient)
        map_gradients = value * (node.input.numel + node.output.numel)
        yield _Step(_saved(node, value), map_gradients)


def _linear(node: Node) -> bool:
    """Whether nobody needs the output once the block has added or joined it."""
    return isinstance(node.layer, Conv) and (
        node.layer.activation is None or node.layer.preactivation
    )


def _saved(node: Node, value: int) -> int:
    """Bytes that a layer keeps of one image, its output included."""
    inputs, outputs = node.input.numel, node.output.numel
    layer = node.layer
    match layer:
        case Conv():
            before = inputs if layer.preactivation else outputs
            maps = outputs + before * (layer.norm is not None)
            if layer.preactivation and layer.norm is None and layer.activation is not None:
                maps += inputs
            return value * (maps + before * _saves_input(layer.activation))
        case Pool(reduction=reduction) | GlobalPool(reduction=reduction):
            return outputs * (value + _INDEX * (reduction == "max"))
        case SpatialPyramid():
            return outputs * (2 * value + _INDEX)  # each level, and all of them side by side
        case Linear(activation=activation):
            return value * outputs * (1 + _saves_input(activation))
        case ActivationLayer(activation=activation):
            return value * outputs * _saves_input(activation)
        case Dropout():
            return outputs * (value + 4)
        case LocalResponseNorm():
            return 4 * 4 * outputs  # the squares, their means, the root, the quotient
        case SqueezeExcite(width=width):
            return value * (outputs + 2 * node.input.channels + 2 * width)
        case Block():
            return value * outputs * (1 + _saves_input(node.activation))
        case Identity():
            return 0
        case _:
            return value * outputs


def _saves_input(activation: Activation | None) -> int:
    """1 for an activation that keeps a map of its own."""
    return activation not in _IN_PLACE


def format_bytes(count: int) -> str:
    """A number of bytes for people: `1.2 GB`."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1000:.0f} kB"
