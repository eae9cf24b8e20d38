"""Global response normalisation: `grn`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctcdsl.layers.base import Context, SameShapeLayer, layer
from ctcdsl.ops.calls import Argument, channels
from ctcdsl.ops.graph import Builder, OpNode, Value
from ctcdsl.ops.kernels import add, add_number, divide, mean, multiply, vector_norm
from ctcdsl.ops.op import MapOp, Overwrite, TensorSpec, Window
from ctcdsl.ops.shapes import Shape
from ctcdsl.ops.tensor import Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.tape import Tape


class GlobalResponse(MapOp):
    """x (1 + weight * n) + bias, where n is a channel's norm over the mean of all norms."""

    channels: int

    module = "GlobalResponseNorm"
    overwrite = Overwrite.MAY
    bit_stable = False

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """Norms over the map, their quotient by their mean, products and sums."""
        (x,) = inputs
        weight, bias = tape.parameter(self.channels), tape.parameter(self.channels)
        norms = vector_norm(tape, x, self.channels)
        response = divide(tape, norms, add_number(tape, mean(tape, norms, 1)))
        tape.hold(norms, response)
        scaled = multiply(tape, weight, multiply(tape, x, response))
        return add(tape, add(tape, x, scaled), bias)

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
