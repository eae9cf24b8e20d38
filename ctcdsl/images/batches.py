"""Batches of uint8 pixels, read ahead by threads.

The seam for faster loading: all that the loop and the test ask is `training_batches` and
`full_image_batches`, and what they yield depends on their arguments alone, not on the recipe's
`workers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ctcdsl.distributed.shares import SINGLE_SHARD, Shard
from ctcdsl.images.augment import Crop, Position, cut_crop, read_resized
from ctcdsl.images.batch_plan import split_batches
from ctcdsl.images.corrupt import CorruptImages, OnReplaced, ReadResult, read_or_replace
from ctcdsl.images.image_set import ImageSet, Pixels
from ctcdsl.images.sampling import AugmentParams, augment_params, epoch_order
from ctcdsl.images.threads import prefetch, reading_threads
from ctcdsl.recipe import Recipe
from ctcdsl.text.diagnostic import Diagnostic, UserError

AHEAD = 4
"""Batches that may be in memory besides the one in use."""


class Batch(NamedTuple):
    """Training views of some images and their labels."""

    pixels: Tensor
    """uint8 (images, 3, h, w), channels last."""
    labels: Tensor
    """int64 (images,)."""
    colour_draws: Tensor
    """float32 (images, 3): standard normal numbers for the colour altering."""
    mirrored: Tensor
    """bool (images,): which images the network is to see mirrored."""

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`; from pinned memory without waiting for it."""
        return Batch(*(each.to(device, non_blocking=True) for each in self))

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All of it."""
        return tuple(self)

    def subset(self, start: int, stop: int) -> Batch:
        """Images `start` up to but not `stop`."""
        return Batch(*(each[start:stop] for each in self))


class FullImages(NamedTuple):
    """Whole images, scaled, and their labels."""

    images: tuple[Tensor, ...]
    """uint8 (3, H, W) each, channels last; H and W differ from image to image."""
    labels: Tensor
    """int64 (images,); they stay on the CPU."""

    def to(self, device: torch.device) -> FullImages:
        """The images on `device`; from pinned memory without waiting for them."""
        images = tuple(each.to(device, non_blocking=True) for each in self.images)
        return FullImages(images, self.labels)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The images."""
        return self.images


def training_batches(
    images: ImageSet,
    recipe: Recipe,
    *,
    crop: Crop,
    epoch: int,
    first_step: int = 0,
    shard: Shard = SINGLE_SHARD,
    min_images: int = 1,
    pin: bool = False,
    on_replaced: OnReplaced = lambda name, reason: None,
) -> Iterator[Batch]:
    """The batches of `epoch` (from 1), each image once, augmented, from step `first_step` on.

    A `share` is that part of every batch, so that all shares together are the batches of the
    whole, step by step; it may be empty where the last batch is smaller than the world. No batch
    and no share that is not empty has less than `fewest` images (see `batch_plan`). `pin` puts the
    batches into page-locked memory, for a GPU.

    An image that cannot be read is replaced by the next one of the set, and `replaced` hears its
    name and the reason. Raises `UserError`: CTC631 where that happens to more than the recipe's
    `max_corrupt` of the images, CTC604 where one may not be read.
    """
    views = _Views(images, recipe, crop, recipe.resize_for(crop), epoch)
    everything = split_batches(
        epoch_order(recipe.seed, epoch, len(images)), recipe.batch, min_images
    )
    mine = [shard.of(group, min_images) for group in everything]
    ledger = CorruptImages(
        images, num_images=sum(map(len, mine)), limit=recipe.max_corrupt, on_replaced=on_replaced
    )
    works = (
        _PendingBatch(views, group, tries=ledger.max_tries, pin=pin) for group in mine[first_step:]
    )
    threads = reading_threads(recipe.workers, for_gpu=pin)
    for work in prefetch(works, threads=threads, depth=AHEAD):
        for found in work.found:
            ledger.add(found)
        yield work.batch()


def full_image_batches(
    images: ImageSet,
    recipe: Recipe,
    *,
    crop: Crop,
    batch: int,
    shard: Shard = SINGLE_SHARD,
    pin: bool = False,
) -> Iterator[FullImages]:
    """The images in their own order, `batch` at a time, scaled so that `crop` can be cut.

    A `share` is every world-th image of the set. Raises `UserError` where an image cannot be
    read, with all such images of the batch.
    """
    groups = split_batches(shard.of(range(len(images))), batch)
    shorter = recipe.resize_for(crop)
    works = (_PendingFullImages(images, group, shorter=shorter, pin=pin) for group in groups)
    threads = reading_threads(recipe.workers, for_gpu=pin)
    for work in prefetch(works, threads=threads, depth=AHEAD):
        yield work.wholes()


@dataclass(frozen=True, slots=True)
class _Views:
    """How images are seen in an epoch of training."""

    images: ImageSet
    recipe: Recipe
    crop: Crop
    shorter: int
    epoch: int

    def draws(self, indices: Sequence[int]) -> AugmentParams:
        return augment_params(self.recipe.seed, self.epoch, indices)

    def of(self, whole: Pixels, place: Position) -> Pixels:
        return cut_crop(whole, place if self.recipe.random_crop else None, self.crop)


class _PendingBatch:
    """A batch for training, on its way."""

    def __init__(self, views: _Views, group: list[int], *, tries: int, pin: bool) -> None:
        self._views, self._group, self._tries = views, group, tries
        # Rows of pixels lie as decoders give them, and as channels-last networks take them.
        shape = (len(group), *views.crop, 3)
        self._pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=pin)
        self._rows = self._pixels.numpy()
        self._draws = views.draws(group)
        self._places: list[Position] = self._draws.crop_positions.tolist()
        self._found: dict[int, ReadResult] = {}

    @property
    def tasks(self) -> list[Callable[[], object]]:
        """A call for each slot."""
        return [partial(self._fill, slot) for slot in range(len(self._group))]

    def _fill(self, slot: int) -> None:
        views = self._views
        index = self._group[slot]
        whole, self._found[slot] = read_or_replace(views.images, index, self._tries, views.shorter)
        if whole is not None:
            self._rows[slot] = views.of(whole, self._places[slot])

    @property
    def found(self) -> list[ReadResult]:
        """What the slots were filled with, in their order."""
        return [self._found[slot] for slot in range(len(self._group))]

    def batch(self) -> Batch:
        """The batch, all of whose slots are filled."""
        labels = [self._views.images.label(found.index) for found in self.found]
        return Batch(
            self._pixels.permute(0, 3, 1, 2),
            torch.tensor(labels, dtype=torch.int64),
            torch.from_numpy(self._draws.colour),
            torch.from_numpy(self._draws.mirror < self._views.recipe.flip),
        )


class _PendingFullImages:
    """A batch of whole images, on its way."""

    def __init__(self, images: ImageSet, group: list[int], *, shorter: int, pin: bool) -> None:
        self._images, self._group, self._shorter, self._pin = images, group, shorter, pin
        self._scaled: dict[int, Tensor] = {}
        self._failures: dict[int, tuple[Diagnostic, ...]] = {}

    @property
    def tasks(self) -> list[Callable[[], object]]:
        """A call for each slot."""
        return [partial(self._fill, slot) for slot in range(len(self._group))]

    def _fill(self, slot: int) -> None:
        try:
            pixels = read_resized(self._images, self._group[slot], self._shorter)
        except UserError as error:
            self._failures[slot] = error.diagnostics
            return
        whole = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=self._pin)
        whole.numpy()[:] = pixels  # which may be memory of a pack
        self._scaled[slot] = whole.permute(2, 0, 1)

    def wholes(self) -> FullImages:
        """The images; `UserError` for all of them that cannot be read."""
        slots = range(len(self._group))
        if self._failures:
            raise UserError(*(each for slot in slots for each in self._failures.get(slot, ())))
        return FullImages(
            tuple(self._scaled[slot] for slot in slots),
            torch.tensor([self._images.label(index) for index in self._group], dtype=torch.int64),
        )
