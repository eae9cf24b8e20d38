"""Dropout: `drop(0.5)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctcdsl.layers.arguments import Real
from ctcdsl.layers.base import Context, MapOrVectorLayer, layer
from ctcdsl.ops.calls import Argument
from ctcdsl.ops.graph import Builder, OpNode, Value
from ctcdsl.ops.kernels import dropout
from ctcdsl.ops.op import Overwrite, PointOp
from ctcdsl.ops.tensor import Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.tape import Tape


class DropoutOp(PointOp):
    """Zeroes each value with a probability in training, and scales the others up."""

    probability: float

    module = "nn.Dropout"
    overwrite = Overwrite.AS_INPUT
    bit_stable = True

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """A mask in training, and the product."""
        return dropout(tape, inputs[0])

    def arguments(self) -> tuple[Argument, ...]:
        """The probability."""
        return (Argument(str(self.probability), "p"),)


@layer(
    "drop",
    summary="dropout",
    example="drop(0.5)",
    arguments=(Real("probability", 0, 1, "a dropout probability", less=True),),
)
class Dropout(MapOrVectorLayer):
    """Zeroes each input with `probability` in training."""

    probability: float

    keyword = "drop"
    kind = "dropout"
    channelwise = True
    pixelwise = True
    widths = ()
    last_activation = None

    @property
    def title(self) -> str:
        """Its probability."""
        return f"dropout {self.probability:g}"

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        return graph.add(DropoutOp(probability=self.probability), x)
