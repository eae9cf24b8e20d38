"""Squeeze and excitation: `se(16)`, `se(c/4,relu,hsigmoid)`, `se(16,nobias)`."""

from __future__ import annotations

import re

from ctcdsl.layers.activations import Activation
from ctcdsl.layers.arguments import Flag, Function, Integer
from ctcdsl.layers.base import MAX_WIDTH, Context, Helper, SameShapeLayer, layer
from ctcdsl.layers.style import Style
from ctcdsl.ops.calls import channels
from ctcdsl.ops.convolution import Conv2d
from ctcdsl.ops.graph import Builder, Value
from ctcdsl.ops.operators import Multiply
from ctcdsl.ops.pooling import GlobalPool2d

_SIGMOID = Activation("sigmoid")


def _style_activation(style: Style) -> Activation | None:
    return style.activation or Activation("relu")


def _sigmoid(style: Style) -> Activation | None:
    return _SIGMOID


@layer(
    "se",
    summary="squeeze and excitation through w channels, with its two activations",
    example="se(c/4)",
    arguments=(
        Integer("width", 1, MAX_WIDTH, "the width of `se`"),
        Function("activation", "its activation", _style_activation),
        Function("gate", "the activation of its gate", _sigmoid),
        Flag("bias", "nobias", "without a bias", "se(16,nobias)", value=False),
    ),
)
class SqueezeExcite(SameShapeLayer):
    """Scales channels by a gate computed from their means (Hu et al. 2018, Section 3).

    Means, a 1x1 convolution to `width` channels, `activation`, one back, `gate`.
    """

    width: int
    activation: Activation
    gate: Activation = _SIGMOID
    bias: bool = True

    keyword = "se"
    channelwise = False
    pixelwise = False
    widths = ("width",)
    last_activation = None

    @property
    def title(self) -> str:
        """Its width."""
        return f"squeeze-excite {self.width}"

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """The means, two convolutions of 1x1, and the product."""
        width, full = self.width, x.shape.channels
        gate = graph.add(GlobalPool2d(reduction="avg"), x)
        reduce = Conv2d(in_channels=full, out_channels=width, kernel=(1, 1), bias=self.bias)
        expand = Conv2d(in_channels=width, out_channels=full, kernel=(1, 1), bias=self.bias)
        gate = self.activation.add(graph, graph.add(reduce, gate, role="reduce"))
        gate = self.gate.add(graph, graph.add(expand, gate, role="expand"))
        return graph.add(Multiply(), x, gate)

    def helper(self, in_channels: int) -> Helper | None:
        """The gate as a class; that of ReLU and sigmoid has the plain name."""
        parts = ["" if self.activation.word == "relu" else _name(self.activation)]
        parts += ["" if self.gate == _SIGMOID else _name(self.gate)]
        parts += [] if self.bias else ["NoBias"]
        arguments = (channels(in_channels), channels(self.width))
        paths = tuple(f"gate.{k}" for k in range(5))
        return Helper(f"SqueezeExcite{''.join(parts)}", "squeeze_excite", arguments, paths)


def _name(activation: Activation) -> str:
    return re.sub(r"\W", "", str(activation)).capitalize()
