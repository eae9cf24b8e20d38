"""Up-sampling: `up(2)`, `up(2,bilinear)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctcdsl.layers.arguments import Flag, Integer
from ctcdsl.layers.base import Context, MapLayer, layer
from ctcdsl.ops.calls import Argument, map_note
from ctcdsl.ops.graph import Builder, OpNode, Value
from ctcdsl.ops.op import MapOp, Overwrite, TensorSpec, Window
from ctcdsl.ops.shapes import Shape
from ctcdsl.ops.tensor import Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.tape import Tape

MAX_FACTOR = 100


class Upsample(MapOp):
    """A map `factor` times as high and wide."""

    factor: int
    bilinear: bool

    module = "nn.Upsample"
    overwrite = Overwrite.MAY

    @property
    def bit_stable(self) -> bool:
        """A copied value is; a mean is rounded by where it is."""
        return not self.bilinear

    def infer(self, *inputs: Shape) -> Shape:
        """The larger map."""
        channels, height, width = inputs[0]
        return Shape(channels, self.factor * height, self.factor * width)

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel; its gradient copies one that is a part of another tensor."""
        (x,) = inputs
        output = tape.tensor(node.output.shape.numel, x.itemsize)
        return tape.run(output, x, strided=output.size + x.size)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """None."""
        return ()

    def macs(self, output: Shape) -> int:
        """None: only convolutions and fully connected layers are counted."""
        return 0

    def window(self) -> Window | None:
        """The position that it copies; or the two around (i + 1/2) / factor - 1/2 on each side."""
        factor = self.factor
        if not self.bilinear or factor == 1:
            return Window(growth=factor)
        size, padding = 2 * factor, factor - 1
        return Window((size, size), (2, 2), (padding, padding), growth=2 * factor)

    def note(self, output: Shape) -> str:
        """The shape of its map."""
        return map_note(output)

    def arguments(self) -> tuple[Argument, ...]:
        """Those of `nn.Upsample`."""
        factor = Argument(str(self.factor), "scale_factor")
        if not self.bilinear:
            return (factor,)
        return factor, Argument('"bilinear"', "mode"), Argument("False", "align_corners")


@layer(
    "up",
    summary="up-sampling by a factor: of the nearest pixel, or bilinear",
    example="up(2)",
    arguments=(
        Integer("factor", 1, MAX_FACTOR, "the factor of `up`"),
        Flag("bilinear", "bilinear", "up-sampling by means of neighbours", "up(2,bilinear)"),
    ),
)
class Up(MapLayer):
    """Makes maps `factor` times as large: each pixel again and again, or `bilinear` means.

    The means are those of pixels as areas: corners are not aligned.
    """

    factor: int
    bilinear: bool = False

    keyword = "up"
    channelwise = True
    pixelwise = False
    widths = ()
    last_activation = None

    @property
    def title(self) -> str:
        """Its factor."""
        return f"up {self.factor}{', bilinear' * self.bilinear}"

    @property
    def growth(self) -> int:
        """Its factor."""
        return self.factor

    def infer(self, x: Shape, context: Context) -> Shape | None:
        """The larger map."""
        return Shape(x.channels, self.factor * x.height, self.factor * x.width)

    def out_channels(self, channels: int) -> int:
        """Those of its input."""
        return channels

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        return graph.add(Upsample(factor=self.factor, bilinear=self.bilinear), x)
