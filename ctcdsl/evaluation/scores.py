"""The result of a test: whole numbers first, so that the parts of a test add up exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from ctcdsl.evaluation.confusion import Confused, confusion
from ctcdsl.evaluation.views import Views, counted
from ctcdsl.metrics.html import as_html
from ctcdsl.metrics.tables import Table
from ctcdsl.text.plural import plural

_NAT = 2**32
"""Losses are counted in this part of a nat: sums of whole numbers do not depend on their order."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class Counts:
    """Images and correct ones of each class: what several processes add to have tested as one."""

    class_images: Tensor
    """int64 (classes,): images of each class."""
    top1_correct: Tensor
    """int64 (classes,): those whose class is the likeliest."""
    top5_correct: Tensor
    """int64 (classes,): those whose class is among the 5 likeliest (of fewer classes, all)."""
    loss_sum: int
    """Sum of the images' losses, in 2^-32 nats."""
    non_finite: int
    """Images whose loss is not a number."""

    def __add__(self, other: Counts) -> Counts:
        """The counts of both parts."""
        return Counts(
            class_images=self.class_images + other.class_images,
            top1_correct=self.top1_correct + other.top1_correct,
            top5_correct=self.top5_correct + other.top5_correct,
            loss_sum=self.loss_sum + other.loss_sum,
            non_finite=self.non_finite + other.non_finite,
        )

    @property
    def images(self) -> int:
        """The number of images."""
        return int(self.class_images.sum())

    @property
    def loss(self) -> float:
        """Mean of -log p(label) in nats, p averaged over the views; NaN without images."""
        invalid = self.non_finite or not self.images
        return math.nan if invalid else self.loss_sum / _NAT / self.images

    @property
    def top1_error(self) -> float:
        """Share of images whose class is not the likeliest, 0 to 1."""
        return self._error(self.top1_correct)

    @property
    def top5_error(self) -> float:
        """Share of images whose class is not among the 5 likeliest (of fewer classes, 0)."""
        return self._error(self.top5_correct)

    @property
    def class_errors(self) -> tuple[float | None, ...]:
        """Top-1 error of each class; None for a class without images."""
        pairs = zip(self.class_images.tolist(), self.top1_correct.tolist(), strict=True)
        return tuple((images - correct) / images if images else None for images, correct in pairs)

    def _error(self, correct: Tensor) -> float:
        return (self.images - int(correct.sum())) / self.images if self.images else math.nan


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class Scores(Counts):
    """The result of a test, image by image; errors are shares of the images, 0 to 1."""

    views: Views
    classes: tuple[str, ...]
    """The names of the network's outputs."""
    indices: Tensor
    """int64 (images,): the images' numbers in the set, ascending."""
    labels: Tensor
    """int64 (images,)."""
    top: Tensor
    """int64 (images, k): the likeliest classes of each image, likeliest first."""
    probabilities: Tensor
    """float32 (images, k): their probabilities."""
    label_probabilities: Tensor
    """float32 (images,): the probability of each image's own class."""
    note: str = ""
    """How it was computed, where the user should know; usually empty."""
    name: str = ""
    """The network's name."""
    split: str = "test"
    """Which images of the data set were tested."""

    @classmethod
    def of(
        cls,
        *,
        classes: tuple[str, ...],
        labels: Tensor,
        top: Tensor,
        label_probabilities: Tensor,
        **fields: Any,
    ) -> Self:
        """The scores of images, counted by class; `fields` are the other ones."""

        def per_class(labels: Tensor) -> Tensor:
            return torch.bincount(labels, minlength=len(classes))

        near = (top == labels[:, None]).any(dim=1)
        # an underflowing probability must not make the loss infinite, a broken one must show
        likely = label_probabilities.clamp(min=torch.finfo(torch.float32).tiny)
        losses = -likely.double().log()
        invalid = losses.isnan()
        return cls(
            class_images=per_class(labels),
            top1_correct=per_class(labels[top[:, 0] == labels]),
            top5_correct=per_class(labels[near]),
            loss_sum=int((losses[~invalid] * _NAT).round().long().sum()),
            non_finite=int(invalid.sum()),
            classes=classes,
            labels=labels,
            top=top,
            label_probabilities=label_probabilities,
            **fields,
        )

    @property
    def counts(self) -> Counts:
        """The counts alone, which are small."""
        return Counts(
            class_images=self.class_images,
            top1_correct=self.top1_correct,
            top5_correct=self.top5_correct,
            loss_sum=self.loss_sum,
            non_finite=self.non_finite,
        )

    @property
    def k(self) -> int:
        """5, or the number of classes if that is smaller (then `top5_error` is always 0)."""
        return self.top.shape[1]

    @property
    def correct(self) -> Tensor:
        """Whether the label of each image is its likeliest class: bool (images,)."""
        return self.top[:, 0] == self.labels

    @property
    def confusion(self) -> tuple[Confused, ...]:
        """The entries of the confusion matrix that are not 0, row by row, as class numbers."""
        return confusion(self.labels, self.top[:, 0], len(self.classes))

    def as_json(self) -> dict[str, Any]:
        """Plain data without single images; the confusion matrix by its non-zero entries."""
        return {
            "name": self.name,
            "split": self.split,
            "images": self.images,
            "views": self.views,
            "loss": None if math.isnan(self.loss) else self.loss,
            "top1_error": self.top1_error,
            f"top{self.k}_error": self.top5_error,
            "wrong": self.images - int(self.top1_correct.sum()),
            f"wrong_top{self.k}": self.images - int(self.top5_correct.sum()),
            "class_errors": dict(zip(self.classes, self.class_errors, strict=True)),
            "class_images": dict(zip(self.classes, self.class_images.tolist(), strict=True)),
            "confusion": [
                {
                    "class": self.classes[label],
                    "taken_for": self.classes[predicted],
                    "images": images,
                }
                for label, predicted, images in self.confusion
            ],
        }

    def __repr__(self) -> str:
        return f"<Scores of {self._summary()}>"

    def _repr_html_(self) -> str:
        rows = tuple(
            (name, "" if error is None else f"{100 * error:.2f}", str(images))
            for name, error, images in zip(
                self.classes, self.class_errors, self.class_images.tolist(), strict=True
            )
        )
        table = Table(("class", "top-1 error %", "images"), rows, frozenset({"class"}))
        return as_html(table, caption=self._summary())

    def _summary(self) -> str:
        top5 = f", top-{self.k} error {100 * self.top5_error:.2f}%"
        return (
            f"{self.name or 'a network'}: {plural(self.images, f'{self.split} image')},"
            f" {counted(self.views)}: top-1 error {100 * self.top1_error:.2f}%"
            f"{top5 if len(self.classes) > self.k else ''}"
        )


def merged(parts: Sequence[Scores]) -> Scores:
    """The scores of a whole test from those of its shards, in any order.

    Raises ValueError where the shards are not of one test.
    """
    first = parts[0]
    if len({(part.views, part.classes, part.k) for part in parts}) != 1:
        raise ValueError("these are not shards of one test")
    indices = torch.cat([part.indices for part in parts])
    order = indices.argsort()
    if len(set(indices.tolist())) != len(indices):
        raise ValueError("an image is in two shards")
    return Scores.of(
        views=first.views,
        classes=first.classes,
        indices=indices[order],
        labels=torch.cat([part.labels for part in parts])[order],
        top=torch.cat([part.top for part in parts])[order],
        probabilities=torch.cat([part.probabilities for part in parts])[order],
        label_probabilities=torch.cat([part.label_probabilities for part in parts])[order],
        note=next((part.note for part in parts if part.note), ""),
        name=first.name,
        split=first.split,
    )
