"""What a test found: whole numbers first, so that the parts of a test add up exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ctcdsl.evaluation.views import Views

_NAT = 2**32
"""Losses are counted in this part of a nat: sums of whole numbers do not depend on their order."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Counts:
    """Images and hits of each class: what several processes add to have tested as one."""

    images: Tensor
    """int64 (classes,): images of each class."""
    top1_correct: Tensor
    """int64 (classes,): those whose class is the likeliest."""
    top5_correct: Tensor
    """int64 (classes,): those whose class is among the `k` likeliest."""
    loss_sum: int
    """Sum of the images' losses, in 2^-32 nats."""
    non_finite: int
    """Images whose loss is not a number."""

    def __add__(self, other: Counts) -> Counts:
        """The counts of both parts."""
        return Counts(
            images=self.images + other.images,
            top1_correct=self.top1_correct + other.top1_correct,
            top5_correct=self.top5_correct + other.top5_correct,
            loss_sum=self.loss_sum + other.loss_sum,
            non_finite=self.non_finite + other.non_finite,
        )

    @property
    def total(self) -> int:
        """The number of images."""
        return int(self.images.sum())

    @property
    def loss(self) -> float:
        """Mean of -log p(label) in nats; NaN where a loss is, or without images."""
        return math.nan if self.non_finite or not self.total else self.loss_sum / _NAT / self.total

    @property
    def top1_error(self) -> float:
        """Share of images whose class is not the likeliest."""
        return self._error(self.top1_correct)

    @property
    def top5_error(self) -> float:
        """Share of images whose class is not among the `k` likeliest."""
        return self._error(self.top5_correct)

    @property
    def class_errors(self) -> tuple[float | None, ...]:
        """Top-1 error of each class; None for a class without images."""
        pairs = zip(self.images.tolist(), self.top1_correct.tolist(), strict=True)
        return tuple(
            (images - top1_correct) / images if images else None for images, top1_correct in pairs
        )

    def _error(self, top1_correct: Tensor) -> float:
        return (self.total - int(top1_correct.sum())) / self.total if self.total else math.nan


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scores:
    """What a test found, image by image. Errors are shares of the images, 0 to 1."""

    views: Views
    classes: int
    """The network's outputs."""
    indices: Tensor
    """int64 (images,): the images' numbers in the set, ascending."""
    labels: Tensor
    """int64 (images,)."""
    top: Tensor
    """int64 (images, k): the likeliest classes of each image, likeliest first."""
    probabilities: Tensor
    """float32 (images, k): their probabilities."""
    of_labels: Tensor
    """float32 (images,): the probability of each image's own class."""
    note: str = ""
    """What the user should know of how it was computed; mostly nothing."""

    @property
    def images(self) -> int:
        """The number of images."""
        return len(self.labels)

    @property
    def k(self) -> int:
        """5, or the number of classes where that is smaller (then `top5_error` is always 0)."""
        return self.top.shape[1]

    @property
    def right(self) -> Tensor:
        """Whether the label of each image is its likeliest class: bool (images,)."""
        return self.top[:, 0] == self.labels

    @property
    def counts(self) -> Counts:
        """The whole numbers that all errors follow from."""
        top5_correct = (self.top == self.labels[:, None]).any(dim=1)
        # an underflowing probability must not make the loss infinite, a broken one must show
        likely = self.of_labels.clamp(min=torch.finfo(torch.float32).tiny)
        loss_sum = -likely.double().log()
        non_finite = loss_sum.isnan()
        return Counts(
            images=self._per_class(self.labels),
            top1_correct=self._per_class(self.labels[self.right]),
            top5_correct=self._per_class(self.labels[top5_correct]),
            loss_sum=int((loss_sum[~non_finite] * _NAT).round().long().sum()),
            non_finite=int(non_finite.sum()),
        )

    @property
    def loss(self) -> float:
        """Mean of -log p(label) in nats, p being the softmax averaged over the views."""
        return self.counts.loss

    @property
    def top1_error(self) -> float:
        """Share of images whose label is not the likeliest class."""
        return self.counts.top1_error

    @property
    def top5_error(self) -> float:
        """Share of images whose label is not among the `k` likeliest classes."""
        return self.counts.top5_error

    @property
    def class_errors(self) -> tuple[float | None, ...]:
        """Top-1 error of each class; None for a class without images."""
        return self.counts.class_errors

    def _per_class(self, labels: Tensor) -> Tensor:
        return torch.bincount(labels, minlength=self.classes)


def merged(parts: Sequence[Scores]) -> Scores:
    """The scores of a whole test from those of its shares, in any order.

    Raises ValueError where the shares are not of one test.
    """
    if len({(part.views, part.classes, part.k) for part in parts}) != 1:
        raise ValueError("these are not shares of one test")
    indices = torch.cat([part.indices for part in parts])
    order = indices.argsort()
    if len(set(indices.tolist())) != len(indices):
        raise ValueError("an image is in two shares")
    return Scores(
        views=parts[0].views,
        classes=parts[0].classes,
        indices=indices[order],
        labels=torch.cat([part.labels for part in parts])[order],
        top=torch.cat([part.top for part in parts])[order],
        probabilities=torch.cat([part.probabilities for part in parts])[order],
        of_labels=torch.cat([part.of_labels for part in parts])[order],
        note=next((part.note for part in parts if part.note), ""),
    )
