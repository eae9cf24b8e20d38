"""Batches of uint8 pixels, read ahead by threads.

The seam for faster loading: training and evaluation ask for `training_batches` and
`full_image_batches` alone, and what these yield depends on their arguments, not on the recipe's
`workers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ctcdsl.distributed.processes import SINGLE_SHARD, Shard
from ctcdsl.images.batch_plan import split_batches
from ctcdsl.images.corrupt import CorruptImages, OnReplaced, ReadResult, read_or_replace
from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.resize import read_resized
from ctcdsl.images.sampling import AugmentParams, Crop, augment_params, cut_crop, epoch_order
from ctcdsl.images.threads import prefetch, reading_threads
from ctcdsl.recipe import Recipe
from ctcdsl.text import UserError

Task = Callable[[], ReadResult]
_AHEAD = 4  # batches that may be in memory besides the one in use


class Batch(NamedTuple):
    """Training views of some images and their labels."""

    pixels: Tensor
    """uint8 (images, 3, h, w), channels last."""
    labels: Tensor
    """int64 (images,)."""
    colour_draws: Tensor
    """float32 (images, 3): standard normal numbers for the PCA colour augmentation."""
    mirrored: Tensor
    """bool (images,): which images the network is to see mirrored."""

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`; from pinned memory without waiting for it."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All of it."""
        return tuple(self)

    def subset(self, start: int, stop: int) -> Batch:
        """Images `start` up to but not `stop`."""
        return Batch(*(tensor[start:stop] for tensor in self))


class FullImages(NamedTuple):
    """Resized images that are not cropped, and their labels."""

    images: tuple[Tensor, ...]
    """uint8 (3, H, W) each, channels last; H and W differ from image to image."""
    labels: Tensor
    """int64 (images,); they stay on the CPU."""

    def to(self, device: torch.device) -> FullImages:
        """The images on `device`; from pinned memory without waiting for them."""
        images = tuple(image.to(device, non_blocking=True) for image in self.images)
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

    A `shard` is its process's subset of every batch, so that all shards together are the batches
    of one process, step by step; it may be empty where the last batch has fewer images than there
    are processes. No batch and no shard that is not empty has fewer than `min_images` images (see
    `batch_plan`). `pin` puts the batches into page-locked memory, for a GPU.

    An image that cannot be read is replaced by the next one of the set, and `on_replaced` gets its
    name and the reason. Raises `UserError`: CTC631 where that happens to more than the recipe's
    `max_corrupt` of the images, CTC604 for a missing permission.
    """
    shorter = recipe.resize_for(crop)
    order = epoch_order(recipe.seed, epoch, len(images))
    full_batches = split_batches(order, recipe.batch, min_images)
    batches = [shard.of(indices, min_images) for indices in full_batches]
    corrupt = CorruptImages(
        images,
        num_images=sum(map(len, batches)),
        limit=recipe.max_corrupt,
        on_replaced=on_replaced,
    )

    def begin(indices: list[int]) -> tuple[tuple[Tensor, AugmentParams], list[Task]]:
        # Rows of pixels are as decoders give them, and as channels-last networks take them.
        pixels = torch.empty((len(indices), *crop, 3), dtype=torch.uint8, pin_memory=pin)
        rows, params = pixels.numpy(), augment_params(recipe.seed, epoch, indices)

        def read(slot: int) -> ReadResult:
            image, result = read_or_replace(images, indices[slot], corrupt.max_tries, shorter)
            if image is not None:
                top, left = params.crop_positions[slot].tolist()
                rows[slot] = cut_crop(image, (top, left) if recipe.random_crop else None, crop)
            return result

        return (pixels, params), [partial(read, slot) for slot in range(len(indices))]

    works = map(begin, batches[first_step:])
    threads = reading_threads(recipe.workers, for_gpu=pin)
    for (pixels, params), results in prefetch(works, threads=threads, depth=_AHEAD):
        for result in results:
            corrupt.add(result)
        labels = [images.label(result.index) for result in results]
        yield Batch(
            pixels.permute(0, 3, 1, 2),
            torch.tensor(labels, dtype=torch.int64),
            torch.from_numpy(params.colour),
            torch.from_numpy(params.mirror < recipe.flip),
        )


def full_image_batches(
    images: ImageSet,
    recipe: Recipe,
    *,
    crop: Crop,
    batch: int,
    shard: Shard = SINGLE_SHARD,
    pin: bool = False,
) -> Iterator[FullImages]:
    """The images in their order, `batch` at a time, resized so that `crop` can be cut.

    A `shard` has every world-th image of the set. Raises `UserError` where an image cannot be
    read, with all such images of the batch.
    """
    shorter = recipe.resize_for(crop)

    def read(index: int) -> Tensor | UserError:
        try:
            pixels = read_resized(images, index, shorter)
        except UserError as cause:
            return cause
        image = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=pin)
        image.numpy()[:] = pixels  # which may be memory of a pack
        return image.permute(2, 0, 1)

    batches = split_batches(shard.of(range(len(images))), batch)
    works = ((indices, [partial(read, index) for index in indices]) for indices in batches)
    threads = reading_threads(recipe.workers, for_gpu=pin)
    for indices, results in prefetch(works, threads=threads, depth=_AHEAD):
        failures = [result for result in results if isinstance(result, UserError)]
        if failures:
            raise UserError(*(entry for failure in failures for entry in failure.diagnostics))
        yield FullImages(
            tuple(result for result in results if isinstance(result, Tensor)),
            torch.tensor([images.label(index) for index in indices], dtype=torch.int64),
        )
