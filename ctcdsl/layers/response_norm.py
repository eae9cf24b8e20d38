"""Global response normalisation: `grn`."""

from __future__ import annotations

from ctcdsl.layers.base import Context, SameShapeLayer, layer
from ctcdsl.ops.calls import Argument, channels
from ctcdsl.ops.graph import Builder, Value
from ctcdsl.ops.op import Keeps, MapOp, Overwrite, TensorSpec, Window
from ctcdsl.ops.shapes import Shape


class GlobalResponse(MapOp):
    """x (1 + weight * n) + bias, where n is a channel's norm over the mean of all norms."""

    channels: int

    module = "GlobalResponseNorm"
    keeps = Keeps.INPUT
    extra_bytes = 4  # the product of map and response
    overwrite = Overwrite.MAY
    bit_stable = False

    def infer(self, *inputs: Shape) -> Shape:
        """The shape of its input."""
        return inputs[0]

    def macs(self, output: Shape) -> int:
        """None: only convolutions and fully connected layers are counted."""
        return 0

    def window(self) -> Window | None:
        """All of the map."""
        return None

    def tensors(self) -> tuple[TensorSpec, ...]:
        """A factor and a summand for each channel."""
        shape = (self.channels, 1, 1)
        return TensorSpec("weight", "weight", shape), TensorSpec("bias", "bias", shape)

    def arguments(self) -> tuple[Argument, ...]:
        """The channels."""
        return (channels(self.channels),)


@layer("grn", summary="global response normalisation")
class GlobalResponseNorm(SameShapeLayer):
    """Makes channels compete by the norms of their maps (ConvNeXt V2, Woo et al. 2023)."""

    keyword = "grn"
    title = "GRN"
    channelwise = False
    pixelwise = False
    widths = ()
    last_activation = None

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        return graph.add(GlobalResponse(channels=x.shape.channels), x)
