"""Activations: a row of a table for each, one operation for all."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from ctcdsl.ops.calls import Argument, channels, shown
from ctcdsl.ops.kernels import function, in_half
from ctcdsl.ops.op import Overwrite, PointOp, TensorSpec
from ctcdsl.ops.tensor import LAST, Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.graph import OpNode
    from ctcdsl.ops.tape import Tape


class Keeps(Enum):
    """What the derivative of an activation follows from, and so is kept until then."""

    INPUT = auto()
    OUTPUT = auto()
    OUTPUT_IN_PLACE = auto()
    """Its output where it overwrites its input, else its input."""


class Function(NamedTuple):
    """An activation: what it is called, and what PyTorch calls it.

    `call` is the functional form, with `{}` for its argument. A `constant`, where it has one, is
    given after the word, `leaky(0.1)`, and to PyTorch as `keyword`. One that is `learned` has a
    trained number for each channel; it has no functional form. With `own_layout` its gradient lies
    in memory as what it keeps, not as the gradient that comes.
    """

    word: str
    title: str
    summary: str
    module: str
    call: str
    keeps: Keeps = Keeps.INPUT
    in_place: bool = False
    bit_stable: bool = False
    keyword: str = ""
    constant: float | None = None
    learned: bool = False
    own_layout: bool = False


class Activate(PointOp):
    """An activation, with its constant where it has one."""

    function: Function
    channels: int
    constant: float | None = None

    overwrite = Overwrite.NEVER

    @property
    def module(self) -> str:
        """The function's."""
        return self.function.module

    def tensors(self) -> tuple[TensorSpec, ...]:
        """A number for each channel, of a learned one."""
        learned = TensorSpec("weight", "weight", (self.channels,))
        return (learned,) if self.function.learned else ()

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel; a learned one computes the gradients of its numbers from a map of them."""
        (x,) = inputs
        if self.function.learned:
            weight = in_half(tape, tape.parameter(self.channels))
            x = in_half(tape, x)
            result = tape.like(x)
            return tape.run(result, x, weight, keeps=(x, weight), back=x.size, gives=LAST)
        keeps = self.function.keeps
        return function(
            tape,
            x,
            keeps_output=keeps is Keeps.OUTPUT
            or (keeps is Keeps.OUTPUT_IN_PLACE and node.in_place),
            in_place=node.in_place,
            own_layout=self.function.own_layout,
        )

    @property
    def in_place(self) -> bool:
        """Whether its module can overwrite its input."""
        return self.function.in_place

    @property
    def bit_stable(self) -> bool:
        """Whether it takes sums, products and comparisons alone."""
        return self.function.bit_stable

    def arguments(self) -> tuple[Argument, ...]:
        """The constant, and the channels of a learned one."""
        if self.function.learned:
            return (channels(self.channels),)
        if self.constant is None:
            return ()
        return (Argument(shown(self.constant), self.function.keyword),)
