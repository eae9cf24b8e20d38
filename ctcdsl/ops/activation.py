"""Activations: a row of a table for each, one operation for all."""

from __future__ import annotations

from typing import NamedTuple

from ctcdsl.ops.calls import Argument, channels, shown
from ctcdsl.ops.op import Keeps, Overwrite, PointOp, TensorSpec


class Function(NamedTuple):
    """An activation: what it is called, and what PyTorch calls it.

    `call` is the functional form, with `{}` for its argument. A `constant`, where it has one, is
    given after the word, `leaky(0.1)`, and to PyTorch as `keyword`. One that is `learned` has a
    trained number for each channel; it has no functional form.
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


class Activate(PointOp):
    """An activation, with its constant where it has one."""

    function: Function
    channels: int
    constant: float | None = None

    overwrite = Overwrite.NEVER
    extra_bytes = 0

    @property
    def module(self) -> str:
        """The function's."""
        return self.function.module

    def tensors(self) -> tuple[TensorSpec, ...]:
        """A number for each channel, of a learned one."""
        learned = TensorSpec("weight", "weight", (self.channels,))
        return (learned,) if self.function.learned else ()

    @property
    def keeps(self) -> Keeps:
        """What its derivative follows from."""
        return self.function.keeps

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
