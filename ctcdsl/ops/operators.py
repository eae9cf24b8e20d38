"""Operations without tensors that join, reshape or pass on: what code writes as an expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctcdsl.ops.calls import Argument
from ctcdsl.ops.kernels import add, concatenate, maximum, multiply
from ctcdsl.ops.op import Op, Overwrite, PointOp, TensorSpec, Window
from ctcdsl.ops.shapes import Shape
from ctcdsl.ops.tensor import FIRST, LAST, STRIDED, Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.graph import OpNode
    from ctcdsl.ops.tape import Tape


class Operator(PointOp, abstract=True):
    """An operation that a block's code writes itself: it is no module."""

    module = ""
    overwrite = Overwrite.MAY
    bit_stable = True

    def arguments(self) -> tuple[Argument, ...]:
        """None."""
        return ()


class Add(Operator):
    """The sum of two maps of one shape."""

    in_place = True

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel, which needs nothing for its gradients."""
        return add(tape, *inputs, in_place=node.in_place)


class Multiply(Operator):
    """The product of maps; one of 1x1 multiplies every position."""

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel, which keeps both."""
        return multiply(tape, *inputs)


class Maximum(Operator):
    """The larger of two maps' values, position by position."""

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel, which keeps both."""
        return maximum(tape, *inputs)


class Slice(Operator):
    """Some channels of a map, `length` from `start` on: a view of it.

    One of equal shares is `even`: PyTorch cuts those at once, and joins their gradients.
    """

    start: int
    length: int
    even: bool

    overwrite = Overwrite.NEVER  # PyTorch forbids it for views of one split

    def infer(self, *inputs: Shape) -> Shape:
        """Its channels."""
        return inputs[0]._replace(channels=self.length)

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """A view; the gradient of one that is not even is as large as the map."""
        (x,) = inputs
        share = tape.view(x, numel=node.output.shape.numel, layout=STRIDED)
        return tape.run(share, x, gives=LAST, splits=self.even)


class Concat(Operator):
    """Maps of one size side by side: their channels one after another."""

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel."""
        return concatenate(tape, *inputs)

    def infer(self, *inputs: Shape) -> Shape:
        """The channels of all."""
        return inputs[0]._replace(channels=sum(shape.channels for shape in inputs))


class Identity(PointOp):
    """Its input."""

    module = "nn.Identity"
    overwrite = Overwrite.AS_INPUT
    bit_stable = True

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """Nothing."""
        return inputs[0]

    def arguments(self) -> tuple[Argument, ...]:
        """None."""
        return ()


class Flatten(Op):
    """A map as a vector: channel after channel, row after row."""

    module = "nn.Flatten"
    overwrite = Overwrite.AS_INPUT
    bit_stable = True
    in_place = False
    makes_vector = True

    def infer(self, *inputs: Shape) -> Shape:
        """A vector of all values."""
        return Shape(inputs[0].numel, 1, 1)

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """A view of a map of 1x1; others are copied, from channels last to channels first."""
        (x,) = inputs
        if node.inputs[0].shape[1:] == (1, 1):
            return tape.run(tape.view(x), x, passes=True)
        vector = tape.like(x)
        return tape.run(vector, x, passes=True, gives=FIRST)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """None."""
        return ()

    def macs(self, output: Shape) -> int:
        """None."""
        return 0

    def window(self) -> Window | None:
        """All of the map."""
        return None

    def note(self, output: Shape) -> str:
        """None."""
        return ""

    def arguments(self) -> tuple[Argument, ...]:
        """None."""
        return ()
