"""Random sizes of maps and layers, as convolutional networks in general have them."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt
from random import Random
from typing import TypeVar

from ctcdsl.ops.shapes import Pair, Shape

T = TypeVar("T")

LARGEST_MAP = 4_000_000
"""Values of a map of one image, at most."""
_LARGEST_SIDE = 190
_WIDEST = 4100
_ROUND = (8,) * 7 + (16,) * 4 + (32, 32, 64, 64, 4, 4, 2, 1)
"""What channels are a multiple of."""


class RandomSizes:
    """Draws sizes; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def chance(self, probability: float) -> bool:
        """True in this share of all cases."""
        return self._random.random() < probability

    def choice(self, options: Sequence[T]) -> T:
        """One of the options, each as likely."""
        return self._random.choice(options)

    def between(self, low: float, high: float) -> float:
        """A number, each order of magnitude as likely."""
        return exp(self._random.uniform(log(low), log(high)))

    def rounded(self, channels: float, least: int = 4) -> int:
        """About so many channels, mostly a multiple of 8."""
        step = self.choice(_ROUND)
        return max(least, round(channels / step) * step)

    def sides(self, low: int = 4, high: int = _LARGEST_SIDE) -> Pair:
        """Height and width, mostly equal."""
        height = round(self.between(low - 0.4, high))
        square = self.chance(0.85)
        return height, height if square else max(1, round(height * self.between(0.6, 1.6)))

    def width(self, sides: Pair, low: float = 400, high: float = 20_000) -> int:
        """Channels of a map: the smaller it is, the more."""
        side = sqrt(sides[0] * sides[1])
        return self.rounded(min(_WIDEST, max(8, self.between(low, high) / side)))

    def map(self, largest: int = LARGEST_MAP, vectors: float = 0.0) -> Shape:
        """A map of at most so many values; `vectors` is the share of those of one pixel."""
        while True:
            if self.chance(vectors):
                return Shape(self.rounded(self.between(16, _WIDEST)), 1, 1)
            sides = self.sides()
            shape = Shape(self.width(sides), *sides)
            if shape.numel <= largest:
                return shape
