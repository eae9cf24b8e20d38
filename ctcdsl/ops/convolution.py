"""Convolutions and matrices: the operations whose multiply-accumulates count."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from ctcdsl.ops.calls import Argument, Role, channels, map_note, option, shown, sides
from ctcdsl.ops.kernels import in_half, pad
from ctcdsl.ops.op import POINT, MapOp, Op, Overwrite, TensorSpec, Window
from ctcdsl.ops.shapes import Pair, Shape, convolution_macs, output_size
from ctcdsl.ops.tensor import FIRST, FLOAT, LAST, Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.graph import OpNode
    from ctcdsl.ops.tape import Tape


_BLOCK = 16
"""Channels that oneDNN computes together: it pads weights up to them."""
_OVERHEAD = 16_384
"""Bytes of its descriptions."""
_STRIDES = 98_304
"""Bytes that the gradient of a map with strides takes besides."""


def convolve(
    tape: Tape,
    node: OpNode,
    x: Tensor,
    numel: int,
    groups: int = 1,
    weight: Tensor | None = None,
    *,
    gathers: int = 0,
    transposed: bool = False,
) -> Tensor:
    """The convolution of `x` to `numel` values, by the operation's weight or another of its shape.

    Its kernels want their channels last, and give the gradient of the weight in a layout of
    their own: what is not so is copied. Without AVX-512 they gather the windows of so many
    positions first where it `gathers`.
    """
    (_, _, shape, _), *others = node.op.tensors()
    # Autocast takes the last argument first.
    bias = [in_half(tape, tape.parameter(prod(spec.shape))) for spec in others]
    weight = in_half(tape, tape.parameter(prod(shape)) if weight is None else weight)
    x = in_half(tape, x)
    output = tape.tensor(numel, x.itemsize)
    copied = sum([t.size for t in (x, weight) if t.layout != LAST])
    back = copied + weight.size
    return tape.run(
        output,
        x,
        weight,
        *bias,
        keeps=(x, weight),
        work=copied,
        back=back,
        first=back + output.size,
        strided=back + output.size,
        gives=LAST,
        scratch=_scratch(x, output, shape, groups, gathers, transposed),
    )


def _scratch(
    x: Tensor,
    output: Tensor,
    weight: tuple[int, ...],
    groups: int,
    gathers: int,
    transposed: bool,
) -> tuple[int, int]:
    """The most work space that oneDNN was seen to take on two threads, forward and backward.

    It lays weights out in blocks; backward each thread sums up a gradient of its own, in float32,
    and of few channels or of bfloat16 turns the maps of an image around: if it is `transposed`, in
    float32 and forward, too. Where it gathers windows, each thread has those of an image beside
    that, and the gradient is there nine times.
    """
    first, second, *kernel = weight
    area = prod(kernel)
    blocked = groups * _blocked(-(-first // groups)) * _blocked(second) * area
    forward, backward = 2 * x.itemsize * blocked + _OVERHEAD, 3 * FLOAT * blocked
    if gathers:
        gathered = second * area * (9 * first + 2 * gathers) + 2 * max(x.numel, output.numel)
        backward = max(backward, FLOAT * gathered)
    backward += _OVERHEAD + _STRIDES
    if transposed:
        turned = 2 * (x.numel + output.numel) * FLOAT
        return forward + turned + _STRIDES, backward + turned
    if x.itemsize < FLOAT or second < _BLOCK:
        backward += 2 * (x.numel + output.numel) * x.itemsize
    return forward, backward


def _blocked(channels: int) -> int:
    """Channels in whole blocks."""
    return -(-channels // _BLOCK) * _BLOCK


def _matrix_scratch(weight: Tensor, out_features: int) -> tuple[int, int]:
    """The most work space that oneDNN was seen to take for a matrix in bfloat16."""
    columns = -(-out_features // (8 * _BLOCK)) * 8 * _BLOCK
    packed = weight.numel // out_features * columns * weight.itemsize + _OVERHEAD
    return packed, 2 * packed


STANDARDISATION_EPS = 1e-6
"""What `StdConv2d` adds to the variance of a filter unless it is told otherwise."""


class Conv2d(MapOp):
    """A convolution of maps; `padding` on both sides."""

    in_channels: int
    out_channels: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: bool = True

    module = "nn.Conv2d"
    overwrite = Overwrite.MAY
    bit_stable = True

    @property
    def extent(self) -> Pair:
        """The side of its window: the kernel with the gaps of its dilation."""
        (height, width), (down, across) = self.kernel, self.dilation
        return down * (height - 1) + 1, across * (width - 1) + 1

    def infer(self, *inputs: Shape) -> Shape:
        """The map of its windows; it floors."""
        _, height, width = inputs[0]
        extent, stride, padding = self.extent, self.stride, self.padding
        return Shape(
            self.out_channels,
            output_size(height, extent[0], stride[0], padding[0]),
            output_size(width, extent[1], stride[1], padding[1]),
        )

    def tensors(self) -> tuple[TensorSpec, ...]:
        """A filter for each output channel, and a bias."""
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel)
        bias = (TensorSpec("bias", "bias", (self.out_channels,)),) if self.bias else ()
        return (TensorSpec("weight", "weight", shape), *bias)

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel of oneDNN."""
        gathers = self._gathers(node)
        return convolve(
            tape, node, inputs[0], node.output.shape.numel, self.groups, gathers=gathers
        )

    def _gathers(self, node: OpNode) -> int:
        """The positions whose windows are gathered: where it is dilated, or larger than its map."""
        _, height, width = node.inputs[0].shape
        fits = self.dilation == (1, 1) and height >= self.kernel[0] and width >= self.kernel[1]
        return 0 if fits else prod(node.output.shape[1:])

    def macs(self, output: Shape) -> int:
        """One term of Eqn. 1 of He & Sun 2015."""
        return convolution_macs(self.in_channels, self.kernel, output, self.groups)

    def window(self) -> Window | None:
        """Its window."""
        return Window(self.extent, self.stride, self.padding)

    def note(self, output: Shape) -> str:
        """The shape of its map."""
        return map_note(output)

    def arguments(self) -> tuple[Argument, ...]:
        """Those of `nn.Conv2d`."""
        return (
            channels(self.in_channels),
            channels(self.out_channels),
            sides("kernel_size", self.kernel, Role.KERNEL),
            sides("stride", self.stride, Role.STRIDE, "1"),
            sides("padding", self.padding, Role.PADDING, "0"),
            sides("dilation", self.dilation, Role.DILATION, "1"),
            option("groups", self.groups, Role.GROUPS, 1),
            Argument(str(self.bias), "bias", "True"),
        )


class StdConv2d(Conv2d):
    """A convolution by standardised filters: less their mean, over the root of variance and eps."""

    eps: float = STANDARDISATION_EPS

    module = "StdConv2d"

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """The filters as channels of one image, their batch norm, and the convolution by them."""
        weight, *_ = self.tensors()
        out, per_group, *kernel = weight.shape
        filters = tape.parameter(prod(weight.shape))
        layout = LAST
        if per_group > 1 < prod(kernel):  # then it matters what is last
            layout = FIRST
            copy = tape.like(filters, layout=layout)
            filters = tape.run(copy, filters, gives=LAST)
        channel = FLOAT * out
        result = tape.like(filters, layout=layout)
        standard = tape.run(
            result,
            filters,
            keeps=(filters,),
            states=(channel, channel),
            work=2 * channel,
            back=filters.size,
            gives=LAST,
        )
        standard = tape.run(tape.view(standard), standard)
        tape.hold(standard)
        return convolve(
            tape,
            node,
            inputs[0],
            node.output.shape.numel,
            self.groups,
            weight=standard,
            gathers=self._gathers(node),
        )

    def arguments(self) -> tuple[Argument, ...]:
        """Those of `nn.Conv2d`, and eps."""
        eps = Argument(shown(self.eps), "eps", shown(STANDARDISATION_EPS))
        return (*Conv2d.arguments(self), eps)


class ConvTranspose2d(MapOp):
    """The transpose of a convolution: each position of a map is spread over `kernel`.

    `padding` is cut off on both sides, `output_padding` more stays at the far one.
    """

    in_channels: int
    out_channels: int
    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    output_padding: Pair = (0, 0)
    groups: int = 1
    bias: bool = True

    module = "nn.ConvTranspose2d"
    overwrite = Overwrite.MAY
    bit_stable = True

    def infer(self, *inputs: Shape) -> Shape:
        """(m - 1) s - 2 p + k positions of a side of m, and the output padding."""
        height, width = (
            (side - 1) * s - 2 * p + k + more
            for side, k, s, p, more in zip(
                inputs[0][1:],
                self.kernel,
                self.stride,
                self.padding,
                self.output_padding,
                strict=True,
            )
        )
        return Shape(self.out_channels, height, width)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """A filter for each input channel, and a bias."""
        shape = (self.in_channels, self.out_channels // self.groups, *self.kernel)
        bias = (TensorSpec("bias", "bias", (self.out_channels,)),) if self.bias else ()
        return (TensorSpec("weight", "weight", shape), *bias)

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel of oneDNN."""
        _, height, width = node.output.shape
        fits = height >= self.kernel[0] and width >= self.kernel[1]
        return convolve(
            tape,
            node,
            inputs[0],
            node.output.shape.numel,
            self.groups,
            gathers=0 if fits else prod(node.inputs[0].shape[1:]),
            transposed=True,
        )

    def macs(self, output: Shape) -> int:
        """Every weight once for each position of the input: those that padding cuts off, too."""
        sides = zip(
            output[1:], self.kernel, self.stride, self.padding, self.output_padding, strict=True
        )
        height, width = ((n - more + 2 * p - k) // s + 1 for n, k, s, p, more in sides)
        weights = self.in_channels // self.groups * self.kernel[0] * self.kernel[1]
        return weights * self.out_channels * height * width

    def window(self) -> Window | None:
        """Position i sees those that reach it: from ceil((i + p - k + 1) / s) to (i + p) // s.

        That is its window where strides of height and width are equal.
        """
        stride = self.stride[0]
        size, padding = zip(
            *(
                (k - stride + 1, k - stride - p)
                for k, p in zip(self.kernel, self.padding, strict=True)
            ),
            strict=True,
        )
        return Window((size[0], size[1]), (1, 1), (padding[0], padding[1]), stride)

    def note(self, output: Shape) -> str:
        """The shape of its map."""
        return map_note(output)

    def arguments(self) -> tuple[Argument, ...]:
        """Those of `nn.ConvTranspose2d`."""
        return (
            channels(self.in_channels),
            channels(self.out_channels),
            sides("kernel_size", self.kernel, Role.KERNEL),
            sides("stride", self.stride, Role.STRIDE, "1"),
            sides("padding", self.padding, Role.PADDING, "0"),
            sides("output_padding", self.output_padding, Role.PADDING, "0"),
            option("groups", self.groups, Role.GROUPS, 1),
            Argument(str(self.bias), "bias", "True"),
        )


class ZeroPad2d(MapOp):
    """Zeros on the sides of a map."""

    above: int = 0
    left: int = 0
    below: int
    right: int

    module = "nn.ZeroPad2d"
    overwrite = Overwrite.MAY
    bit_stable = True

    def infer(self, *inputs: Shape) -> Shape:
        """The larger map."""
        channels, height, width = inputs[0]
        height += self.above + self.below
        return Shape(channels, height, width + self.left + self.right)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """None."""
        return ()

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """A larger map."""
        return pad(tape, inputs[0], node.output.shape.numel)

    def macs(self, output: Shape) -> int:
        """None."""
        return 0

    def window(self) -> Window | None:
        """The same position, which has moved by the zeros before it."""
        return Window(padding=(self.above, self.left))

    def arguments(self) -> tuple[Argument, ...]:
        """Left, right, above, below; one number where they are equal."""
        sides = (self.left, self.right, self.above, self.below)
        return (Argument(str(sides[0] if len({*sides}) == 1 else sides)),)


class Linear(Op):
    """A matrix and a bias on vectors."""

    in_features: int
    out_features: int

    module = "nn.Linear"
    overwrite = Overwrite.MAY
    bit_stable = True
    in_place = False
    makes_vector = True

    def infer(self, *inputs: Shape) -> Shape:
        """A vector of `out_features`."""
        return Shape(self.out_features, 1, 1)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """The matrix and the bias."""
        shape = (self.out_features, self.in_features)
        weight = TensorSpec("weight", "weight", shape)
        return weight, TensorSpec("bias", "bias", (self.out_features,))

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel."""
        bias = in_half(tape, tape.parameter(self.out_features))
        weight = in_half(tape, tape.parameter(self.in_features * self.out_features))
        x = in_half(tape, inputs[0])
        result = tape.tensor(node.output.shape.numel, x.itemsize)
        scratch = _matrix_scratch(weight, self.out_features) if tape.half else (0, 0)
        return tape.run(result, x, weight, bias, keeps=(x, weight), scratch=scratch)

    def macs(self, output: Shape) -> int:
        """One for each weight."""
        return self.in_features * self.out_features

    def window(self) -> Window | None:
        """The vector is one position."""
        return POINT

    def note(self, output: Shape) -> str:
        """None."""
        return ""

    def arguments(self) -> tuple[Argument, ...]:
        """Those of `nn.Linear`."""
        return channels(self.in_features), channels(self.out_features)
