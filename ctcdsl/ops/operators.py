"""Operations without tensors that join, reshape or pass on: what code writes as an expression."""

from __future__ import annotations

from ctcdsl.ops.calls import Argument
from ctcdsl.ops.op import Keeps, Op, Overwrite, PointOp, TensorSpec, Window
from ctcdsl.ops.shapes import Shape


class Operator(PointOp, abstract=True):
    """An operation that a block's code writes itself: it is no module."""

    module = ""
    extra_bytes = 0
    overwrite = Overwrite.MAY
    bit_stable = True

    def arguments(self) -> tuple[Argument, ...]:
        """None."""
        return ()


class Add(Operator):
    """The sum of two maps of one shape."""

    keeps = Keeps.NOTHING


class Multiply(Operator):
    """The product of maps; one of 1x1 multiplies every position."""

    keeps = Keeps.INPUT


class Maximum(Operator):
    """The larger of two maps' values, position by position."""

    keeps = Keeps.INPUT


class Slice(Operator):
    """Some channels of a map, `length` from `start` on: a view of it."""

    start: int
    length: int

    keeps = Keeps.NOTHING
    overwrite = Overwrite.NEVER  # PyTorch forbids it for views of one split

    def infer(self, *inputs: Shape) -> Shape:
        """Its channels."""
        return inputs[0]._replace(channels=self.length)


class Concat(Operator):
    """Maps of one size side by side: their channels one after another."""

    keeps = Keeps.NOTHING

    def infer(self, *inputs: Shape) -> Shape:
        """The channels of all."""
        return inputs[0]._replace(channels=sum(shape.channels for shape in inputs))


class Identity(PointOp):
    """Its input."""

    module = "nn.Identity"
    keeps = Keeps.NOTHING
    extra_bytes = 0
    overwrite = Overwrite.AS_INPUT
    bit_stable = True

    def arguments(self) -> tuple[Argument, ...]:
        """None."""
        return ()


class Flatten(Op):
    """A map as a vector: channel after channel, row after row."""

    module = "nn.Flatten"
    keeps = Keeps.NOTHING
    extra_bytes = 0
    overwrite = Overwrite.AS_INPUT
    bit_stable = True
    in_place = False
    makes_vector = True

    def infer(self, *inputs: Shape) -> Shape:
        """A vector of all values."""
        return Shape(inputs[0].numel, 1, 1)

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
