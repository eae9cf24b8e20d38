"""The layers of a network: one frozen dataclass a kind.

`origin` is its place in the author's text; it survives rewrites, so that an error in a
rewritten layer still points at the author's line. Equality ignores it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ctcdsl.text import Origin

Reduction = Literal["max", "avg"]
Norm = Literal["bn", "ln"]
Activation = Literal["relu", "relu6", "gelu", "silu", "hswish", "sigmoid", "tanh", "leaky"]
TITLES: Mapping[str, str] = {
    "bn": "batch norm",
    "ln": "layer norm",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "gelu": "GELU",
    "silu": "SiLU",
    "hswish": "Hardswish",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "leaky": "leaky ReLU",
}
"""Norms and activations as papers write them."""
Pair = tuple[int, int]
"""Height and width of a window, or the padding above and below, left and right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv:
    """`filters` filters of `kernel`, then the norm and the activation.

    With `preactivation` norm and activation precede the convolution instead.
    `padding` is what the author wrote, in pixels on each side; None leaves it to the
    network's padding rule. Depthwise convolutions have as many groups as filters.
    """

    filters: int
    kernel: Pair
    stride: int = 1
    padding: Pair | None = None
    groups: int = 1
    dilation: int = 1
    norm: Norm | None = None
    activation: Activation | None = "relu"
    bias: bool = True
    preactivation: bool = False
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A sliding-window pool; its map floors unless `ceil`.

    `grouped` where it is in braces, which keep it padded even if it covers its whole map.
    """

    reduction: Reduction
    kernel: Pair
    stride: int
    padding: Pair | None = None
    ceil: bool = False
    grouped: bool = False
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NormLayer:
    """A norm on its own: of each channel over the batch, or of the channels of each pixel."""

    norm: Norm
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationLayer:
    """An activation on its own."""

    activation: Activation
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalResponseNorm:
    """x / (k + alpha * mean of x^2)^beta over neighbours (Krizhevsky et al. 2012, 3.3).

    The neighbours are `size` channels, or with `within` a window of `size` x `size` in
    the channel's own map.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0
    within: bool = False
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqueezeExcite:
    """Scales channels by a gate computed from their means (Hu et al. 2018, Section 3).

    Means, a 1x1 convolution to `width` channels, `activation`, one back, sigmoid.
    """

    width: int
    activation: Activation
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A learned factor for each channel, small at first (LayerScale, Touvron et al. 2021)."""

    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffle:
    """Deals channels out over `groups` in turn (ShuffleNet, Zhang et al. 2018)."""

    groups: int
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Changes nothing: the branch of a block that passes its input on."""

    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout:
    """Zeroes each input with `probability` in training."""

    probability: float
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalPool:
    """The average, or the maximum, of each channel's map: a vector of channels."""

    reduction: Reduction = "avg"
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialPyramid:
    """Max pooling into n x n bins for each level n, concatenated (He & Sun 2015, Section 5)."""

    levels: tuple[int, ...]
    origin: Origin = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Fully connected: `features` outputs, then `activation`; None is the linear classifier."""

    features: int | None
    activation: Activation | None = None
    origin: Origin = field(compare=False)


MapOrVectorLayer = NormLayer | ActivationLayer | Dropout | Identity
"""The layers that take a map as well as a vector."""
TrunkLayer = Conv | Pool | LocalResponseNorm | SqueezeExcite | Scale | Shuffle | MapOrVectorLayer
VectorLayer = GlobalPool | SpatialPyramid | Linear
"""The layers whose output is a vector: the first of them begins a head without a name."""
Layer = TrunkLayer | VectorLayer
SlidingWindow = Conv | Pool
"""The layers that slide a window over a map: those with kernel, stride and padding."""


def keyword(layer: Layer) -> str:
    """The keyword of a layer's kind."""
    match layer:
        case Conv():
            return "conv"
        case Pool():
            return "pool"
        case LocalResponseNorm():
            return "lrn"
        case SqueezeExcite():
            return "se"
        case Linear():
            return "fc"
        case SpatialPyramid():
            return "spp"
        case Dropout():
            return "drop"
        case Shuffle():
            return "shuffle"
        case NormLayer(norm=norm):
            return norm
        case ActivationLayer(activation=activation):
            return activation
        case GlobalPool(reduction=reduction):
            return "gap" if reduction == "avg" else "gmp"
        case Scale():
            return "scale"
        case Identity():
            return "id"
