"""The test: one or ten views an image, top-1 and top-5 errors.

Section 5: "During testing, the 10 views are those cropped from the center or the four corners,
with their flipped versions."
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from ctcdsl.training.augment import Crop
from ctcdsl.training.batches import Cut, test_batches
from ctcdsl.training.colour import Statistics, network_input
from ctcdsl.training.data import ImageSet
from ctcdsl.training.recipe import Recipe
from ctcdsl.training.report import Reporter

Views = Literal[1, 10]

VIEW_NAMES = (
    *("top left", "top right", "bottom left", "bottom right", "centre"),
    *("top left, flipped", "top right, flipped", "bottom left, flipped"),
    *("bottom right, flipped", "centre, flipped"),
)
"""The views in the order of `views`; a flipped view is the mirror image of that crop."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scores:
    """What a test found. Errors are shares of the images, 0 to 1."""

    images: int
    views: int
    loss: float
    """Mean of -log p(label) in nats, p being the softmax averaged over the views."""
    top1_error: float
    top5_error: float
    """Share of images whose label is not among the `k` likeliest classes."""
    k: int
    """5, or the number of classes where that is smaller (then `top5_error` is always 0)."""
    class_errors: tuple[float | None, ...]
    """Top-1 error of each class; None for a class without images."""
    labels: Tensor
    """int64 (images,)."""
    top: Tensor
    """int64 (images, k): the likeliest classes of each image, likeliest first."""
    probabilities: Tensor
    """float32 (images, k): their probabilities."""


def views(image: Tensor, crop: Crop) -> Tensor:
    """The ten views (10, 3, h, w) of `image` (3, H, W), in the order of `VIEW_NAMES`."""
    (height, width), (all_height, all_width) = crop, image.shape[1:]
    bottom, right = all_height - height, all_width - width
    corners = ((0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2))
    five = torch.stack([image[:, top : top + height, left : left + width] for top, left in corners])
    return torch.cat([five, five.flip(-1)])


def centre_view(image: Tensor, crop: Crop) -> Tensor:
    """The centre view alone, (1, 3, h, w): the fifth of `views`."""
    top, left = (image.shape[1] - crop[0]) // 2, (image.shape[2] - crop[1]) // 2
    return image[None, :, top : top + crop[0], left : left + crop[1]]


def evaluate(
    model: nn.Module,
    images: ImageSet,
    *,
    crop: Crop,
    views: Views,
    recipe: Recipe,
    statistics: Statistics,
    reporter: Reporter,
    device: torch.device,
) -> Scores:
    """Test `model`, already on `device`, on all `images`.

    An image is scaled as in training and cut into its views; their softmax outputs are averaged,
    as AlexNet's were. The recipe gives scale, batch (views, not images), divisor, precision and
    workers. The model is in evaluation mode meanwhile and as before afterwards.

    Raises `UserError` where an image cannot be read.
    """
    labels, probabilities = [], []
    cut: Cut = partial(_TEN_OR_ONE[views], crop=crop)
    per_batch = max(1, recipe.batch // views)
    done = 0
    with _evaluating(model), torch.inference_mode():
        for batch in test_batches(
            images, recipe, crop=crop, cut=cut, batch=per_batch, pin=device.type == "cuda"
        ):
            pixels = batch.pixels.to(device, non_blocking=True)
            inputs = network_input(pixels, statistics, recipe.pixel_divisor)
            with autocast(recipe, device):
                logits = model(inputs)
            of_views = logits.float().softmax(dim=1).unflatten(0, (-1, views))
            probabilities.append(of_views.mean(dim=1).cpu())
            labels.append(batch.labels)
            done += len(batch.labels)
            reporter.testing(done, len(images))
        return _scores(torch.cat(probabilities), torch.cat(labels), views)


def autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    """The context in which the recipe's precision is computed."""
    return torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16")


_TEN_OR_ONE = {1: centre_view, 10: views}


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _scores(probabilities: Tensor, labels: Tensor, views: int) -> Scores:
    """The scores of averaged probabilities (images, classes)."""
    images, classes = probabilities.shape
    k = min(5, classes)
    likeliest = probabilities.topk(k, dim=1)
    hits = likeliest.indices == labels[:, None]
    wrong = (~hits[:, 0]).double()
    per_class = torch.bincount(labels, minlength=classes)
    wrong_per_class = torch.bincount(labels, weights=wrong, minlength=classes)
    # an underflowing probability must not make the loss infinite, a broken one must show
    smallest = torch.finfo(probabilities.dtype).tiny
    of_labels = probabilities.gather(1, labels[:, None]).clamp(min=smallest)
    return Scores(
        images=images,
        views=views,
        loss=-of_labels.double().log().mean().item(),
        top1_error=wrong.mean().item(),
        top5_error=1.0 - hits.any(dim=1).double().mean().item(),
        k=k,
        class_errors=tuple(
            errors / count if count else None
            for errors, count in zip(wrong_per_class.tolist(), per_class.tolist(), strict=True)
        ),
        labels=labels,
        top=likeliest.indices,
        probabilities=likeliest.values,
    )
