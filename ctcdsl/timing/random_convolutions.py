"""Random convolutions, of each kind that CPU libraries compute by a kernel of its own."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from ctcdsl.ops.convolution import Conv2d, ConvTranspose2d, StdConv2d
from ctcdsl.ops.op import Op
from ctcdsl.ops.shapes import Pair, Shape
from ctcdsl.timing.random_sizes import LARGEST_MAP, RandomSizes

Drawn = tuple[Op, Shape]
"""An operation and its input."""

_MOST_WEIGHTS = 10_000_000
_MOST_MACS, _MANY_MACS = 900_000_000, 250_000_000
"""Of one image; half of those above the second are drawn again, since they take long."""
_KERNELS = (3,) * 12 + (2, 4, 5, 5, 5, 7, 7, 9, 11)
_GROUP_WIDTHS = (4, 8, 8, 16, 16, 24, 32, 40, 48, 64, 64, 96)


class RandomConvolutions:
    """Draws convolutions; one whose map or arithmetic is too large is drawn again."""

    def __init__(self, sizes: RandomSizes) -> None:
        self._sizes = sizes

    def table(self) -> tuple[tuple[int, Callable[[], Drawn]], ...]:
        """How often each kind is drawn."""
        return (
            (300, lambda: self._fitting(self._square)),
            (240, lambda: self._fitting(self._single)),
            (50, lambda: self._fitting(self._strided)),
            (40, lambda: self._fitting(self._of_vector)),
            (120, lambda: self._fitting(self._depthwise)),
            (16, lambda: self._fitting(self._depthwise_single)),
            (120, lambda: self._fitting(self._grouped)),
            (20, lambda: self._fitting(self._transposed)),
            (30, lambda: self._fitting(self._standardised)),
        )

    def _fitting(self, draw: Callable[[], Drawn]) -> Drawn:
        while True:
            op, shape = draw()
            output = op.infer(shape)
            if min(output) < 1 or max(shape.numel, output.numel) > LARGEST_MAP:
                continue
            if prod(op.tensors()[0].shape) > _MOST_WEIGHTS:
                continue
            most = _MOST_MACS if self._sizes.chance(0.5) else _MANY_MACS
            if op.macs(output) <= most:
                return op, shape

    def _square(self) -> Drawn:
        """Of 3x3 mostly; some see an image, some are 1xn or dilated."""
        sizes = self._sizes
        side = sizes.choice(_KERNELS)
        kernel: Pair = (side, side)
        stride = sizes.choice((1,) * 7 + (2, 2, 2, 3, 4))
        dilation = 1
        sides = sizes.sides(4, 130)
        outputs = sizes.width(sides)
        if sizes.chance(0.12):
            kernel, stride = sizes.choice(((1, side), (side, 1))), 1
        if sizes.chance(0.12):
            inputs, outputs = sizes.choice((3, 3, 3, 3, 1)), sizes.rounded(sizes.between(12, 130))
            stride = sizes.choice((1, 2, 2, 2, 3, 4))
            sides = sizes.sides(20, 130)
        else:
            inputs = outputs if sizes.chance(0.5) else self._other(outputs)
        if kernel == (3, 3) and sizes.chance(0.04):
            dilation, stride = 2, 1
        return self._conv(inputs, outputs, kernel, stride, sides, dilation=dilation)

    def _single(self) -> Drawn:
        sides = self._sizes.sides(3)
        outputs = self._sizes.width(sides)
        return self._conv(self._other(outputs), outputs, (1, 1), 1, sides)

    def _strided(self) -> Drawn:
        """Of 1x1 with a stride: shortcuts."""
        sides = self._sizes.sides(3, 130)
        outputs = self._sizes.width(sides)
        stride = self._sizes.choice((2, 2, 2, 2, 2, 3))
        return self._conv(self._other(outputs), outputs, (1, 1), stride, sides)

    def _of_vector(self) -> Drawn:
        """Of 1x1 on maps of one pixel: gates."""
        outputs = self._sizes.rounded(self._sizes.between(8, 1500))
        times = self._sizes.choice((4, 16, 8, 0.25, 0.0625, 1))
        inputs = self._sizes.rounded(max(4, min(4000, outputs * times)))
        return self._conv(inputs, outputs, (1, 1), 1, (1, 1))

    def _depthwise(self) -> Drawn:
        sides = self._sizes.sides()
        channels = self._sizes.width(sides, 500, 16_000)
        side = self._sizes.choice((3, 3, 3, 3, 3, 5, 5, 7, 9))
        if self._sizes.chance(0.1):
            kernel = self._sizes.choice(((1, side), (side, 1)))
            return self._conv(channels, channels, kernel, 1, sides, groups=channels)
        stride = self._sizes.choice((1, 1, 2))
        return self._conv(channels, channels, (side, side), stride, sides, groups=channels)

    def _depthwise_single(self) -> Drawn:
        """Of 1x1: a kernel of its own, and slow."""
        sides = self._sizes.sides()
        channels = self._sizes.width(sides, 500, 16_000)
        stride = self._sizes.choice((1, 1, 2))
        return self._conv(channels, channels, (1, 1), stride, sides, groups=channels)

    def _grouped(self) -> Drawn:
        sides = self._sizes.sides(3, 130)
        channels = self._sizes.width(sides, 800)
        width = self._sizes.choice(_GROUP_WIDTHS)
        groups = self._sizes.choice((2, 3, 4, 32, *(max(2, channels // width),) * 3))
        inputs = max(2, round(channels / groups)) * groups
        outputs = inputs * (2 if self._sizes.chance(0.15) else 1)
        side = self._sizes.choice((3, 3, 3, 3, 3, 3, 5, 1))
        stride = self._sizes.choice((1, 1, 2))
        return self._conv(inputs, outputs, (side, side), stride, sides, groups=groups)

    def _transposed(self) -> Drawn:
        sides = self._sizes.sides(3, 100)
        outputs = self._sizes.width(sides)
        inputs = min(1500, outputs * self._sizes.choice((1, 2, 2)))
        side = self._sizes.choice((2, 2, 3, 4))
        op = ConvTranspose2d(
            in_channels=inputs,
            out_channels=outputs,
            kernel=(side, side),
            stride=(2, 2),
            padding=((side - 1) // 2,) * 2,
            bias=self._sizes.chance(0.5),
        )
        return op, Shape(inputs, *sides)

    def _standardised(self) -> Drawn:
        sides = self._sizes.sides(4, 100)
        outputs = self._sizes.width(sides)
        side = self._sizes.choice((1, 3, 3))
        stride = self._sizes.choice((1, 1, 1, 2))
        op, shape = self._conv(self._other(outputs), outputs, (side, side), stride, sides)
        standardised = StdConv2d(
            in_channels=op.in_channels,
            out_channels=op.out_channels,
            kernel=op.kernel,
            stride=op.stride,
            padding=op.padding,
            bias=op.bias,
        )
        return standardised, shape

    def _other(self, outputs: int) -> int:
        """Channels of an input, up to eight times more or fewer than those of the output."""
        return self._sizes.rounded(min(4000, max(4, outputs * self._sizes.between(1 / 8, 8))))

    def _conv(
        self,
        inputs: int,
        outputs: int,
        kernel: Pair,
        stride: int,
        sides: Pair,
        *,
        groups: int = 1,
        dilation: int = 1,
    ) -> tuple[Conv2d, Shape]:
        """A convolution to an output of some sides, mostly padded to keep those of its input."""
        height, width = (dilation * (side - 1) // 2 for side in kernel)
        padded = kernel[0] != kernel[1] or not self._sizes.chance(0.08)
        op = Conv2d(
            in_channels=inputs,
            out_channels=outputs,
            kernel=kernel,
            stride=(stride, stride),
            padding=(height, width) if padded else (0, 0),
            dilation=(dilation, dilation),
            groups=groups,
            bias=self._sizes.chance(0.3),
        )
        return op, Shape(inputs, sides[0] * stride, sides[1] * stride)
