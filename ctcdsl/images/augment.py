"""The pixels of an image that the network sees: scaled, whole or cut."""

from __future__ import annotations

import torch
from torch.nn import functional

from ctcdsl.images.decode import unreadable
from ctcdsl.images.image_set import ImageSet, Pixels

Crop = tuple[int, int]  # (height, width)
Position = tuple[float, float]
"""Where a crop lies in the free height and width, from 0 up to but not 1."""

_MOST_PIXELS = 1 << 25  # 256 x 131072: a thinner image is a line, and would fill the memory


def resized_size(width: int, height: int, shorter: int) -> tuple[int, int]:
    """(width, height) of an image scaled so that its shorter side is `shorter`."""
    scale = shorter / min(width, height)
    return max(round(width * scale), shorter), max(round(height * scale), shorter)


def resize_shorter(pixels: Pixels, shorter: int) -> Pixels:
    """The whole image, scaled so that its shorter side is `shorter`; bilinear, antialiased.

    The very array where there is nothing to scale.
    """
    height, width = pixels.shape[:2]
    size = resized_size(width, height, shorter)
    return pixels if size == (width, height) else _resized(pixels, size[1], size[0])


def read_resized(images: ImageSet, index: int, shorter: int) -> Pixels:
    """Image `index` of the set, `scaled`.

    Raises `UserError` where it cannot be read, and CTC603 where it is too thin to be enlarged.
    """
    pixels = images.pixels(index)
    height, width = pixels.shape[:2]
    wide, high = resized_size(width, height, shorter)
    if min(height, width) < shorter and wide * high > _MOST_PIXELS:
        reason = f"it is {width}x{height}, and would be scaled to {wide}x{high}"
        raise unreadable(images.name(index), reason)
    return resize_shorter(pixels, shorter)


def cut_crop(image: Pixels, position: Position | None, crop: Crop) -> Pixels:
    """A crop at `place` of a scaled image (Section 5), not mirrored yet; None is the centre.

    A part of the array, not a copy.
    """
    free_height, free_width = image.shape[0] - crop[0], image.shape[1] - crop[1]
    if position is None:
        top, left = free_height // 2, free_width // 2
    else:
        top, left = int(position[0] * (free_height + 1)), int(position[1] * (free_width + 1))
    return image[top : top + crop[0], left : left + crop[1]]


def _resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """By torch's kernels for bytes: Pillow's arithmetic, to within 1, in a fifth of its time."""
    mine = pixels if pixels.flags.writeable else pixels.copy()  # torch warns of others
    image = torch.from_numpy(mine)[None].permute(0, 3, 1, 2)  # in this order: channels last
    found = functional.interpolate(image, (height, width), mode="bilinear", antialias=True)
    resized: Pixels = found[0].permute(1, 2, 0).numpy()
    return resized
