"""The pixels of an image that the network sees: scaled, whole or cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]  # (height, width, RGB)
Picture = Image.Image | Pixels  # decoded: by Pillow, or as raw packs hold it
Crop = tuple[int, int]  # (height, width)
Place = tuple[float, float]
"""Where a crop lies in the free height and width, from 0 up to but not 1."""

# Shrinking by 6 or more goes through a box average first: several times faster on photographs
# of many megapixels, and Pillow's manual calls the result nearly indistinguishable.
_REDUCING_GAP = 3.0


def scaled_size(width: int, height: int, shorter: int) -> tuple[int, int]:
    """(width, height) of an image scaled so that its shorter side is `shorter`."""
    scale = shorter / min(width, height)
    return max(round(width * scale), shorter), max(round(height * scale), shorter)


def scaled(picture: Picture, shorter: int) -> Pixels:
    """The whole of `picture`, scaled so that its shorter side is `shorter`; antialiased."""
    width, height = scaled_size(*size_of(picture), shorter)
    whole = _cut(picture, (width, height), 0, 0, (height, width))
    return whole if whole.base is None else whole.copy()


def size_of(picture: Picture) -> tuple[int, int]:
    """Its width and height."""
    if isinstance(picture, Image.Image):
        return picture.size
    return picture.shape[1], picture.shape[0]


def training_view(picture: Picture, place: Place | None, *, crop: Crop, shorter: int) -> Pixels:
    """A crop at `place` of the scaled picture (Section 5), not mirrored yet; None is the centre.

    `shorter` is not below the crop's sides. Of raw pixels that need no scaling it is a part, not
    a copy.
    """
    width, height = scaled_size(*size_of(picture), shorter)
    free_height, free_width = height - crop[0], width - crop[1]
    if place is None:
        top, left = free_height // 2, free_width // 2
    else:
        top, left = int(place[0] * (free_height + 1)), int(place[1] * (free_width + 1))
    return _cut(picture, (width, height), top, left, crop)


def _cut(picture: Picture, size: tuple[int, int], top: int, left: int, crop: Crop) -> Pixels:
    """The `crop` at (top, left) of `picture` scaled to `size`, without computing the rest of it."""
    height, width = crop
    if size == size_of(picture):  # nothing to scale; the resampling below would give the same
        if isinstance(picture, Image.Image):
            return np.array(picture.crop((left, top, left + width, top + height)))
        return picture[top : top + height, left : left + width]
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    across, down = image.width / size[0], image.height / size[1]
    box = (
        left * across,
        top * down,
        min((left + width) * across, image.width),  # rounding must not leave the image
        min((top + height) * down, image.height),
    )
    part = image.resize(
        (width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=_REDUCING_GAP
    )
    return np.array(part)
