"""Shortcuts without weights: `[ (3,32) (3,32) | zeropad ]/2`, `zeropad(32)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctcdsl.layers.arguments import Integer
from ctcdsl.layers.base import MAX_WIDTH, Context, layer
from ctcdsl.layers.windows import SlidingWindow
from ctcdsl.ops.calls import Argument, Role, channels, sides
from ctcdsl.ops.graph import Builder, OpNode, Value
from ctcdsl.ops.kernels import pad
from ctcdsl.ops.op import MapOp, Overwrite, TensorSpec, Window
from ctcdsl.ops.operators import Identity
from ctcdsl.ops.shapes import Pair, Shape
from ctcdsl.ops.tensor import LAST, STRIDED, Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.tape import Tape


class PadChannels(MapOp):
    """The pixels that are a stride apart, and `channels` in all: those of zeros come last."""

    channels: int
    stride: Pair

    module = "ZeroPad"
    overwrite = Overwrite.MAY
    bit_stable = True

    def infer(self, *inputs: Shape) -> Shape:
        """Every pixel that a stride reaches."""
        _, height, width = inputs[0]
        down, across = self.stride
        return Shape(self.channels, (height - 1) // down + 1, (width - 1) // across + 1)

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """Views of every n-th row and column, whose gradients are as large as the map; zeros."""
        (x,) = inputs
        channels, _, width = node.inputs[0].shape
        _, rows, columns = node.output.shape
        for pixels, stride in ((rows * width, self.stride[0]), (rows * columns, self.stride[1])):
            if stride > 1:
                strided = tape.view(x, numel=channels * pixels, layout=STRIDED)
                x = tape.run(strided, x, gives=LAST)
        return pad(tape, x, node.output.shape.numel)

    def macs(self, output: Shape) -> int:
        """None."""
        return 0

    def window(self) -> Window | None:
        """One pixel."""
        return Window((1, 1), self.stride)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """None."""
        return ()

    def arguments(self) -> tuple[Argument, ...]:
        """The channels and the stride."""
        return channels(self.channels), sides("stride", self.stride, Role.STRIDE, "1")


@layer(
    "zeropad",
    summary="the input, with channels of zeros up to n: a shortcut without weights",
    example="zeropad(32)",
    arguments=(Integer("channels", 1, MAX_WIDTH, "the number of channels", optional=True),),
)
class ZeroPad(SlidingWindow):
    """Its input in more channels, those of zeros last (He et al. 2016, Section 3.3, option A).

    It takes the stride of its group, as a window of one pixel does. Without `channels` it has
    those of the first other branch.
    """

    kernel: Pair = (1, 1)
    channels: int | None = None

    keyword = "zeropad"
    title = "zero padding"
    channelwise = True
    pixelwise = False
    widths = ("channels",)
    last_activation = None

    def output(self, x: Shape, padding: Pair, far: Pair = (0, 0)) -> Shape:
        """The map that its stride leaves."""
        channels = self.out_channels(x.channels)
        return PadChannels(channels=channels, stride=self.stride).infer(x)

    def infer(self, x: Shape, context: Context) -> Shape | None:
        """Its output; CTC206 where it has fewer channels than its input, CTC102 where none."""
        if self.channels is None:
            context.error(
                "CTC102",
                "`zeropad` takes the channels of another branch that is added, and there is none",
                self.origin,
                hint="write their number, `zeropad(n)`",
            )
            return None
        if self.out_channels(x.channels) < x.channels:
            context.error(
                "CTC206",
                f"`zeropad` adds channels, and {self.channels} are fewer than its {x.channels}",
                self.origin,
                hint=f"a 1x1 convolution gives fewer: `(1,{self.channels},linear)`",
            )
            return None
        return SlidingWindow.infer(self, x, context)

    def out_channels(self, channels: int) -> int:
        """What is written."""
        return channels if self.channels is None else self.channels

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation; the identity where nothing changes."""
        channels = self.out_channels(x.shape.channels)
        if channels == x.shape.channels and not self.strided:
            return graph.add(Identity(), x)
        return graph.add(PadChannels(channels=channels, stride=self.stride), x)
