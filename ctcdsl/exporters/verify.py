"""An exported file compared with the module that it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ctcdsl.evaluation.views import centre_view
from ctcdsl.exporters.base import Run
from ctcdsl.images.batches import full_image_batches
from ctcdsl.images.image_set import ImageSet, Subset
from ctcdsl.images.sampling import Crop
from ctcdsl.recipe import Recipe

Progress = Callable[[int, int], None]


class Accuracy(NamedTuple):
    """Shares of the images that are classified rightly, by one view."""

    module: float
    exported: float

    @property
    def drop(self) -> float:
        """How much lower that of the file is."""
        return self.module - self.exported


class Agreement(NamedTuple):
    """How near an exported file is to its module, on the same images."""

    images: int
    difference: float
    """The largest difference of a logit, relative to the module's largest."""
    top1: float
    """Share of the images for which both find the same class likeliest."""
    accuracy: Accuracy | None
    """None where the images have no labels of the network's classes."""
    split: str
    """Which images: `test`, `val`, or `random`."""

    @property
    def drop(self) -> float:
        """What is lost: of the accuracy, or of the agreement where that is not known."""
        return 1 - self.top1 if self.accuracy is None else self.accuracy.drop

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        values = self._asdict()
        if self.accuracy is not None:
            values["accuracy"] = self.accuracy._asdict()
        return values


def spread(images: ImageSet, most: int) -> ImageSet:
    """At most so many of the images, spread evenly over the set."""
    if len(images) <= most:
        return images
    return Subset.of(images, [n * len(images) // most for n in range(most)])


def centre_batches(
    images: ImageSet, recipe: Recipe, crop: Crop, batch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """The centre views of images, uint8 (N, 3, h, w), and their labels, int64 (N,)."""
    for found in full_image_batches(images, recipe, crop=crop, batch=batch):
        views = torch.cat([centre_view(image, crop) for image in found.images])
        yield views.contiguous(), found.labels


def compare(
    module: nn.Module,
    run: Run,
    batches: Iterator[tuple[Tensor, Tensor | None]],
    split: str,
    total: int,
    progress: Progress,
) -> Agreement:
    """Compute the same inputs by both; labels are None where there are none."""
    images = correct = exported_correct = 0
    same = difference = largest = 0.0
    labelled = False
    for inputs, labels in batches:
        with torch.inference_mode():
            expected, found = module(inputs).float(), run(inputs).float()
        difference = max(difference, float((expected - found).abs().max()))
        largest = max(largest, float(expected.abs().max()))
        images += len(inputs)
        equal = expected.argmax(1) == found.argmax(1)  # of maps at each of their places
        same += float(equal.view(len(inputs), -1).double().mean(1).sum())
        if labels is not None:
            labelled = True
            correct += int((expected.argmax(1) == labels).sum())
            exported_correct += int((found.argmax(1) == labels).sum())
        progress(images, total)
    return Agreement(
        images=images,
        difference=difference / largest if largest else difference,
        top1=same / images,
        accuracy=Accuracy(correct / images, exported_correct / images) if labelled else None,
        split=split,
    )
