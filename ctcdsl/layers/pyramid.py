"""Spatial pyramid pooling: `spp(6,3,2,1)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctcdsl.layers.arguments import Integers
from ctcdsl.layers.base import MAX_KERNEL, Context, VectorLayer, layer
from ctcdsl.ops.calls import Argument
from ctcdsl.ops.graph import Builder, OpNode, Value
from ctcdsl.ops.kernels import concatenate
from ctcdsl.ops.op import Op, Overwrite, TensorSpec, Window
from ctcdsl.ops.pooling import max_pool
from ctcdsl.ops.shapes import Shape
from ctcdsl.ops.tensor import Tensor
from ctcdsl.text import Label

if TYPE_CHECKING:
    from ctcdsl.ops.tape import Tape


class SpatialPyramidPool(Op):
    """Max pooling into n x n bins for each level n, flattened and concatenated."""

    levels: tuple[int, ...]

    module = "SpatialPyramidPool"
    overwrite = Overwrite.MAY
    in_place = False
    bit_stable = True
    makes_vector = True

    def infer(self, *inputs: Shape) -> Shape:
        """A vector of all bins of all channels."""
        return Shape(inputs[0].channels * sum(n * n for n in self.levels), 1, 1)

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """A pool for each level, its maps as vectors, and the vectors together."""
        (x,) = inputs
        channels = node.inputs[0].shape.channels
        vectors = []
        for level in self.levels:
            pool = max_pool(tape, x, channels * level * level, flattened=level > 1)
            vector = tape.view(pool) if level == 1 else tape.like(pool)
            vectors.append(tape.run(vector, pool, passes=True))
        return concatenate(tape, *vectors)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """None."""
        return ()

    def macs(self, output: Shape) -> int:
        """None: only convolutions and fully connected layers are counted."""
        return 0

    def window(self) -> Window | None:
        """All of the map."""
        return None

    def note(self, output: Shape) -> str:
        """The number of its features."""
        return f"{output.channels} features"

    def arguments(self) -> tuple[Argument, ...]:
        """The levels."""
        return tuple(Argument(str(level)) for level in self.levels)


@layer(
    "spp",
    summary="spatial pyramid pooling",
    example="spp(6,3,2,1)",
    arguments=(Integers("levels", 1, MAX_KERNEL, "a pyramid level"),),
)
class SpatialPyramid(VectorLayer):
    """Max pooling into n x n bins for each level n, concatenated (He & Sun 2015, Section 5)."""

    levels: tuple[int, ...]

    keyword = "spp"
    channelwise = True
    pixelwise = False
    widths = ()
    last_activation = None

    @property
    def title(self) -> str:
        """Its levels."""
        return f"pyramid pool {', '.join(map(str, self.levels))}"

    @property
    def bins(self) -> int:
        """How many values it gives for each channel."""
        return sum(level * level for level in self.levels)

    def infer(self, x: Shape, context: Context) -> Shape | None:
        """A vector of all bins of all channels; CTC202 where the map has fewer positions."""
        largest = max(self.levels)
        if largest > min(x.height, x.width):
            context.error(
                "CTC202",
                f"the pyramid level {largest}x{largest} needs a map of at least that size, and"
                f" gets {x.height}x{x.width}",
                Label(self.origin, context.remark),
                hint="use smaller levels, fewer strides, or a larger input",
            )
            return None
        return Shape(x.channels * self.bins, 1, 1)

    def out_channels(self, channels: int) -> int:
        """All bins of all channels."""
        return channels * self.bins

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        return graph.add(SpatialPyramidPool(levels=self.levels), x)
