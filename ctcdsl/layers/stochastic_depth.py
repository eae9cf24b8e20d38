"""Stochastic depth: `depth(0.2)`, the last item of a residual branch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ctcdsl.layers.arguments import Real
from ctcdsl.layers.base import Context, SameShapeLayer, layer
from ctcdsl.ops.calls import Argument, shown
from ctcdsl.ops.graph import Builder, OpNode, Value
from ctcdsl.ops.kernels import dropout, multiply
from ctcdsl.ops.op import Overwrite, PointOp
from ctcdsl.ops.tensor import Tensor
from ctcdsl.text.sink import Diagnostics

if TYPE_CHECKING:
    from ctcdsl.ops.tape import Tape


class StochasticDepthOp(PointOp):
    """Zeroes the maps of whole images with a probability in training, and scales the others up."""

    probability: float

    module = "StochasticDepth"
    overwrite = Overwrite.AS_INPUT
    bit_stable = True

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """A mask of one number an image in training, and the product."""
        (x,) = inputs
        if not tape.training:
            return x
        ones = tape.run(tape.tensor(1, x.itemsize))
        tape.hold(ones)
        return multiply(tape, x, dropout(tape, ones))

    def arguments(self) -> tuple[Argument, ...]:
        """The probability."""
        return (Argument(shown(self.probability), "p"),)


@layer(
    "depth",
    summary="stochastic depth, the last item of a residual branch",
    example="depth(0.2)",
    arguments=(Real("probability", 0, 1, "the probability of `depth`", less=True),),
)
class StochasticDepth(SameShapeLayer):
    """Drops a branch of an image with `probability` in training (Huang et al. 2016, Section 3)."""

    probability: float

    keyword = "depth"
    channelwise = True
    pixelwise = True
    widths = ()
    last_activation = None

    @property
    def title(self) -> str:
        """Its probability."""
        return f"stochastic depth {self.probability:g}"

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        return graph.add(StochasticDepthOp(probability=self.probability), x)


def report_misplaced(elements: Sequence[object], diagnostics: Diagnostics) -> None:
    """Report stochastic depth (CTC310) that does not end a branch which is added."""
    for element in elements:
        if isinstance(element, StochasticDepth):
            diagnostics.error(
                "CTC310",
                "stochastic depth drops a branch that is added: it is the branch's last item",
                element.origin,
                hint="write it before the bar or the bracket that ends the branch:"
                " `[ (3,64) (3,64,linear) depth(0.2) | id ]`",
            )


def without_depth(elements: Sequence[object]) -> int:
    """How many elements of a branch come before its stochastic depth; all where it has none."""
    ends = len(elements) > 1 and isinstance(elements[-1], StochasticDepth)
    return len(elements) - ends
