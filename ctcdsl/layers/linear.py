"""Fully connected layers: `fc(4096)`, and `fc` alone, the classifier."""

from __future__ import annotations

from ctcdsl.layers.activations import Activation
from ctcdsl.layers.arguments import Function, Integer
from ctcdsl.layers.base import MAX_WIDTH, Context, LayerKind, VectorLayer, layer
from ctcdsl.layers.style import Style
from ctcdsl.ops.convolution import Linear as LinearOp
from ctcdsl.ops.graph import Builder, Value
from ctcdsl.ops.operators import Flatten
from ctcdsl.ops.record import replace
from ctcdsl.ops.shapes import Shape


def _style_activation(style: Style) -> Activation | None:
    return style.activation


@layer(
    "fc",
    summary="fully connected: fc(n), or fc for the classifier",
    example="fc(4096)",
    arguments=(
        Integer("features", 1, MAX_WIDTH, "the number of outputs"),
        Function("activation", "its activation", _style_activation, optional=True),
    ),
)
class Linear(VectorLayer):
    """Fully connected: `features` outputs, then `activation`; None is the linear classifier."""

    features: int | None
    activation: Activation | None = None

    keyword = "fc"
    channelwise = False
    pixelwise = False
    widths = ("features",)

    @property
    def title(self) -> str:
        """Its outputs."""
        return f"fc {self.features}" if self.features else "fc"

    @property
    def last_activation(self) -> Activation | None:
        """Its activation."""
        return self.activation

    def without_activation(self) -> LayerKind | None:
        """The matrix and the bias."""
        return replace(self, activation=None)

    def infer(self, x: Shape, context: Context) -> Shape | None:
        """A vector of its outputs: the classes, of the classifier."""
        return Shape(self.features if self.features is not None else context.classes, 1, 1)

    def out_channels(self, channels: int) -> int:
        """Its outputs."""
        return self.features or channels

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """The map as a vector, the matrix, the activation."""
        if not x.vector:
            x = graph.add(Flatten(), x)
        features = self.features if self.features is not None else context.classes
        x = graph.add(LinearOp(in_features=x.shape.channels, out_features=features), x)
        return self.activation.add(graph, x) if self.activation is not None else x
