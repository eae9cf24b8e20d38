"""The embedded image set: patches of eleven photographs that come with the package.

It asks "which photograph is this patch from?". A class is one photograph. One side of it gives
the training patches, the other side the test patches, and no pixel belongs to both; the cut
is between two 8 × 8 blocks of the JPEG file, so no block belongs to both either. Seven
photographs are in colour; `brick`, `camera`, `grass` and `gravel` are grey, stored as RGB.

It is there so that training can be tried and tested offline, at once and with the same pixels
on every machine. What it can show: that the pipeline learns more than the training pixels by
heart, whether two networks of equal time cost take equal time, and which of two trains faster.
What it cannot show: accuracy at classifying natural images. The two sides of a photograph share
light, camera and subject, a class has no second instance, and the 264 test patches overlap and
are few, so a difference of a few per cent is noise. An error on this set says nothing
about an error on ImageNet or CIFAR.

`LICENSES.md` names title, author, source and licence of each photograph, and `build.py` made
the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import inf
from typing import Final, Literal, TypeAlias

import numpy as np
from PIL import Image

from ctcdsl.images.decode import Pixels

Split: TypeAlias = Literal["train", "test"]
Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are outside, as in Pillow."""

# The side of each photograph that is for test. Right, but for the astronaut: there left and
# right show different things, while top and bottom both show the suit, the flag and black.
_TEST_SIDE: Final[dict[str, Literal["right", "bottom"]]] = {
    "astronaut": "bottom",
    "brick": "right",
    "camera": "right",
    "chelsea": "right",
    "china": "right",
    "coffee": "right",
    "flower": "right",
    "grass": "right",
    "gravel": "right",
    "hubble_deep_field": "right",
    "retina": "right",
}
_TRAIN_EIGHTHS: Final = 5
_JPEG_BLOCK: Final = 8

# Numbers with many divisors, so that a grid can have about the shape of its region.
_PATCHES_A_CLASS: Final[dict[Split, int]] = {"train": 96, "test": 24}

CLASSES: Final[tuple[str, ...]] = tuple(_TEST_SIDE)
"""The names of the photographs, in alphabetical order; a label is an index into them."""


@dataclass(frozen=True, slots=True)
class Patches:
    """Square patches of the photographs, in order of their class; an image set to train on.

    The pixels of a patch are cut out on request, from photographs decoded once.
    """

    classes: tuple[str, ...]
    size: int
    """Height and width of every patch, in pixels."""
    corners: tuple[tuple[int, int, int], ...]
    """For each patch its label and the x and y of its top left pixel in the photograph."""

    def __len__(self) -> int:
        return len(self.corners)

    def label(self, index: int) -> int:
        """Return the class of a patch, an index into `classes`."""
        return self.corners[index][0]

    def pixels(self, index: int) -> Pixels:
        """Return the pixels of a patch, a new array: (size, size, 3)."""
        return np.array(photograph(self.classes[self.label(index)]).crop(self.box(index)))

    def name(self, index: int) -> str:
        """Return the photograph and the top left pixel of a patch, such as `coffee@128,32`."""
        label, x, y = self.corners[index]
        return f"{self.classes[label]}@{x},{y}"

    def box(self, index: int) -> Box:
        """Return the box of a patch in its photograph."""
        _, x, y = self.corners[index]
        return x, y, x + self.size, y + self.size


def patches(split: Split, *, size: int = 96) -> Patches:
    """Cut the photographs' side of a split into patches of size × size pixels.

    Every class has as many patches as any other: 96 for training, 24 for test. They are on a
    regular grid over the full region, so they overlap: at 96 pixels test patches mostly by a
    third to a half, training patches by about two thirds. At another size there are as many,
    overlapping more or less. The same arguments always give the same patches.

    Raises:
        ValueError: `split` is not a split, or `size` is not from 1 to the smallest side of the
            regions of that split, which is 171 for test and 280 for training.
    """
    if split not in _PATCHES_A_CLASS:
        raise ValueError(f"split is {split!r}, neither 'train' nor 'test'")
    corners: list[tuple[int, int, int]] = []
    for label, name in enumerate(CLASSES):
        left, top, right, bottom = region(name, split)
        across, down = right - left - size, bottom - top - size
        if size < 1 or across < 0 or down < 0:
            raise ValueError(f"no patch of {size} × {size} pixels fits into {name}'s {split} side")
        columns, rows = _grid(_PATCHES_A_CLASS[split], across, down)
        corners += [
            (label, left + x, top + y)
            for y in _spread(rows, down)
            for x in _spread(columns, across)
        ]
    return Patches(CLASSES, size, tuple(corners))


def region(name: str, split: Split) -> Box:
    """Return the side of a photograph that belongs to a split: five eighths train, the rest test.

    Raises:
        KeyError: there is no photograph of that name.
    """
    width, height = photograph(name).size
    if _TEST_SIDE[name] == "right":
        cut = _cut(width)
        return (0, 0, cut, height) if split == "train" else (cut, 0, width, height)
    cut = _cut(height)
    return (0, 0, width, cut) if split == "train" else (0, cut, width, height)


@cache
def photograph(name: str) -> Image.Image:
    """Decode a photograph to RGB, once; the image is shared, so do not write to it.

    Raises:
        KeyError: there is no photograph of that name.
    """
    if name not in _TEST_SIDE:
        raise KeyError(name)
    with (files(__name__) / "photographs" / f"{name}.jpg").open("rb") as file:
        return Image.open(file).convert("RGB")


def _cut(length: int) -> int:
    """Return where a side is cut, at most five eighths of it, on the border of two blocks."""
    return length * _TRAIN_EIGHTHS // 8 // _JPEG_BLOCK * _JPEG_BLOCK


def _grid(count: int, across: int, down: int) -> tuple[int, int]:
    """Return the columns and rows of `count` patches whose smaller step is the largest."""

    def step(steps: int, room: int) -> float:
        return room / steps if steps else inf

    def smaller_step(columns: int) -> float:
        return min(step(columns - 1, across), step(count // columns - 1, down))

    columns = max((n for n in range(1, count + 1) if count % n == 0), key=smaller_step)
    return columns, count // columns


def _spread(count: int, room: int) -> list[int]:
    """Return `count` whole numbers from 0 to `room`, both taken, evenly apart."""
    return [room * step // max(count - 1, 1) for step in range(count)]
