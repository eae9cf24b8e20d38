"""Batches of uint8 pixels, read ahead by threads.

The seam for faster loading: all that the loop and the test ask is `training_batches`,
`test_batches` and `whole_batches`, and what they yield depends on their arguments alone, not on
the recipe's `workers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.training.augment import Crop, Draw, draw, order, scaled, training_view
from ctcdsl.training.corrupt import Found, Ledger, Told, find
from ctcdsl.training.data import ImageSet, picture
from ctcdsl.training.recipe import Recipe
from ctcdsl.training.threads import Work, done_ahead

AHEAD = 4
"""Batches that may be in memory besides the one in use."""

Cut = Callable[[Tensor], Tensor]
"""Views (V, 3, h, w) of a scaled image (3, H, W)."""


class Share(NamedTuple):
    """The part of the images that one of several processes works on."""

    rank: int = 0
    world: int = 1

    def of(self, indices: Sequence[int]) -> list[int]:
        """Every `world`-th index from number `rank` on; all shares together are `indices`."""
        return list(indices[self.rank :: self.world])


WHOLE = Share()


class Batch(NamedTuple):
    """Views of some images and their labels."""

    pixels: Tensor
    """uint8 (images x views, 3, h, w), the views of an image next to each other; channels last."""
    labels: Tensor
    """int64 (images,)."""
    draws: Tensor
    """float32 (images, 3): standard normal numbers for the colour altering; zeros in a test."""
    mirrored: Tensor | None = None
    """bool (images,): which images the network is to see mirrored; None: no one."""

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`; from pinned memory without waiting for it."""
        moved = (each if each is None else each.to(device, non_blocking=True) for each in self)
        return Batch(*moved)  # type: ignore[arg-type]  # only the last may be None, and stays so

    def part(self, start: int, stop: int) -> Batch:
        """Images `start` up to but not `stop`, of a batch with one view an image."""
        return Batch(*(each if each is None else each[start:stop] for each in self))  # type: ignore[arg-type]


class Wholes(NamedTuple):
    """Whole images, scaled, and their labels."""

    images: tuple[Tensor, ...]
    """uint8 (3, H, W) each, channels last; H and W differ from image to image."""
    labels: Tensor
    """int64 (images,)."""


def steps(images: int, batch: int) -> int:
    """Batches in an epoch; the last one has what is left over."""
    return -(-images // batch)


def training_batches(
    images: ImageSet,
    recipe: Recipe,
    *,
    crop: Crop,
    epoch: int,
    first_step: int = 0,
    share: Share = WHOLE,
    pin: bool = False,
    replaced: Told = lambda name, reason: None,
) -> Iterator[Batch]:
    """The batches of `epoch` (from 1), each image once, augmented, from step `first_step` on.

    A `share` is that part of every batch, so that all shares together are the batches of the
    whole, step by step; it may be empty where the last batch is smaller than the world. `pin`
    puts the batches into page-locked memory, for a GPU.

    An image that cannot be read is replaced by the next one of the set, and `replaced` hears its
    name and the reason. Raises `UserError`: CTC631 where that happens to more than the recipe's
    `max_corrupt` of the images, CTC604 where one may not be read.
    """
    indices = order(recipe.seed, epoch, len(images))
    groups = [share.of(indices[at : at + recipe.batch]) for at in _starts(indices, recipe.batch)]
    ledger = Ledger(
        images, share=sum(map(len, groups)), limit=recipe.max_corrupt, told=replaced
    )
    shorter = recipe.resize_for(crop)

    def filling(group: list[int]) -> _Training:
        return _Training(images, recipe, crop, shorter, epoch, group, ledger.tries, pin)

    for work in _ahead((filling(group) for group in groups[first_step:]), recipe):
        for found in work.found:
            ledger.enter(found.failures, hopeless=found.picture is None)
        yield work.batch()


def test_batches(
    images: ImageSet,
    recipe: Recipe,
    *,
    crop: Crop,
    cut: Cut,
    batch: int,
    share: Share = WHOLE,
    pin: bool = False,
) -> Iterator[Batch]:
    """The images in their own order, `batch` of them at a time, each cut into views by `cut`.

    Raises `UserError` where an image cannot be read.
    """
    for wholes in whole_batches(images, recipe, crop=crop, batch=batch, share=share):
        pixels = torch.cat([cut(image) for image in wholes.images])
        if pin:
            pixels = pixels.pin_memory()
        yield Batch(pixels, wholes.labels, torch.zeros(len(wholes.labels), 3))


def whole_batches(
    images: ImageSet,
    recipe: Recipe,
    *,
    crop: Crop,
    batch: int,
    share: Share = WHOLE,
    pin: bool = False,
) -> Iterator[Wholes]:
    """The images in their own order, `batch` at a time, scaled so that `crop` can be cut.

    A `share` is every world-th image of the set. Raises `UserError` where an image cannot be
    read, with all such images of the batch.
    """
    indices = share.of(range(len(images)))
    shorter = recipe.resize_for(crop)
    groups = (indices[at : at + batch] for at in _starts(indices, batch))
    for work in _ahead((_Whole(images, shorter, group, pin) for group in groups), recipe):
        if work.failures:
            raise UserError(*(each for _, each in sorted(work.failures)))
        yield work.wholes()


class _Training:
    """A batch for training, on its way."""

    def __init__(
        self,
        images: ImageSet,
        recipe: Recipe,
        crop: Crop,
        shorter: int,
        epoch: int,
        group: list[int],
        tries: int,
        pin: bool,
    ) -> None:
        self._images, self._recipe, self._crop, self._shorter = images, recipe, crop, shorter
        self._tries, self._pin = tries, pin
        self._group, self._epoch = group, epoch
        # Rows of pixels lie as decoders give them, and as channels-last networks take them.
        self._pixels = torch.empty((len(group), *crop, 3), dtype=torch.uint8, pin_memory=pin)
        self._rows = self._pixels.numpy()
        self._draws: list[Draw | None] = [None] * len(group)
        self._found: list[Found | None] = [None] * len(group)

    @property
    def parts(self) -> list[Callable[[], object]]:
        return [partial(self._fill, slot) for slot in range(len(self._group))]

    def _fill(self, slot: int) -> None:
        """Read and cut the image of a slot: numpy and Pillow alone, torch would start threads."""
        index = self._group[slot]
        choice = draw(self._recipe.seed, self._epoch, index)
        found = find(self._images, index, self._tries)
        if found.picture is not None:
            self._rows[slot] = training_view(
                found.picture,
                choice,
                crop=self._crop,
                shorter=self._shorter,
                anywhere=self._recipe.random_crop,
            )
            found = found.without_pixels()
        self._draws[slot], self._found[slot] = choice, found

    @property
    def found(self) -> list[Found]:
        return [found for found in self._found if found is not None]

    def batch(self) -> Batch:
        draws = [choice for choice in self._draws if choice is not None]
        labels = torch.tensor([self._images.label(found.index) for found in self.found], dtype=torch.int64)
        colours = torch.tensor([choice.colour for choice in draws]).reshape(-1, 3)
        mirrored = torch.tensor([choice.mirror < self._recipe.flip for choice in draws], dtype=torch.bool)
        return Batch(self._pixels.permute(0, 3, 1, 2), labels, colours, mirrored)
