"""Layers that slide a window over a map: what convolutions and pools have in common."""

from __future__ import annotations

import re

from ctcdsl.layers.base import Context, LayerKind, MapLayer
from ctcdsl.ops.record import replace
from ctcdsl.ops.shapes import Pair, Shape
from ctcdsl.text import Hint, Label


class SlidingWindow(MapLayer, abstract=True):
    """A layer with kernel and stride.

    `padding` is what the author wrote, in pixels on each side; None leaves it to the network's
    padding rule.
    """

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair | None = None

    growth = 1

    def form(self) -> LayerKind:
        """It without widths and stride."""
        return replace(MapLayer.form(self), stride=(1, 1))

    @property
    def strided(self) -> bool:
        """Whether it has a stride, along any side."""
        return self.stride != (1, 1)

    @property
    def extent(self) -> Pair:
        """The side of the window, the gaps of its dilation included."""
        return self.kernel

    def output(self, x: Shape, padding: Pair, far: Pair = (0, 0)) -> Shape:
        """The map of its windows; a side is less than 1 where the window does not fit.

        Args:
            x: Its input.
            padding: Above and on the left, and as much below and on the right.
            far: What more there is below and on the right.
        """
        raise NotImplementedError

    def infer(self, x: Shape, context: Context) -> Shape | None:
        """The map of its windows; CTC201 where not one fits."""
        output = self.output(x, context.padding, context.far)
        if output.height < 1 or output.width < 1:
            self.report_too_large(x, context)
            return None
        return output

    def report_too_large(self, x: Shape, context: Context) -> None:
        """Report a window that does not fit on its input `x` (CTC201)."""
        kernel_h, kernel_w = self.extent
        pad_h, pad_w = context.padding
        height, width = x.height + 2 * pad_h, x.width + 2 * pad_w
        padded = f", {height}x{width} with its padding" if pad_h or pad_w else ""
        context.error(
            "CTC201",
            f"a window of {kernel_h}x{kernel_w}{self.dilated} does not fit on the"
            f" {x.height}x{x.width} map{padded}",
            Label(self.origin, f"gets {x}"),
            hint="use a smaller window, more padding, fewer strides before it, or a larger input",
        )

    @property
    def dilated(self) -> str:
        """What a message says of its dilation."""
        return ""


def report_groups(groups: int, channels: int, noun: str, layer: MapLayer, context: Context) -> None:
    """Report groups that do not divide some channels (CTC207)."""
    if channels % groups == 0:
        return
    fewer = max(n for n in range(1, min(groups, channels) + 1) if channels % n == 0)
    more = [n for n in range(groups, channels + 1) if channels % n == 0][:1]
    # As the tag `g3`, or as the number of `shuffle(3)` and `gn(3)`.
    number = re.compile(rf"(?<=[, \t]g){groups}(?!\w)|(?<=[en]\(){groups}(?=[,)])")
    text = layer.origin.text
    changes = [number.sub(str(n), text) for n in (fewer, *more) if number.search(text)]
    context.error(
        "CTC207",
        f"{groups} groups do not divide the {channels} {noun}",
        layer.origin,
        hint=Hint(f"{' or '.join(map(str, [fewer, *more]))} would", *changes),
    )
