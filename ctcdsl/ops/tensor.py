"""Tensors as numbers of bytes: nothing is computed."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

DOUBLE, FLOAT, HALF, INDEX, BOOL = 8, 4, 2, 8, 1
"""Bytes of a value: float64, float32, bfloat16, int64, bool."""

Size = int
"""Bytes for any batch, plus `IMAGE` times those for each image: sizes add up as numbers do."""

IMAGE: Size = 1 << 64
"""A byte for each image."""

NOWHERE = -1
"""The storage of weights, which are counted apart."""


def bytes_of(size: Size, batch: int) -> int:
    """The bytes of a size for a batch."""
    return size % IMAGE + batch * (size // IMAGE)


class Layout(IntEnum):
    """How a map lies in memory: its channels last, first, or as a part of another tensor."""

    LAST = 0
    FIRST = 1
    STRIDED = 2

    __hash__ = int.__hash__  # that of enumerations is many times as slow


class Tensor(NamedTuple):
    """A tensor; a new `number` for each result, a `storage` that views and results in place share.

    `numel` counts the values of an image, or all where it is not `batched`. `learns` where autograd
    computes its gradient.
    """

    number: int
    storage: int
    numel: int
    itemsize: int
    layout: Layout = Layout.LAST
    batched: bool = True
    learns: bool = False

    @property
    def size(self) -> Size:
        """Its bytes."""
        count = self.numel * self.itemsize
        return IMAGE * count if self.batched else count

    @property
    def is_parameter(self) -> bool:
        """Whether it is a weight, which has a place of its own."""
        return self.storage == NOWHERE
