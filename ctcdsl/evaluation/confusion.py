"""Which classes were taken for which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch

from ctcdsl.evaluation.scores import Scores


class Confused(NamedTuple):
    """How many images of a class were taken for a class: an entry of the confusion matrix."""

    label: int
    predicted: int
    images: int


def confusion(scores: Scores) -> tuple[Confused, ...]:
    """The entries of the confusion matrix that are not 0, row by row.

    So they are kept and written: of a thousand classes the matrix has a million entries, and
    fewer than images are not 0.
    """
    places = scores.labels * scores.classes + scores.top[:, 0]
    found, counts = torch.unique(places, return_counts=True)
    return tuple(
        Confused(place // scores.classes, place % scores.classes, count)
        for place, count in zip(found.tolist(), counts.tolist(), strict=True)
    )


def most_confused(entries: Iterable[Confused], most: int) -> list[Confused]:
    """The errors with most images, at most so many; of equal ones in the order of the classes."""
    wrong = [each for each in entries if each.label != each.predicted]
    return sorted(wrong, key=lambda each: (-each.images, each.label, each.predicted))[:most]


def matrix(entries: Iterable[Confused], classes: int) -> list[list[int]]:
    """The whole matrix: a row for each class, a column for each class that is predicted."""
    rows = [[0] * classes for _ in range(classes)]
    for label, predicted, images in entries:
        rows[label][predicted] = images
    return rows
