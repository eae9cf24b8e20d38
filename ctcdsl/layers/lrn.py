"""Local response normalisation: `lrn`, `lrn(5,0.0001,0.75,1)`, `lrn(3,within)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctcdsl.layers.arguments import Flag, Integer, Real, odd
from ctcdsl.layers.base import MAX_KERNEL, Context, SameShapeLayer, layer
from ctcdsl.ops.calls import Argument
from ctcdsl.ops.graph import Builder, OpNode, Value
from ctcdsl.ops.kernels import (
    add_number,
    divide,
    in_float,
    multiply,
    multiply_number,
    pad,
    power,
)
from ctcdsl.ops.op import POINT, Overwrite, PointOp, Window
from ctcdsl.ops.pooling import average_pool
from ctcdsl.ops.tensor import Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.tape import Tape

_LARGE = 1e15


class LocalResponseNormOp(PointOp):
    """x / (k + alpha * mean of x^2)^beta over neighbours."""

    size: int
    alpha: float
    beta: float
    k: float
    within: bool

    overwrite = Overwrite.MAY
    bit_stable = False

    @property
    def module(self) -> str:
        """The class of generated text; that over channels is PyTorch's for other types."""
        return "LocalResponseNormWithin" if self.within else "LocalResponseNorm"

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """Squares, means, a power and a quotient, as the module computes them one by one.

        Over channels they are in float32.
        """
        (x,) = inputs
        if self.within:
            means = average_pool(tape, multiply(tape, x, x), x.numel)
            tape.hold(means)
            return divide(tape, x, power(tape, add_number(tape, multiply_number(tape, means))))
        channels = node.output.shape.channels
        (wide,) = in_float(tape, x)
        if wide is not x:
            tape.hold(wide)
        squares = multiply(tape, wide, wide)
        padded = pad(tape, squares, x.numel // channels * (channels + self.size - 1))
        means = tape.run(tape.like(wide), padded, keeps=(padded,))
        powers = power(tape, add_number(tape, multiply_number(tape, means)))
        tape.extend(means, len(tape.kernels) - 1)
        quotient = divide(tape, wide, powers)
        return quotient if wide is x else tape.run(tape.like(x), quotient)

    def window(self) -> Window | None:
        """The same position, or a window of the channel's own map."""
        half, size = self.size // 2, self.size
        return Window((size, size), (1, 1), (half, half)) if self.within else POINT

    def arguments(self) -> tuple[Argument, ...]:
        """The size and the constants."""
        return (
            Argument(str(self.size), "size"),
            Argument(repr(self.alpha), "alpha", "0.0001"),
            Argument(repr(self.beta), "beta", "0.75"),
            Argument(repr(self.k), "k", "1.0"),
        )


@layer(
    "lrn",
    summary="local response normalisation: lrn, lrn(size)",
    example="lrn(5)",
    arguments=(
        Integer("size", 1, MAX_KERNEL, "the size of `lrn`", default=5),
        Real("alpha", -_LARGE, _LARGE, "alpha", default=1e-4),
        Real("beta", -_LARGE, _LARGE, "beta", default=0.75),
        Real("k", -_LARGE, _LARGE, "k", default=1.0),
        Flag(*("within", "within", "lrn over a window of each channel's own map", "lrn(3,within)")),
    ),
)
class LocalResponseNorm(SameShapeLayer):
    """x / (k + alpha * mean of x^2)^beta over neighbours (Krizhevsky et al. 2012, 3.3).

    The neighbours are `size` channels, or with `within` a window of `size` x `size` in
    the channel's own map.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0
    within: bool = False

    keyword = "lrn"
    widths = ()
    last_activation = None

    @property
    def title(self) -> str:
        """Its size."""
        return f"LRN {self.size}"

    @property
    def channelwise(self) -> bool:
        """With `within`."""
        return self.within

    @property
    def pixelwise(self) -> bool:
        """Over channels."""
        return not self.within

    @property
    def problem(self) -> tuple[str, str] | None:
        """What is wrong with its arguments together, and what to do."""
        if self.within and self.size % 2 == 0:
            return f"a window of {self.size}x{self.size} has no middle", odd(self.size, self.origin)
        return None

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        norm = LocalResponseNormOp(
            size=self.size, alpha=self.alpha, beta=self.beta, k=self.k, within=self.within
        )
        return graph.add(norm, x)
