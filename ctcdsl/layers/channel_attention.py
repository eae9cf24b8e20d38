"""Gates of one small operation: `eca`, `eca(3)`, `ese`."""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING

from ctcdsl.layers.arguments import Integer, odd
from ctcdsl.layers.base import MAX_KERNEL, Context, SameShapeLayer, layer
from ctcdsl.ops.calls import Argument, Role, channels, number
from ctcdsl.ops.convolution import convolve
from ctcdsl.ops.graph import Builder, OpNode, Value
from ctcdsl.ops.kernels import function, in_half, mean, multiply
from ctcdsl.ops.op import MapOp, Overwrite, TensorSpec, Window
from ctcdsl.ops.shapes import Shape
from ctcdsl.ops.tensor import Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.tape import Tape


class GateOp(MapOp, abstract=True):
    """Scales the channels of a map by a gate computed from their means."""

    channels: int

    overwrite = Overwrite.MAY
    bit_stable = False

    def infer(self, *inputs: Shape) -> Shape:
        """The shape of its input."""
        return inputs[0]

    def window(self) -> Window | None:
        """All of the map: the means."""
        return None


class EfficientChannelAttention(GateOp):
    """A convolution along the channels' means, and a sigmoid."""

    kernel: int

    module = "EfficientChannelAttention"

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """Means, the filter, a sigmoid, and the product."""
        (x,) = inputs
        means = mean(tape, x, self.channels)
        weight = in_half(tape, tape.parameter(self.kernel))
        means = in_half(tape, means)
        gate = tape.tensor(self.channels, means.itemsize)
        gate = tape.run(gate, means, weight, keeps=(means, weight))
        tape.hold(gate)
        return multiply(tape, x, function(tape, gate, keeps_output=True))

    def tensors(self) -> tuple[TensorSpec, ...]:
        """One filter."""
        return (TensorSpec("weight", "conv.weight", (1, 1, self.kernel)),)

    def macs(self, output: Shape) -> int:
        """The filter at every channel."""
        return self.channels * self.kernel

    def arguments(self) -> tuple[Argument, ...]:
        """The filter's size."""
        return (number(self.kernel, Role.KERNEL),)


class EffectiveSqueezeExcite(GateOp):
    """A matrix on the channels' means, and a hard sigmoid."""

    module = "EffectiveSqueezeExcite"

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """Means, the matrix, a hard sigmoid, and the product."""
        (x,) = inputs
        means = mean(tape, x, self.channels)
        gate = convolve(tape, node, means, self.channels)
        tape.hold(gate)
        return multiply(tape, x, function(tape, gate, keeps_output=False))

    def tensors(self) -> tuple[TensorSpec, ...]:
        """The matrix and its bias."""
        shape = (self.channels, self.channels, 1, 1)
        weight = TensorSpec("weight", "conv.weight", shape)
        return weight, TensorSpec("bias", "conv.bias", (self.channels,))

    def macs(self, output: Shape) -> int:
        """One for each weight."""
        return self.channels * self.channels

    def arguments(self) -> tuple[Argument, ...]:
        """The channels."""
        return (channels(self.channels),)


@layer(
    "eca",
    summary="efficient channel attention: a filter of k channels over their means",
    example="eca(3)",
    arguments=(Integer("kernel", 1, MAX_KERNEL, "the filter size of `eca`", optional=True),),
)
class ChannelAttention(SameShapeLayer):
    """Scales channels by a gate of their neighbours' means (Wang et al. 2020, Section 3.2).

    Without a `kernel` it follows from the channels, as the paper's Eqn. 12 has it.
    """

    kernel: int | None = None

    keyword = "eca"
    channelwise = False
    pixelwise = False
    widths = ()
    last_activation = None

    @property
    def title(self) -> str:
        """Its filter size, where it is given."""
        return f"ECA {self.kernel}" if self.kernel else "ECA"

    @property
    def problem(self) -> tuple[str, str] | None:
        """A filter of even size has no middle."""
        if self.kernel is not None and self.kernel % 2 == 0:
            return f"a filter of {self.kernel} channels has no middle", odd(
                self.kernel, self.origin
            )
        return None

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        count = x.shape.channels
        kernel = self.kernel or int(abs((log2(count) + 1) / 2)) // 2 * 2 + 1
        return graph.add(EfficientChannelAttention(channels=count, kernel=kernel), x)


@layer("ese", summary="effective squeeze and excitation: one matrix, a hard sigmoid")
class EffectiveGate(SameShapeLayer):
    """Scales channels by a gate of all their means (Lee & Park 2020, Section 3.2)."""

    keyword = "ese"
    title = "effective squeeze-excite"
    channelwise = False
    pixelwise = False
    widths = ()
    last_activation = None

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        return graph.add(EffectiveSqueezeExcite(channels=x.shape.channels), x)
