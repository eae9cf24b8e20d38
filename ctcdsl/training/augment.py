"""Which part of an image the network sees: the order of an epoch, crops, mirrors, the ten views.

Random choices are functions of (seed, epoch, index) alone, so neither the number of threads
that read images nor a resumed run changes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]  # (height, width, RGB)
Picture = Image.Image | Pixels  # decoded: by Pillow, or as raw packs hold it
Crop = tuple[int, int]  # (height, width)

# First words of the random streams. numpy pads short seeds with zeros, so a stream needs a word
# of its own: [seed, epoch] and [seed, epoch, 0] would be the same one.
_ORDER, _VIEW = 1, 2

# Shrinking by 6 or more goes through a box average first: several times faster on photographs
# of many megapixels, and Pillow's manual calls the result nearly indistinguishable.
_REDUCING_GAP = 3.0


@dataclass(frozen=True, slots=True)
class Draw:
    """The random choices for one image in one epoch."""

    top: float
    """Where the crop lies in the free height, from 0 up to but not 1."""
    left: float
    """The same in the free width."""
    mirror: float
    """Uniform in [0, 1): the image is mirrored where this is below the recipe's share."""
    colour: tuple[float, float, float]
    """Standard normal numbers, one for each principal axis of the colours."""


def draw(seed: int, epoch: int, index: int) -> Draw:
    """The choices for image `index` in `epoch`."""
    random = np.random.default_rng([_VIEW, seed, epoch, index])
    top, left, mirror = random.random(3).tolist()
    first, second, third = random.standard_normal(3).tolist()
    return Draw(top, left, mirror, (first, second, third))


def order(seed: int, epoch: int, images: int) -> list[int]:
    """The order in which `epoch` shows the images: a permutation of their indices."""
    indices: list[int] = np.random.default_rng([_ORDER, seed, epoch]).permutation(images).tolist()
    return indices


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


def training_view(
    picture: Picture, choice: Draw, *, crop: Crop, shorter: int, anywhere: bool
) -> Pixels:
    """A crop of the scaled picture as `choice` says (Section 5), not mirrored yet.

    `anywhere` false takes the centre. `shorter` is not below the crop's sides. Of raw pixels that
    need no scaling it is a part, not a copy.
    """
    width, height = scaled_size(*size_of(picture), shorter)
    free_height, free_width = height - crop[0], width - crop[1]
    if anywhere:
        top, left = int(choice.top * (free_height + 1)), int(choice.left * (free_width + 1))
    else:
        top, left = free_height // 2, free_width // 2
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
