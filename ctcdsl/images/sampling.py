"""The random choices of training: the order of an epoch, and how each image is augmented in it.

They are functions of (seed, epoch, index) alone, so neither the threads and processes that read
images nor a resumed run change them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctcdsl.images.decode import Pixels

Crop = tuple[int, int]
"""Height and width of what the network sees of an image."""
Position = tuple[float, float]
"""Where a crop is in the free height and width, from 0 up to but not 1."""

# First words of the random streams. numpy pads short seeds with zeros, so a stream needs a word
# of its own: [seed, epoch] and [seed, epoch, 0] would be the same one.
_ORDER, _VIEW = 1, 2

_NUMBERS = 7  # that an image takes of the stream: top, left, mirror, and two pairs for colours


class AugmentParams(NamedTuple):
    """The choices for some images in one epoch."""

    crop_positions: NDArray[np.float64]
    """(images, 2): a `Position` for each image."""
    mirror: NDArray[np.float64]
    """(images,): uniform in [0, 1); an image is mirrored where this is below the recipe's share."""
    colour: NDArray[np.float32]
    """(images, 3): standard normal numbers, one for each principal axis of the colours."""


def augment_params(seed: int, epoch: int, indices: Sequence[int]) -> AugmentParams:
    """The choices for the images `indices` in `epoch`, the same whichever others are among them.

    All at once: a generator for each image would take longer than copying its pixels.
    """
    start = np.random.SeedSequence([_VIEW, seed, epoch]).generate_state(1, np.uint64)
    image = np.asarray(indices, dtype=np.uint64)[:, None]
    uniform = _uniform(start + image * np.uint64(_NUMBERS) + np.arange(_NUMBERS, dtype=np.uint64))
    # Box and Muller (1958): two uniform numbers make two normal ones.
    radius = np.sqrt(-2 * np.log1p(-uniform[:, 3:5]))
    angle = 2 * np.pi * uniform[:, 5:7]
    normal = np.hstack([radius * np.cos(angle), radius[:, :1] * np.sin(angle[:, :1])])
    return AugmentParams(uniform[:, :2], uniform[:, 2], normal.astype(np.float32))


def cut_crop(image: Pixels, position: Position | None, crop: Crop) -> Pixels:
    """The `crop` at `position` of a resized image (Section 5), not mirrored yet; None: the centre.

    A view of the array, not a copy.
    """
    free_height, free_width = image.shape[0] - crop[0], image.shape[1] - crop[1]
    if position is None:
        top, left = free_height // 2, free_width // 2
    else:
        top, left = int(position[0] * (free_height + 1)), int(position[1] * (free_width + 1))
    return image[top : top + crop[0], left : left + crop[1]]


def _uniform(numbers: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The elements so numbered of a stream that is uniform in [0, 1).

    SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): its
    nth value is a function of n. Arithmetic is modulo 2**64.
    """
    bits = numbers * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def epoch_order(seed: int, epoch: int, images: int) -> list[int]:
    """The order in which `epoch` shows the images: a permutation of their indices."""
    indices: list[int] = np.random.default_rng([_ORDER, seed, epoch]).permutation(images).tolist()
    return indices
