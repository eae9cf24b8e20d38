"""Tensors as numbers of bytes: nothing is computed."""

from __future__ import annotations

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


Layout = int
"""How a map is laid out in memory: its channels last, first, or as a part of another tensor."""
LAST, FIRST, STRIDED = range(3)


class Tensor:
    """A tensor; a new `number` for each result, a `storage` that views and results in place share.

    It has values of `itemsize` bytes, `size` together. `learns` where autograd computes its
    gradient.
    """

    __slots__ = ("itemsize", "layout", "learns", "number", "size", "storage")

    def __init__(
        self,
        number: int,
        storage: int,
        size: Size,
        itemsize: int,
        layout: Layout = LAST,
        learns: bool = False,
    ) -> None:
        self.number = number
        self.storage = storage
        self.size = size
        self.itemsize = itemsize
        self.layout = layout
        self.learns = learns

    @property
    def numel(self) -> int:
        """Its values, or those of an image."""
        count = self.size // self.itemsize
        return count // IMAGE if count >= IMAGE else count

    def size_as(self, itemsize: int) -> Size:
        """The bytes of its values in another type."""
        return self.size // self.itemsize * itemsize

    @property
    def is_parameter(self) -> bool:
        """Whether it is a weight, which has a place of its own."""
        return self.storage == NOWHERE
