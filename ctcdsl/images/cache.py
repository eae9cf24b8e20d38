"""Scaled images of a small training set, kept in memory: each is decoded once."""

from __future__ import annotations

from dataclasses import dataclass, field

from ctcdsl.images.augment import read_resized
from ctcdsl.images.image_set import ImageSet, Pixels

LIMIT = 512 * 2**20
"""Bytes that are kept at most: some 2,000 images of 256 x 341."""


@dataclass(slots=True, eq=False)
class CachedImages:
    """The images of `original` as they are after scaling to the `shorter` side.

    The pass for mean and colours decodes images that the first epoch sees again. An image is kept
    where it takes no more than its share of the `limit`, so a large set keeps none.
    """

    original: ImageSet
    shorter: int
    limit: int = LIMIT
    _kept: dict[int, Pixels] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the set."""
        return self.original.classes

    def __len__(self) -> int:
        return len(self.original)

    def label(self, index: int) -> int:
        """The label of image `index`."""
        return self.original.label(index)

    def name(self, index: int) -> str:
        """What the set calls image `index`."""
        return self.original.name(index)

    def pixels(self, index: int) -> Pixels:
        """Image `index`, scaled. Raises `UserError` as `read_resized`."""
        pixels = self._kept.get(index)
        if pixels is None:
            pixels = read_resized(self.original, index, self.shorter)
            if pixels.nbytes * len(self.original) <= self.limit:
                self._kept[index] = pixels
        return pixels
