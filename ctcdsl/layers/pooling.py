"""Pools: `3/2`, `max(3,p0,ceil)/2`, `avg(2)/2`, and those of whole maps, `gap` and `gmp`."""

from __future__ import annotations

from ctcdsl.layers.arguments import Flag, Integer
from ctcdsl.layers.base import MAX_KERNEL, WORDS, Context, VectorLayer, Word, layer
from ctcdsl.layers.windows import SlidingWindow
from ctcdsl.ops.convolution import ZeroPad2d
from ctcdsl.ops.graph import Builder, Value
from ctcdsl.ops.operators import Flatten
from ctcdsl.ops.pooling import GlobalPool2d, Pool2d, Reduction
from ctcdsl.ops.shapes import Pair, Shape, output_size

__all__ = ["MAX_KERNEL", "POOL_TAGS", "GlobalPool", "Pool"]

_CEIL = Flag("ceil", "ceil", "a pool's map rounds up", "max(3,ceil)/2")
_NOCOUNT = Flag(
    *("count_padding", "nocount", "an average leaves out its padding", "avg(3,nocount)/1"),
    value=False,
)

_ZEROS = Flag("zeros", "zeros", "a maximum takes its padding as zeros", "max(3,zeros)/2")

POOL_TAGS = {"max": (_CEIL, _ZEROS), "avg": (_CEIL, _NOCOUNT)}
"""The words that a pool takes after its window and its padding."""


class Pool(SlidingWindow):
    """A sliding-window pool; its map floors unless `ceil`.

    An average divides by the size of its window, or by what of it is no padding. Padding is in no
    maximum, unless `zeros`: then it is a part of the map.

    `grouped` where it is in braces, which keep it padded even if it covers its whole map.
    """

    reduction: Reduction
    ceil: bool = False
    count_padding: bool = True
    zeros: bool = False
    grouped: bool = False

    keyword = "pool"
    channelwise = True
    pixelwise = False
    widths = ()
    last_activation = None

    @property
    def title(self) -> str:
        """Its window and its reduction."""
        return f"{self.kernel[0]}×{self.kernel[1]} {self.reduction} pool"

    @property
    def kind(self) -> str:
        """Its kind in reports."""
        return f"{self.reduction}_pool"

    def output(self, x: Shape, padding: Pair, far: Pair = (0, 0)) -> Shape:
        """The map of its windows; it floors unless `ceil`."""
        if self.zeros:
            x, padding, far = _padded(x, padding, far), (0, 0), (0, 0)
        (kernel_h, kernel_w), (stride_h, stride_w) = self.kernel, self.stride
        ceil = self.ceil or far != (0, 0)
        height = width = output_size(x.height, kernel_h, stride_h, padding[0], ceil=ceil)
        if (x.width, kernel_w, stride_w, padding[1]) != (x.height, kernel_h, stride_h, padding[0]):
            width = output_size(x.width, kernel_w, stride_w, padding[1], ceil=ceil)
        return Shape(x.channels, height, width)

    def out_channels(self, channels: int) -> int:
        """Those of its input."""
        return channels

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation, behind the zeros of its padding where these are a part of the map.

        Its last windows may reach over the border, by the one pixel that is padded more there:
        it is in no maximum, and counts in no average, as in TensorFlow.
        """
        (above, left), (below, right) = padding, far = context.padding, context.far
        if self.zeros and (padding, far) != ((0, 0), (0, 0)):
            zeros = ZeroPad2d(above=above, left=left, below=above + below, right=left + right)
            x = graph.add(zeros, x)
            padding, far = (0, 0), (0, 0)
        pool = Pool2d(
            reduction=self.reduction,
            kernel=self.kernel,
            stride=self.stride,
            padding=padding,
            ceil=self.ceil or far != (0, 0),
            count_padding=self.count_padding and not context.uncounted,
        )
        return graph.add(pool, x)


def _padded(x: Shape, padding: Pair, far: Pair) -> Shape:
    """A map with its padding."""
    return x._replace(
        height=x.height + 2 * padding[0] + far[0], width=x.width + 2 * padding[1] + far[1]
    )


def _register(reduction: str, summary: str, example: str) -> None:
    def unread(**values: object) -> Pool:
        raise AssertionError("a pool is read with its stride")

    window = Integer("k", 1, MAX_KERNEL, "a pool's window size")
    WORDS[reduction] = Word(
        reduction, "layer", summary, example, (window, *POOL_TAGS[reduction]), Pool, unread
    )


_register("max", "max pooling, of windows that are s apart: max(k)/s", "max(3,p0,ceil)/2")
_register("avg", "average pooling: avg(k)/s", "avg(2)/2")


@layer("gmp", summary="global max pooling", reduction="max")
@layer("gap", summary="global average pooling", reduction="avg")
class GlobalPool(VectorLayer):
    """The average, or the maximum, of each channel's map: a vector of channels."""

    reduction: Reduction = "avg"

    channelwise = True
    pixelwise = False
    widths = ()
    last_activation = None

    @property
    def keyword(self) -> str:
        """`gap` or `gmp`."""
        return "gap" if self.reduction == "avg" else "gmp"

    @property
    def title(self) -> str:
        """Its reduction."""
        return f"global {self.reduction} pool"

    def infer(self, x: Shape, context: Context) -> Shape | None:
        """A vector of the channels."""
        return Shape(x.channels, 1, 1)

    def out_channels(self, channels: int) -> int:
        """Those of its input."""
        return channels

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """The pool, and its map of 1x1 as a vector."""
        return graph.add(Flatten(), graph.add(GlobalPool2d(reduction=self.reduction), x))
