"""The test: one view, ten, or all of them, of each image; their softmax outputs averaged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.distributed.processes import SINGLE_SHARD, Shard
from ctcdsl.evaluation.dense import DenseEvaluator
from ctcdsl.evaluation.multi_crop import MultiCropEvaluator
from ctcdsl.evaluation.scores import Scores, merged
from ctcdsl.evaluation.views import VIEW_NAMES, Views, centre_place, centre_view, five_places, views
from ctcdsl.execution.events import Callback
from ctcdsl.execution.precision import autocast, for_testing
from ctcdsl.execution.transfer import AsyncRead, pipeline_depth, prefetch_to_device
from ctcdsl.images.batches import full_image_batches
from ctcdsl.images.colour import Statistics, preprocess
from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.sampling import Crop
from ctcdsl.recipe import Recipe

__all__ = [
    "VIEW_NAMES",
    "Scores",
    "Views",
    "centre_view",
    "evaluate",
    "merged",
    "views",
]

_DENSE = 4
"""An image and its mirror image whole are about as large as so many crops."""


class ViewEvaluator(Protocol):
    """A way to test images: `MultiCropEvaluator` or `DenseEvaluator`."""

    @property
    def note(self) -> str:
        """What the user should know of how it was computed."""

    def probabilities(self, images: Sequence[Tensor]) -> Tensor:
        """Float32 (images, classes) of uint8 images (3, H, W) on the device."""


def evaluate(
    model: nn.Module,
    images: ImageSet,
    *,
    crop: Crop,
    views: Views,
    recipe: Recipe,
    statistics: Statistics,
    callback: Callback,
    device: torch.device,
    network: Network | None = None,
    shard: Shard = SINGLE_SHARD,
) -> Scores:
    """Test `model`, already on `device`, on `images`, or on this process's `shard` of them.

    An image is scaled as in training and goes to the device whole, where its views are cut; their
    softmax outputs are averaged, as AlexNet's were. The recipe gives scale, batch (views, not
    images), divisor, precision and workers. The model is in evaluation mode meanwhile and
    as before afterwards.

    With `network`, from which `model` was generated, the views share its first layers where that
    saves work and changes no bit (see `evaluation.shared_layers`); dense views need it. What a
    share found is put together by `scores.merged`, or by adding `Scores.counts`.

    Raises `UserError` where an image cannot be read; CTC641 where dense views cannot be had.
    """
    input = partial(preprocess, statistics=statistics, divisor=recipe.pixel_divisor)
    evaluator: ViewEvaluator
    computed = for_testing(model, recipe.precision)
    if views == "dense":
        if network is None:
            raise ValueError("dense views need the network")
        evaluator = DenseEvaluator(
            model=computed, network=network, input=input, at_once=recipe.batch
        )
    else:
        places, mirrored = (centre_place, False) if views == 1 else (five_places, True)
        evaluator = MultiCropEvaluator(
            model=computed,
            crop=crop,
            places=places,
            mirrored=mirrored,
            input=input,
            network=network if mirrored else None,  # one view shares with none
            compile=recipe.compile,
        )
    together = max(1, recipe.batch // (_DENSE if views == "dense" else views))
    indices = shard.of(range(len(images)))
    batches = full_image_batches(
        images, recipe, crop=crop, batch=together, shard=shard, pin=device.type == "cuda"
    )
    given: deque[tuple[AsyncRead, Tensor]] = deque()
    found: list[_Found] = []
    done = 0
    with _evaluating(model), _evaluating(computed), torch.inference_mode():
        for batch in prefetch_to_device(batches, device):
            with autocast(recipe.precision, device):
                given.append((AsyncRead(evaluator.probabilities(batch.images)), batch.labels))
            if len(given) > pipeline_depth(device):
                found.append(_Found(*given.popleft()))
            done += len(batch.labels)
            callback.on_validation(done, len(indices))
        found += [_Found(*each) for each in given]
    outputs = found[0].classes if found else len(images.classes)
    # a network may have more outputs than the images have classes
    names = (*images.classes, *map(str, range(len(images.classes), outputs)))
    return Scores.of(
        views=views,
        classes=names,
        indices=torch.tensor(indices, dtype=torch.int64),
        labels=_joined([each.labels for each in found], torch.int64),
        top=_joined([each.top for each in found], torch.int64, min(5, outputs)),
        probabilities=_joined([each.likely for each in found], torch.float32, min(5, outputs)),
        label_probabilities=_joined([each.of_labels for each in found], torch.float32),
        note=evaluator.note,
    )


class _Found:
    """What is kept of the probabilities of a batch: all classes of all images would be too much."""

    def __init__(self, reading: AsyncRead, labels: Tensor) -> None:
        probabilities = reading.tensor()
        self.classes = probabilities.shape[1]
        self.labels = labels
        self.likely, self.top = probabilities.topk(min(5, self.classes), dim=1)
        self.of_labels = probabilities.gather(1, labels[:, None])[:, 0]


def _joined(parts: Sequence[Tensor], dtype: torch.dtype, *width: int) -> Tensor:
    # a share without images has no part that could be joined
    return torch.cat([torch.empty((0, *width), dtype=dtype), *parts])


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
