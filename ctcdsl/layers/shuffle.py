"""Channel shuffle: `shuffle(3)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctcdsl.layers.arguments import Integer
from ctcdsl.layers.base import MAX_WIDTH, Context, SameShapeLayer, layer
from ctcdsl.layers.windows import report_groups
from ctcdsl.ops.calls import Argument, Role, number
from ctcdsl.ops.graph import Builder, OpNode, Value
from ctcdsl.ops.op import Overwrite, PointOp
from ctcdsl.ops.shapes import Shape
from ctcdsl.ops.tensor import Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.tape import Tape


class ChannelShuffle(PointOp):
    """Channels dealt out over `groups` in turn."""

    groups: int

    module = "nn.ChannelShuffle"
    overwrite = Overwrite.AS_INPUT
    bit_stable = True

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel; its gradient copies one that is a part of another tensor."""
        (x,) = inputs
        return tape.run(tape.like(x), x, strided=x.size)

    def arguments(self) -> tuple[Argument, ...]:
        """The groups."""
        return (number(self.groups, Role.GROUPS),)


@layer(
    "shuffle",
    summary="channel shuffle over g groups",
    example="shuffle(3)",
    arguments=(Integer("groups", 1, MAX_WIDTH, "the number of groups"),),
)
class Shuffle(SameShapeLayer):
    """Deals channels out over `groups` in turn (ShuffleNet, Zhang et al. 2018)."""

    groups: int

    keyword = "shuffle"
    channelwise = False
    pixelwise = True
    widths = ()
    last_activation = None

    @property
    def title(self) -> str:
        """Its groups."""
        return f"shuffle {self.groups}"

    def infer(self, x: Shape, context: Context) -> Shape | None:
        """The shape of its input; CTC207 for groups that do not divide the channels."""
        report_groups(self.groups, x.channels, "input channels", self, context)
        return x

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        return graph.add(ChannelShuffle(groups=self.groups), x)
