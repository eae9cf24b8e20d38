"""Batches of uint8 views, decoded in this process or in workers.

The seam for faster loading: all that the loop and the test ask is `training_batches` and
`test_batches`, and what they yield depends on their arguments alone.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.training.augment import Crop, draw, order, scaled, training_view
from ctcdsl.training.data import ImageSet
from ctcdsl.training.recipe import Recipe

Cut = Callable[[Tensor], Tensor]
"""Views (V, 3, h, w) of a scaled image (3, H, W)."""


class Batch(NamedTuple):
    """Views of some images and their labels."""

    pixels: Tensor
    """uint8 (images x views, 3, h, w), the views of an image next to each other."""
    labels: Tensor
    """int64 (images,)."""
    draws: Tensor
    """float32 (images, 3): standard normal numbers for the colour altering; zeros in a test."""


def steps(images: int, batch: int) -> int:
    """Batches in an epoch; the last one has what is left over."""
    return -(-images // batch)


def training_batches(
    images: ImageSet, recipe: Recipe, *, crop: Crop, epoch: int, pin: bool = False
) -> Iterator[Batch]:
    """The batches of `epoch` (from 1): every image once, augmented, in the epoch's order.

    `pin` puts them into page-locked memory, for a GPU. Raises `UserError` where an image cannot
    be read.
    """
    views = _TrainingViews(images, recipe, crop, recipe.resize_for(crop), epoch)
    indices = order(recipe.seed, epoch, len(images))
    return _batches(views, indices, recipe.batch, recipe.workers, pin)


def test_batches(
    images: ImageSet, recipe: Recipe, *, crop: Crop, cut: Cut, batch: int, pin: bool = False
) -> Iterator[Batch]:
    """All images in their own order, `batch` of them at a time, each cut into views by `cut`.

    Raises `UserError` where an image cannot be read.
    """
    views = _TestViews(images, recipe.resize_for(crop), cut)
    return _batches(views, list(range(len(images))), batch, recipe.workers, pin)


class _Views(NamedTuple):
    pixels: Tensor
    label: int
    draws: tuple[float, float, float]


class _Source(Protocol):
    def load(self, index: int) -> _Views: ...


@dataclass(frozen=True, slots=True)
class _TrainingViews:
    images: ImageSet
    recipe: Recipe
    crop: Crop
    shorter: int
    epoch: int

    def load(self, index: int) -> _Views:
        choice = draw(self.recipe.seed, self.epoch, index)
        view = training_view(
            self.images.image(index),
            choice,
            crop=self.crop,
            shorter=self.shorter,
            flip=self.recipe.flip,
            anywhere=self.recipe.random_crop,
        )
        pixels = torch.from_numpy(np.ascontiguousarray(view)).permute(2, 0, 1)
        return _Views(pixels[None], self.images.label(index), choice.colour)


@dataclass(frozen=True, slots=True)
class _TestViews:
    images: ImageSet
    shorter: int
    cut: Cut

    def load(self, index: int) -> _Views:
        whole = torch.from_numpy(scaled(self.images.image(index), self.shorter)).permute(2, 0, 1)
        return _Views(self.cut(whole), self.images.label(index), (0.0, 0.0, 0.0))


@dataclass(frozen=True, slots=True)
class _Failure:
    """A user's error on its way out of a worker, where an exception would lose its diagnostics."""

    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class _Loaded(Dataset[_Views | _Failure]):
    source: _Source

    def __getitem__(self, index: int) -> _Views | _Failure:
        try:
            return self.source.load(index)
        except UserError as error:
            return _Failure(error.diagnostics)


def _batches(
    source: _Source, indices: list[int], batch: int, workers: int, pin: bool
) -> Iterator[Batch]:
    groups = [indices[start : start + batch] for start in range(0, len(indices), batch)]
    loader: DataLoader[_Views | _Failure] = DataLoader(
        _Loaded(source),
        batch_sampler=groups,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=pin,
        worker_init_fn=_leave_ctrl_c_to_the_parent,
        generator=torch.Generator(),  # its own: drawing from torch's would move the dropout
    )
    for loaded in loader:
        if isinstance(loaded, _Failure):
            raise UserError(*loaded.diagnostics)
        yield loaded


def _leave_ctrl_c_to_the_parent(worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # else each worker prints a traceback of its own


def _collate(items: list[_Views | _Failure]) -> Batch | _Failure:
    failed = [item for item in items if isinstance(item, _Failure)]
    if failed:
        return _Failure(tuple(diagnostic for each in failed for diagnostic in each.diagnostics))
    views = [item for item in items if not isinstance(item, _Failure)]
    return Batch(
        torch.cat([item.pixels for item in views]),
        torch.tensor([item.label for item in views]),
        torch.tensor([item.draws for item in views]),
    )
