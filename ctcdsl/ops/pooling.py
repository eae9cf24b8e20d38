"""Pools: of sliding windows, and of whole maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ctcdsl.ops.calls import Argument, Role, map_note, sides
from ctcdsl.ops.kernels import mean
from ctcdsl.ops.op import MapOp, Overwrite, TensorSpec, Window
from ctcdsl.ops.shapes import Pair, Shape, output_size
from ctcdsl.ops.tensor import INDEX, LAST, Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.graph import OpNode
    from ctcdsl.ops.tape import Tape


Reduction = Literal["max", "avg"]


def max_pool(tape: Tape, x: Tensor, numel: int, *, flattened: bool = False) -> Tensor:
    """The maxima of windows; the places that they came from are made in evaluation, too.

    Where the map is `flattened` and joined with others, its gradient is a part of theirs, with
    channels first.
    """
    output = tape.tensor(numel, x.itemsize)
    index = output.size_as(INDEX)
    copied = x.size if x.layout != LAST else 0
    return tape.run(
        output,
        x,
        keeps=(x,),
        states=(index,),
        work=copied,
        back=copied,
        first=copied + index + x.size,
        strided=copied + output.size + (index + x.size if flattened else 0),
        gives=LAST,
    )


def average_pool(tape: Tape, x: Tensor, numel: int) -> Tensor:
    """The averages of windows."""
    output = tape.tensor(numel, x.itemsize)
    copied = x.size if x.layout != LAST else 0
    return tape.run(
        output,
        x,
        keeps=(x,),
        work=copied,
        back=copied,
        first=copied + x.size,
        strided=copied + output.size,
        gives=LAST,
    )


class PoolOp(MapOp, abstract=True):
    """The maximum or the average of some positions of each channel."""

    reduction: Reduction

    overwrite = Overwrite.MAY
    bit_stable = True

    def tensors(self) -> tuple[TensorSpec, ...]:
        """None."""
        return ()

    def macs(self, output: Shape) -> int:
        """None: only convolutions and fully connected layers are counted."""
        return 0


class Pool2d(PoolOp):
    """A pool of sliding windows; `padding` on both sides, counted in averages unless `nocount`."""

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    ceil: bool = False
    count_padding: bool = True

    @property
    def module(self) -> str:
        """`nn.MaxPool2d` or `nn.AvgPool2d`."""
        return "nn.MaxPool2d" if self.reduction == "max" else "nn.AvgPool2d"

    def infer(self, *inputs: Shape) -> Shape:
        """The map of its windows; it floors unless `ceil`."""
        channels, height, width = inputs[0]
        kernel, stride, padding = self.kernel, self.stride, self.padding
        return Shape(
            channels,
            output_size(height, kernel[0], stride[0], padding[0], ceil=self.ceil),
            output_size(width, kernel[1], stride[1], padding[1], ceil=self.ceil),
        )

    def window(self) -> Window | None:
        """Its window."""
        return Window(self.kernel, self.stride, self.padding)

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel."""
        pool = max_pool if self.reduction == "max" else average_pool
        return pool(tape, inputs[0], node.output.shape.numel)

    def note(self, output: Shape) -> str:
        """The shape of its map."""
        return map_note(output)

    def arguments(self) -> tuple[Argument, ...]:
        """Those of `nn.MaxPool2d` or `nn.AvgPool2d`."""
        return (
            sides("kernel_size", self.kernel, Role.KERNEL),
            sides("stride", self.stride, Role.STRIDE),
            sides("padding", self.padding, Role.PADDING, default="0"),
            Argument(str(self.ceil), "ceil_mode", "False"),
            Argument(str(self.count_padding), "count_include_pad", "True"),
        )


class GlobalPool2d(PoolOp):
    """The average or the maximum of each channel's map, as a map of 1x1."""

    @property
    def module(self) -> str:
        """`nn.AdaptiveAvgPool2d` or `nn.AdaptiveMaxPool2d`."""
        return f"nn.Adaptive{self.reduction.capitalize()}Pool2d"

    def infer(self, *inputs: Shape) -> Shape:
        """A map of 1x1."""
        return Shape(inputs[0].channels, 1, 1)

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel; the means are laid out anew, which has a gradient of its own."""
        if self.reduction == "max":
            return max_pool(tape, inputs[0], node.output.shape.numel)
        means = mean(tape, inputs[0], node.output.shape.numel)
        return tape.run(tape.view(means), means)

    def window(self) -> Window | None:
        """All of the map."""
        return None

    def arguments(self) -> tuple[Argument, ...]:
        """The size of its map."""
        return (Argument("1"),)
