"""Layers as calls: which module of PyTorch, or of the generated text, each one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ctcdsl.checking import Node
from ctcdsl.codegen.calls import Argument, Call, Number, Role, number, option
from ctcdsl.ir import (
    Activation,
    ActivationLayer,
    Block,
    Conv,
    Dropout,
    GlobalPool,
    Identity,
    Join,
    Layer,
    Linear,
    LocalResponseNorm,
    Norm,
    NormLayer,
    Pair,
    Pool,
    Scale,
    Shape,
    Shuffle,
    SpatialPyramid,
    SqueezeExcite,
    Style,
)

ACTIVATIONS: Mapping[Activation, tuple[str, str, bool]] = {
    "relu": ("nn.ReLU", "", True),
    "relu6": ("nn.ReLU6", "", True),
    "gelu": ("nn.GELU", "", False),
    "silu": ("nn.SiLU", "", True),
    "hswish": ("nn.Hardswish", "", True),
    "sigmoid": ("nn.Sigmoid", "", False),
    "tanh": ("nn.Tanh", "", False),
    "leaky": ("nn.LeakyReLU", "0.01", True),
}
"""Each activation's module, its argument, and whether it can work in place."""


class Layers:
    """Writes the layers of one network as calls.

    Args:
        style: The network's.
        use_helpers: Whether convolutions without a norm have a helper class too, where they
            are in the network's style.
    """

    def __init__(self, style: Style, *, use_helpers: bool) -> None:
        self._style = style
        self._use_helpers = use_helpers

    def chain(
        self,
        chain: Sequence[Node],
        blocks: Mapping[str, Call],
        *,
        may_overwrite: bool = False,
        vector: bool = False,
    ) -> list[Call]:
        """The calls of a chain.

        Args:
            chain: Its layers and blocks.
            blocks: The calls of its blocks, by name.
            may_overwrite: Whether its first layer may overwrite its input.
            vector: Whether its input is a vector.
        """
        calls: list[Call] = []
        for node in chain:
            if isinstance(node.layer, Linear) and not vector:
                calls.append(Call("nn.Flatten"))
            if isinstance(node.layer, Block):
                calls.append(blocks[node.name])
            else:
                calls += self.layer(node, node.layer, may_overwrite)
            may_overwrite = may_be_inplace(node, may_overwrite)
            vector = node.vector
        return calls

    def helper(self, conv: Conv) -> str | None:
        """The name of the helper class that makes a convolution, if one does."""
        if conv.norm is None:
            conv_style = (conv.norm, conv.activation, conv.preactivation)
            if not self._use_helpers or conv.activation is None or conv_style != tuple(self._style):
                return None
        parts = "".join(part.capitalize() for part in (conv.norm, conv.activation) if part)
        return f"{parts}Conv" if conv.preactivation else f"Conv{parts}"

    def layer(self, node: Node, layer: Layer, may_overwrite: bool = False) -> list[Call]:
        """The calls of one layer; `may_overwrite` where it may overwrite its input."""
        in_channels = node.input.channels
        note = map_note(node.output)
        match layer:
            case Conv():
                return self._conv(node, layer, may_overwrite)
            case Pool():
                reduction = "Max" if layer.reduction == "max" else "Avg"
                ceil = Argument(str(layer.ceil), "ceil_mode", "False")
                arguments = (
                    sides("kernel_size", layer.kernel, Role.KERNEL),
                    option("stride", layer.stride, Role.STRIDE),
                    sides("padding", node.padding, Role.PADDING, default="0"),
                    ceil,
                )
                return [Call(f"nn.{reduction}Pool2d", arguments, note)]
            case NormLayer(norm=norm):
                return [normalise(norm, in_channels, node.vector)]
            case ActivationLayer(activation=activation):
                return [activate(activation, may_overwrite)]
            case LocalResponseNorm():
                return [_local_response_norm(layer)]
            case SqueezeExcite():
                channels = number(in_channels, Role.CHANNELS)
                return [Call(gate_name(layer), (channels, number(layer.width, Role.CHANNELS)))]
            case Scale():
                return [Call("Scale", (number(in_channels, Role.CHANNELS),))]
            case Shuffle(groups=groups):
                return [Call("nn.ChannelShuffle", (number(groups, Role.GROUPS),))]
            case Identity():
                return [Call("nn.Identity")]
            case Dropout():
                return [Call("nn.Dropout", (Argument(str(layer.probability), "p"),))]
            case GlobalPool():
                reduction = "Max" if layer.reduction == "max" else "Avg"
                return [Call(f"nn.Adaptive{reduction}Pool2d", (Argument("1"),)), Call("nn.Flatten")]
            case SpatialPyramid(levels=levels):
                bins = tuple(Argument(str(level)) for level in levels)
                return [Call("SpatialPyramidPool", bins, f"{node.output.channels} features")]
            case Linear(activation=activation):
                features = (node.input.numel, node.output.channels)
                linear = Call("nn.Linear", tuple(number(n, Role.CHANNELS) for n in features))
                return [linear, *([activate(activation, True)] if activation else [])]

    def _conv(self, node: Node, conv: Conv, may_overwrite: bool) -> list[Call]:
        helper = self.helper(conv)
        has_bias = conv.norm is None
        arguments = (
            number(node.input.channels, Role.CHANNELS),
            number(conv.filters, Role.CHANNELS),
            sides("kernel_size", conv.kernel, Role.KERNEL),
            option("stride", conv.stride, Role.STRIDE, 1),
            sides("padding", node.padding, Role.PADDING, default="0"),
            option("dilation", conv.dilation, Role.DILATION, 1),
            option("groups", conv.groups, Role.GROUPS, 1),
            Argument(str(conv.bias), "bias", str(has_bias)),
        )
        call = Call(helper or "nn.Conv2d", arguments, map_note(node.output))
        if helper or conv.activation is None:
            return [call]
        if conv.preactivation:
            return [activate(conv.activation, may_overwrite), call]
        return [call, activate(conv.activation, True)]


def may_be_inplace(node: Node, may_overwrite: bool) -> bool:
    """Whether an activation may overwrite the output of a layer.

    It may not where another branch still needs it, nor where the layer needs its own
    output for its gradient, as activations do.

    Args:
        node: The layer.
        may_overwrite: Whether the layer may overwrite its input.
    """
    layer = node.layer
    match layer:
        case Conv():
            return layer.preactivation or layer.activation is None
        case Linear():
            return layer.activation is None
        case ActivationLayer():
            return False
        case Identity() | Dropout() | Shuffle():
            return may_overwrite
        case Block(join=Join.ADD):
            return len(node.branches) > 1 and node.activation is None
        case _:
            return True


def activate(activation: Activation, in_place: bool) -> Call:
    """An activation's call; in place where it can and may be."""
    function, argument, can = ACTIVATIONS[activation]
    arguments = (Argument(argument),) if argument else ()
    if can and in_place:
        arguments = (*arguments, Argument("True", "inplace"))
    return Call(function, arguments)


def normalise(norm: Norm, channels: int, vector: bool = False) -> Call:
    """A norm's call, for maps or for vectors."""
    in_channels = number(channels, Role.CHANNELS)
    if norm == "bn":
        return Call("nn.BatchNorm1d" if vector else "nn.BatchNorm2d", (in_channels,))
    if vector:
        return Call("nn.LayerNorm", (in_channels, Argument("1e-6", "eps")))
    return Call("LayerNorm2d", (in_channels,))


def _local_response_norm(layer: LocalResponseNorm) -> Call:
    arguments = (
        Argument(str(layer.size), "size"),
        Argument(repr(layer.alpha), "alpha", "0.0001"),
        Argument(repr(layer.beta), "beta", "0.75"),
        Argument(repr(layer.k), "k", "1.0"),
    )
    return Call("LocalResponseNormWithin" if layer.within else "nn.LocalResponseNorm", arguments)


def gate_name(layer: SqueezeExcite) -> str:
    """The class of a squeeze-and-excitation layer: that of ReLU has the plain name."""
    suffix = "" if layer.activation == "relu" else layer.activation.capitalize()
    return f"SqueezeExcite{suffix}"


def sides(keyword: str, values: Pair, role: Role, default: str | None = None) -> Argument:
    """A window's side, or both where they differ."""
    height, width = values
    if height == width:
        return Argument(Number(height, role), keyword, default)
    return Argument((Number(height, role), Number(width, role)), keyword, default)


def map_note(shape: Shape) -> str:
    """A map's shape as a comment: `64 x 56 x 56`."""
    return f"{shape.channels} x {shape.height} x {shape.width}"
