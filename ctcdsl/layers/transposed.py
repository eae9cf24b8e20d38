"""Transposed convolutions `(k,n,up2)`, which double their map."""

from __future__ import annotations

from ctcdsl.layers.base import Context, LayerKind
from ctcdsl.layers.convolution import Conv, ConvLayer
from ctcdsl.layers.windows import report_groups
from ctcdsl.ops.convolution import ConvTranspose2d
from ctcdsl.ops.graph import Builder, Value
from ctcdsl.ops.record import replace
from ctcdsl.ops.shapes import Shape

FACTOR = 2


class ConvTranspose(ConvLayer):
    """A convolution with a stride the other way round: it spreads each position over `kernel`.

    `conv` has its filters, groups, norm, activation and bias; its map is twice as high and wide
    (Long et al. 2015; with 2x2 filters U-Net's "up-convolution", Ronneberger et al. 2015). It is
    a kind of its own, so that rewrites of convolutions leave it alone.
    """

    conv: Conv

    keyword = "conv_transpose"
    channelwise = False
    pixelwise = False
    widths = ()  # those of `conv`
    growth = FACTOR

    def without_activation(self) -> LayerKind | None:
        """It with the tag `linear`."""
        return replace(self, conv=replace(self.conv, activation=None))

    def form(self) -> LayerKind:
        """It without width."""
        return replace(self, conv=self.conv.form())

    @property
    def title(self) -> str:
        """Its kernel and its filters."""
        return f"{self.conv.title}, up 2"

    def infer(self, x: Shape, context: Context) -> Shape | None:
        """The doubled map; CTC207 for groups."""
        if self.conv.groups > 1:
            report_groups(self.conv.groups, x.channels, "input channels", self, context)
            report_groups(self.conv.groups, self.conv.filters, "filters", self, context)
        return Shape(self.conv.filters, FACTOR * x.height, FACTOR * x.width)

    def out_channels(self, channels: int) -> int:
        """Its filters."""
        return self.conv.filters

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """The transposed convolution; norm and activation after it, or before."""
        conv = self.conv
        if conv.preactivation:
            x = conv.normed(graph, x)
        op = ConvTranspose2d(
            in_channels=x.shape.channels,
            out_channels=conv.filters,
            kernel=conv.kernel,
            stride=(FACTOR, FACTOR),
            # Twice the map is (m - 1) 2 - 2 p + k + o: for even k p = (k - 2) / 2, for odd k
            # p = (k - 1) / 2 and one more at the end, o = 1.
            padding=((conv.kernel[0] - 1) // 2, (conv.kernel[1] - 1) // 2),
            output_padding=(conv.kernel[0] % 2, conv.kernel[1] % 2),
            groups=conv.groups,
            bias=conv.bias,
        )
        x = graph.add(op, x)
        return x if conv.preactivation else conv.normed(graph, x)
