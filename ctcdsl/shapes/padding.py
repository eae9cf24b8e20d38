"""The padding rules."""

from __future__ import annotations

from ctcdsl.ir import Conv, Layer, PadRule, Pair, Pool, Shape, SlidingWindow
from ctcdsl.ir.network import Padded

_PAPER = {1: 0, 3: 1, 5: 2, 7: 0, 11: 0}


class PaddingRule:
    """The padding of a chain's windows by a rule, one after another from the chain's start.

    Under `pad paper` it matters how many 2x2 filters precede one without another size
    between them; 1x1 filters, which change no map, do not count.
    """

    def __init__(self, rule: PadRule, twos: int = 0) -> None:
        """A rule for a chain, or for its rest behind so many 2x2 filters."""
        self._rule = rule
        self._twos = twos

    @property
    def odd(self) -> bool:
        """Whether an odd number of 2x2 filters precede: all that later layers depend on."""
        return self._twos % 2 == 1

    def next(self, layer: Layer) -> Pair | None:
        """What the author gave, else the rule; None where the rule has none."""
        if not isinstance(layer, SlidingWindow):
            return (0, 0)
        padding = layer.padding if layer.padding is not None else self._of(layer)
        if isinstance(layer, Conv) and layer.kernel != (1, 1):
            self._twos = self._twos + 1 if layer.kernel == (2, 2) else 0
        return padding

    def _of(self, layer: SlidingWindow) -> Pair | None:
        height, width = layer.kernel
        if self._rule is PadRule.PAPER:
            if isinstance(layer, Pool):
                return (0, 0)
            if height != width or layer.extent != layer.kernel:
                return None
            padding = self._twos % 2 if height == 2 else _PAPER.get(height)
            return None if padding is None else (padding, padding)
        if self._rule is PadRule.VALID:
            return (0, 0)
        # Under `pad tf` the map decides; this is its padding of stride 1.
        (stride_h, stride_w), (extent_h, extent_w) = layer.stride, layer.extent
        above = 0 if height == stride_h else (extent_h - 1) // 2
        left = 0 if width == stride_w else (extent_w - 1) // 2
        return above, left


def tensorflow(layer: SlidingWindow, shape: Shape) -> Padded:
    """The padding of TensorFlow's `same`, by the layer's input `shape`.

    The map has ceil(in / s) positions on each side: as many pixels are added as their windows
    reach beyond it, max((ceil(in / s) - 1) * s + extent - in, 0), the odd one below or on the
    right. With a stride of 1 that is one padding for all sizes. The last windows of a pool reach
    over the border for the odd pixel, which they do where they are at least two apart: a pool of
    even side and stride 1 has no padding here.
    """
    sides = list(zip(shape[1:], layer.extent, layer.stride, strict=True))
    top, left = (
        max((ceil_div(size, stride) - 1) * stride + extent - size, 0)
        for size, extent, stride in sides
    )
    if isinstance(layer, Pool) and any(
        total % 2 and stride == 1 for total, (_, _, stride) in zip((top, left), sides, strict=True)
    ):
        return Padded(None)
    by_map = any(extent > 1 and stride > 1 for _, extent, stride in sides)
    uncounted = isinstance(layer, Pool) and layer.reduction == "avg" and (top or left) > 0
    return Padded((top // 2, left // 2), (top % 2, left % 2), uncounted, by_map)


def ceil_div(number: int, divisor: int) -> int:
    """A quotient, rounded up."""
    return -(-number // divisor)


def covers_map(layer: Layer, shape: Shape) -> bool:
    """Whether this is a pool over its whole map, which the author did not pad.

    In a chain outside of all brackets `pad same` gives such a pool no padding: the one
    padding by a rule that depends on the size of the map.
    """
    return (
        isinstance(layer, Pool)
        and layer.padding is None
        and not layer.strided
        and layer.kernel == shape[1:]
        and not layer.grouped
    )
