"""Convolutions `(k,n,tags)`: the filters, and the norm and activation that go with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from ctcdsl.layers.activations import ACTIVATIONS, Activation
from ctcdsl.layers.arguments import Declaration
from ctcdsl.layers.base import Context, LayerKind, MapLayer
from ctcdsl.layers.norms import NORMS, Norm
from ctcdsl.layers.standardisation import EPS, Standardisation
from ctcdsl.layers.style import Style
from ctcdsl.layers.windows import SlidingWindow, report_groups
from ctcdsl.ops.convolution import Conv2d, StdConv2d, ZeroPad2d
from ctcdsl.ops.graph import Builder, Value
from ctcdsl.ops.record import replace
from ctcdsl.ops.shapes import Pair, Shape, format_sides, output_size


class Tag(NamedTuple):
    """A word that a convolution takes: what it means, how it is written, what it takes itself."""

    summary: str
    example: str
    arguments: tuple[Declaration, ...] = ()


TAGS = {
    "linear": Tag("no activation", "(1,64,linear)"),
    "up2": Tag("transposed: the map doubles", "(2,64,up2)"),
    "bare": Tag("neither norm nor activation", "(7,64,bare)"),
    "bias": Tag("with a bias", "(3,64,bias)"),
    "nobias": Tag("without a bias", "(3,64,nobias)"),
    "ws": Tag("weight standardisation: ws, ws(eps)", "ws(1e-8)", (EPS,)),
    "nows": Tag("without weight standardisation", "(3,64,nows)"),
}
"""The words that a convolution takes beside norms and activations."""

EXCLUSIVE = (
    (tuple(NORMS), "norm"),
    (("linear", *ACTIVATIONS), "activation"),
    (("bias", "nobias"), "of them"),
    (("ws", "nows"), "of them"),
)
"""Of each of these lists of words a convolution takes one; how a message calls it."""


class ConvLayer(MapLayer, abstract=True):
    """A layer that convolves: what makes a stage, and what depth counts.

    `conv` says its filters, its norm and its activation.
    """

    @property
    def conv(self) -> Conv:
        """Its filters, norm and activation."""
        raise NotImplementedError

    @property
    def last_activation(self) -> Activation | None:
        """Its activation, unless that precedes it."""
        return None if self.conv.preactivation else self.conv.activation


class Conv(SlidingWindow, ConvLayer):
    """`filters` filters of `kernel`, then the norm and the activation.

    With `preactivation` norm and activation precede the convolution instead. Depthwise
    convolutions have as many groups as filters.
    """

    filters: int
    groups: int = 1
    dilation: Pair = (1, 1)
    norm: Norm | None = None
    activation: Activation | None = Activation("relu")
    bias: bool = True
    preactivation: bool = False
    standardisation: Standardisation | None = None

    keyword = "conv"
    channelwise = False
    pixelwise = False
    widths = ("filters",)

    @property
    def conv(self) -> Conv:
        """Itself."""
        return self

    def without_activation(self) -> LayerKind | None:
        """It with the tag `linear`."""
        return replace(self, activation=None)

    def form(self) -> LayerKind:
        """It without width and stride: those that are depthwise are alike."""
        groups = 0 if 1 < self.groups == self.filters else self.groups
        return replace(self, filters=1, stride=(1, 1), groups=groups)

    @property
    def title(self) -> str:
        """Its kernel and its filters."""
        return f"{self.kernel[0]}×{self.kernel[1]}, {self.filters}"

    @property
    def extent(self) -> Pair:
        """The side of the window, the gaps of its dilation included."""
        if self.dilation == (1, 1):
            return self.kernel
        height, width = (d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        return height, width

    @property
    def dilated(self) -> str:
        """What a message says of its dilation."""
        return "" if self.dilation == (1, 1) else f" (dilation {format_sides(self.dilation)})"

    @property
    def norm_word(self) -> str:
        """The word of its norm; empty where it has none."""
        return self.norm.word if self.norm is not None else ""

    def output(self, x: Shape, padding: Pair, far: Pair = (0, 0)) -> Shape:
        """The map of its windows; it floors."""
        height, width = x.height + far[0], x.width + far[1]
        kernel_h, kernel_w = self.extent
        stride_h, stride_w = self.stride
        out = output_size(height, kernel_h, stride_h, padding[0])
        square = width == height and kernel_w == kernel_h and stride_w == stride_h
        if square and padding[0] == padding[1]:
            return Shape(self.filters, out, out)
        return Shape(self.filters, out, output_size(width, kernel_w, stride_w, padding[1]))

    def infer(self, x: Shape, context: Context) -> Shape | None:
        """The map of its windows; CTC201 where not one fits, CTC207 for groups, CTC209."""
        output = self.output(x, context.padding, context.far)
        if output.height < 1 or output.width < 1:
            self.report_too_large(x, context)
            return None
        if self.groups > 1:
            report_groups(self.groups, x.channels, "input channels", self, context)
            report_groups(self.groups, self.filters, "filters", self, context)
        if self.norm is not None and self.norm.groups:
            count, noun = self.filters, "filters"
            if self.preactivation:
                count, noun = x.channels, "input channels"
            report_groups(self.norm.groups, count, noun, self, context)
        one = self.kernel == (1, 1) and x.channels == self.groups
        if self.standardisation is not None and one:
            context.error(
                "CTC209",
                "a standardised filter of one weight is 0: the weight is its own mean",
                self.origin,
                hint="`nows` leaves the weight as it is",
            )
        return output

    def out_channels(self, channels: int) -> int:
        """Its filters."""
        return self.filters

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """The convolution; norm and activation after it, or before."""
        if self.preactivation:
            x = self.normed(graph, x)
        if context.far != (0, 0):
            x = graph.add(ZeroPad2d(below=context.far[0], right=context.far[1]), x)
        x = graph.add(self.op(x.shape.channels, context.padding), x)
        return x if self.preactivation else self.normed(graph, x)

    def op(self, in_channels: int, padding: Pair) -> Conv2d:
        """The convolution alone."""
        make: Callable[..., Conv2d] = Conv2d
        if self.standardisation is not None:
            make = partial(StdConv2d, eps=self.standardisation.eps)
        return make(
            in_channels=in_channels,
            out_channels=self.filters,
            kernel=self.kernel,
            stride=self.stride,
            padding=padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
        )

    def normed(self, graph: Builder, x: Value) -> Value:
        """Add its norm and its activation to a graph."""
        if self.norm is not None:
            x = self.norm.add(graph, x)
        return self.activation.add(graph, x) if self.activation is not None else x

    def tagged(self, words: Sequence[str | Norm | Activation | Standardisation]) -> Conv:
        """The convolution with the tags after its numbers; `bare` first, so that others add."""
        conv = self
        if "bare" in words:
            conv = replace(conv, norm=None, activation=None)
        if "linear" in words:
            conv = replace(conv, activation=None)
        for word in words:
            if isinstance(word, Norm):
                conv = replace(conv, norm=word)
            elif isinstance(word, Activation):
                conv = replace(conv, activation=word)
            elif isinstance(word, Standardisation):
                conv = replace(conv, standardisation=word)
            elif word == "nows":
                conv = replace(conv, standardisation=None)
            elif word in ("bias", "nobias"):
                conv = replace(conv, bias=word == "bias")
        return conv

    def tags(self, style: Style) -> list[str]:
        """The words in which it differs from a style."""
        tags: list[str] = []
        if (self.norm, self.activation) == (style.norm, style.activation):
            pass
        elif self.norm is None and self.activation is None:
            tags.append("bare" if style.norm else "linear")
        else:
            implied = style.activation
            if self.norm is None and style.norm is not None:
                tags.append("bare")
                implied = None
            elif self.norm is not None and self.norm != style.norm:
                tags.append(style.written(self.norm))
            if self.activation != implied:
                tags.append(style.written(self.activation) if self.activation else "linear")
        if self.bias != (style.norm is None):
            tags.append("bias" if self.bias else "nobias")
        if self.standardisation != style.standardisation:
            own = self.standardisation
            tags.append("nows" if own is None else style.written(own))
        return tags
