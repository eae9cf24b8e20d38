"""A factor: learned for each channel, `scale`, or a constant, `scale(0.17)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctcdsl.layers.arguments import Real
from ctcdsl.layers.base import Context, SameShapeLayer, layer
from ctcdsl.ops.calls import Argument, channels, shown
from ctcdsl.ops.graph import Builder, OpNode, Value
from ctcdsl.ops.kernels import multiply, multiply_number
from ctcdsl.ops.op import Overwrite, PointOp, TensorSpec
from ctcdsl.ops.tensor import Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.tape import Tape


class ChannelScale(PointOp):
    """A factor for each channel, trained."""

    channels: int

    module = "Scale"
    overwrite = Overwrite.MAY
    bit_stable = True

    def tensors(self) -> tuple[TensorSpec, ...]:
        """The factors."""
        return (TensorSpec("factor", "factor", (self.channels, 1, 1)),)

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel."""
        return multiply(tape, inputs[0], tape.parameter(self.channels))

    def arguments(self) -> tuple[Argument, ...]:
        """The channels."""
        return (channels(self.channels),)


class ConstantScale(PointOp):
    """A constant factor."""

    factor: float

    module = "ConstantScale"
    overwrite = Overwrite.MAY
    bit_stable = True

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel."""
        return multiply_number(tape, inputs[0])

    def arguments(self) -> tuple[Argument, ...]:
        """The factor."""
        return (Argument(shown(self.factor)),)


@layer(
    "scale",
    summary="a learned scale for each channel, or a constant one",
    example="scale(0.17)",
    arguments=(Real("factor", -1000, 1000, "the factor of `scale`", optional=True),),
)
class Scale(SameShapeLayer):
    """A factor for each channel, learned and small at first (LayerScale, Touvron et al. 2021).

    With `factor` it is that constant instead (Inception-ResNet, Szegedy et al. 2017, Section 3.3).
    """

    factor: float | None = None

    keyword = "scale"
    channelwise = True
    pixelwise = True
    widths = ()
    last_activation = None

    @property
    def title(self) -> str:
        """Its constant, where it has one."""
        return "scale" if self.factor is None else f"scale {self.factor:g}"

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        if self.factor is not None:
            return graph.add(ConstantScale(factor=self.factor), x)
        return graph.add(ChannelScale(channels=x.shape.channels), x)
