"""Images resized to a shorter side; those of a small training set are kept in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch.nn import functional

from ctcdsl.images.decode import Pixels, unreadable
from ctcdsl.images.image_set import ImageSet

CACHE_BYTES = 512 * 2**20
"""Bytes that are kept at most: some 2,000 images of 256 x 341."""

_MAX_PIXELS = 1 << 25  # 256 x 131072: a thinner image is a line, and would fill the memory


def resized_size(width: int, height: int, shorter: int) -> tuple[int, int]:
    """(width, height) of an image resized so that its shorter side is `shorter`."""
    scale = shorter / min(width, height)
    return max(round(width * scale), shorter), max(round(height * scale), shorter)


def resize_shorter(pixels: Pixels, shorter: int) -> Pixels:
    """The image resized so that its shorter side is `shorter`; bilinear, antialiased.

    The same array where its size is right already.
    """
    height, width = pixels.shape[:2]
    size = resized_size(width, height, shorter)
    return pixels if size == (width, height) else _resize(pixels, size[1], size[0])


def read_resized(images: ImageSet, index: int, shorter: int) -> Pixels:
    """Image `index` of the set, by `resize_shorter`.

    Raises `UserError` where it cannot be read, and CTC603 where it is too thin to be enlarged.
    """
    pixels = images.pixels(index)
    height, width = pixels.shape[:2]
    new_width, new_height = resized_size(width, height, shorter)
    if min(height, width) < shorter and new_width * new_height > _MAX_PIXELS:
        why = f"it is {width}x{height}, and would be resized to {new_width}x{new_height}"
        raise unreadable(images.name(index), why)
    return resize_shorter(pixels, shorter)


def _resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """By torch's kernels for bytes: Pillow's arithmetic, to within 1, in a fifth of its time."""
    writable = pixels if pixels.flags.writeable else pixels.copy()  # torch warns of others
    image = torch.from_numpy(writable)[None].permute(0, 3, 1, 2)  # in this order: channels last
    result = functional.interpolate(image, (height, width), mode="bilinear", antialias=True)
    resized: Pixels = result[0].permute(1, 2, 0).numpy()
    return resized


@dataclass(slots=True, eq=False)
class CachedImages:
    """The images of `source` after resizing to the `shorter` side; each is decoded once.

    Measuring mean and colours decodes images that the first epoch sees again. An image is kept
    where it takes no more than its share of `limit` bytes, so of a large set none is kept.
    """

    source: ImageSet
    shorter: int
    limit: int = CACHE_BYTES
    _cache: dict[int, Pixels] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the set."""
        return self.source.classes

    def __len__(self) -> int:
        return len(self.source)

    def label(self, index: int) -> int:
        """The label of image `index`."""
        return self.source.label(index)

    def name(self, index: int) -> str:
        """What the set calls image `index`."""
        return self.source.name(index)

    def pixels(self, index: int) -> Pixels:
        """Image `index`, resized. Raises `UserError` as `read_resized`."""
        pixels = self._cache.get(index)
        if pixels is None:
            pixels = read_resized(self.source, index, self.shorter)
            if pixels.nbytes * len(self.source) <= self.limit:
                self._cache[index] = pixels
        return pixels
