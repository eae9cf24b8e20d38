"""Which classes were taken for which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor


class Confused(NamedTuple):
    """How many images of a class were taken for a class: an entry of the confusion matrix."""

    label: int
    predicted: int
    images: int


def confusion(labels: Tensor, predicted: Tensor, classes: int) -> tuple[Confused, ...]:
    """The entries of the confusion matrix that are not 0, row by row; int64 (images,) each.

    So they are kept and written: of a thousand classes the matrix has a million entries, and
    fewer than images are not 0.
    """
    entries, counts = torch.unique(labels * classes + predicted, return_counts=True)
    return tuple(
        Confused(entry // classes, entry % classes, count)
        for entry, count in zip(entries.tolist(), counts.tolist(), strict=True)
    )


def most_confused(entries: Iterable[Confused], most: int) -> list[Confused]:
    """The errors with most images, at most so many; of equal ones in the order of the classes."""
    errors = [entry for entry in entries if entry.label != entry.predicted]
    return sorted(errors, key=lambda entry: (-entry.images, entry.label, entry.predicted))[:most]


def matrix(entries: Iterable[Confused], classes: int) -> list[list[int]]:
    """The whole matrix: a row for each class, a column for each class that is predicted."""
    rows = [[0] * classes for _ in range(classes)]
    for label, predicted, images in entries:
        rows[label][predicted] = images
    return rows
