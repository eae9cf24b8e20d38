"""Feature maps and the arithmetic of sliding windows."""

from __future__ import annotations

from typing import NamedTuple

Pair = tuple[int, int]
"""Height and width of a window, or the padding above and below, left and right."""


class Shape(NamedTuple):
    """A feature map of one image; a vector of features has height and width 1."""

    channels: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"

    @property
    def numel(self) -> int:
        """The number of values."""
        return self.channels * self.height * self.width


def format_sides(sides: tuple[int, int]) -> str:
    """Height and width of a map, a window or a padding: `36`, or `1x7` where they differ."""
    return "x".join(map(str, dict.fromkeys(sides)))


def output_size(size: int, kernel: int, stride: int, padding: int, *, ceil: bool = False) -> int:
    """Return how many windows fit along one side: the size of the output map.

    Floors, as convolutions do. With `ceil` a last window may reach over the far border,
    but must begin inside the map or its near padding (Caffe's rule, and PyTorch's).
    The result is less than 1 where the kernel is larger than the padded map and no window
    may reach over its border: with `ceil` a 2x2 window of stride 2 leaves 1 of 1.
    """
    room = size + 2 * padding - kernel
    if not ceil:
        return max(0, room // stride + 1)
    count = max(0, -(-room // stride) + 1)
    return count - 1 if (count - 1) * stride >= size + padding else count


def convolution_macs(channels: int, kernel: tuple[int, int], output: Shape, groups: int = 1) -> int:
    """Return the multiply-accumulates of a convolution: one term of the paper's Eqn. 1.

    n_(l-1) * s_l^2 * n_l * m_l^2, with input `channels`, `kernel` = s_l x s_l, and
    `output` the map of n_l channels; height times width where kernel or map is not square.
    With groups each filter sees its share of the channels.
    """
    return channels // groups * kernel[0] * kernel[1] * output.numel
