"""A learned factor for each channel: `scale`."""

from __future__ import annotations

from ctcdsl.layers.base import Context, SameShapeLayer, layer
from ctcdsl.ops.calls import Argument, channels
from ctcdsl.ops.graph import Builder, Value
from ctcdsl.ops.op import Keeps, Overwrite, PointOp, TensorSpec


class ChannelScale(PointOp):
    """A factor for each channel, trained."""

    channels: int

    module = "Scale"
    keeps = Keeps.INPUT
    extra_bytes = 0
    overwrite = Overwrite.MAY
    bit_stable = True

    def tensors(self) -> tuple[TensorSpec, ...]:
        """The factors."""
        return (TensorSpec("factor", "factor", (self.channels, 1, 1)),)

    def arguments(self) -> tuple[Argument, ...]:
        """The channels."""
        return (channels(self.channels),)


@layer("scale", summary="a learned scale for each channel")
class Scale(SameShapeLayer):
    """A learned factor for each channel, small at first (LayerScale, Touvron et al. 2021)."""

    keyword = "scale"
    title = "scale"
    channelwise = True
    pixelwise = True

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        return graph.add(ChannelScale(channels=x.shape.channels), x)
