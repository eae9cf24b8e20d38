"""The layers of a network: one frozen dataclass a kind.

`origin` is the author's text; it survives rewrites, so that an error in a rewritten
layer still points at the author's line. Equality ignores it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ctcdsl.text import Span

Reduction = Literal["max", "avg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv:
    """`filters` filters of `kernel` x `kernel`, then ReLU.

    `padding` is what the author wrote, in pixels on each side; None leaves it to the
    network's padding rule.
    """

    filters: int
    kernel: int
    stride: int = 1
    padding: int | None = None
    origin: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A sliding-window pool; its map floors unless `ceil`."""

    reduction: Reduction
    kernel: int
    stride: int
    padding: int | None = None
    ceil: bool = False
    origin: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalResponseNorm:
    """Normalisation across `size` neighbouring channels (Krizhevsky et al. 2012, 3.3)."""

    size: int = 5
    origin: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout:
    """Zeroes each input with `probability` in training."""

    probability: float
    origin: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalPool:
    """The average of each channel's whole map: a vector of channels."""

    origin: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialPyramid:
    """Max pooling into n x n bins for each level n, concatenated (He & Sun 2015, Section 5)."""

    levels: tuple[int, ...]
    origin: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Fully connected: `features` outputs, then ReLU; None is the linear classifier."""

    features: int | None
    origin: Span = field(compare=False)


TrunkLayer = Conv | Pool | LocalResponseNorm | Dropout
HeadLayer = GlobalPool | SpatialPyramid | Linear | Dropout
Layer = TrunkLayer | HeadLayer
Window = Conv | Pool
"""The layers that slide a window over a map: those with kernel, stride and padding."""
