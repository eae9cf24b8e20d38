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
from ctcdsl.evaluation.multi_crop import Input, MultiCropEvaluator
from ctcdsl.evaluation.scores import Scores, merged
from ctcdsl.evaluation.views import VIEW_NAMES, Views, centre_place, centre_view, five_places, views
from ctcdsl.execution.events import Callback
from ctcdsl.execution.precision import autocast, for_evaluation
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
"""A full image and its mirror image are about as large as so many crops."""


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
    statistics: Statistics | None,
    callback: Callback,
    device: torch.device,
    network: Network | None = None,
    shard: Shard = SINGLE_SHARD,
) -> Scores:
    """Test `model`, already on `device`, on `images`, or on this process's `shard` of them.

    An image is scaled as in training and goes to the device whole, where its views are cut; their
    softmax outputs are averaged, as AlexNet's were. The recipe gives scale, batch (views, not
    images), divisor, precision and workers. The model is in evaluation mode meanwhile and
    as before afterwards. Without `statistics` it gets the uint8 pixels as they are.

    With `network`, from which `model` was generated, the views share its first layers where that
    saves work and changes no bit (see `evaluation.shared_layers`); dense views need it. The
    results of shards are put together by `scores.merged`, or by adding `Scores.counts`.

    Raises `UserError` where an image cannot be read; CTC641 where dense views are not possible.
    """
    input: Input = _pixels
    if statistics is not None:
        input = partial(preprocess, statistics=statistics, divisor=recipe.pixel_divisor)
    evaluator: ViewEvaluator
    computed = for_evaluation(model, recipe.precision)
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
    images_at_once = max(1, recipe.batch // (_DENSE if views == "dense" else views))
    indices = shard.of(range(len(images)))
    batches = full_image_batches(
        images, recipe, crop=crop, batch=images_at_once, shard=shard, pin=device.type == "cuda"
    )
    in_flight: deque[tuple[AsyncRead, Tensor]] = deque()
    results: list[_BatchResult] = []
    done = 0
    with _evaluating(model), _evaluating(computed), torch.inference_mode():
        for batch in prefetch_to_device(batches, device):
            with autocast(recipe.precision, device):
                probabilities = AsyncRead(evaluator.probabilities(batch.images))
            in_flight.append((probabilities, batch.labels))
            if len(in_flight) > pipeline_depth(device):
                results.append(_BatchResult(*in_flight.popleft()))
            done += len(batch.labels)
            callback.on_validation(done, len(indices))
        results += [_BatchResult(*pending) for pending in in_flight]
    outputs = results[0].outputs if results else len(images.classes)
    k = min(5, outputs)
    # a network may have more outputs than the images have classes
    names = (*images.classes, *map(str, range(len(images.classes), outputs)))
    return Scores.of(
        views=views,
        classes=names,
        indices=torch.tensor(indices, dtype=torch.int64),
        labels=_joined([result.labels for result in results], torch.int64),
        top=_joined([result.top for result in results], torch.int64, k),
        probabilities=_joined([result.probabilities for result in results], torch.float32, k),
        label_probabilities=_joined(
            [result.label_probabilities for result in results], torch.float32
        ),
        note=evaluator.note,
    )


def _pixels(images: Tensor) -> Tensor:
    return images


class _BatchResult:
    """What is saved of a batch's probabilities: all classes of all images would be too much."""

    def __init__(self, read: AsyncRead, labels: Tensor) -> None:
        probabilities = read.tensor()
        self.outputs = probabilities.shape[1]
        self.labels = labels
        self.probabilities, self.top = probabilities.topk(min(5, self.outputs), dim=1)
        self.label_probabilities = probabilities.gather(1, labels[:, None])[:, 0]


def _joined(parts: Sequence[Tensor], dtype: torch.dtype, *width: int) -> Tensor:
    # a shard without images has nothing that could be joined
    return torch.cat([torch.empty((0, *width), dtype=dtype), *parts])


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
