"""Training and testing as `ctcdsl train` and `ctcdsl eval` do, without checkpoints and reports."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple, Self, get_args
from unittest.mock import patch

import torch
from job import Job
from turns import Turn

from ctcdsl.evaluation import evaluate
from ctcdsl.evaluation.multi_crop import MultiCropEvaluator
from ctcdsl.execution.events import Callback
from ctcdsl.execution.transfer import pipeline_depth, prefetch_to_device
from ctcdsl.images.batches import training_batches
from ctcdsl.images.colour import Statistics
from ctcdsl.images.image_set import ImageSet
from ctcdsl.recipe import Compile, Precision, Recipe
from ctcdsl.training.step import PendingStep, TrainStep

Turns = Callable[[ImageSet], Turn]
"""A turn over the images of a set; the weights are those of all sets' turns."""


class Options(NamedTuple):
    """How the layers are computed."""

    precision: Precision
    compile: Compile

    @classmethod
    def parse(cls, text: str) -> Self:
        """The options that `text`, such as ``bf16:on``, says; ValueError if it says none."""
        precision, _, compile = text.partition(":")
        for each in get_args(Precision):
            for other in get_args(Compile):
                if (each, other) == (precision, compile):
                    return cls(each, other)
        raise ValueError(text)

    def __str__(self) -> str:
        words = {"off": "", "on": ", compiled", "graphs": ", compiled with graphs"}
        return self.precision + words[self.compile]

    def set(self, recipe: Recipe) -> Recipe:
        """The recipe with these options."""
        return replace(recipe, precision=self.precision, compile=self.compile)


def training(job: Job, options: Options, statistics: Statistics) -> Turns:
    """Epochs over image sets."""
    recipe, device = options.set(job.recipe), job.device
    model = job.model(torch.channels_last).train()
    train_step = TrainStep(model, recipe, device)
    epochs = count(1)

    def turns(images: ImageSet) -> Turn:
        def turn() -> None:
            batches = training_batches(
                images, recipe, crop=job.crop, epoch=next(epochs), pin=device.type == "cuda"
            )
            given: deque[PendingStep] = deque()
            for batch in prefetch_to_device(batches, device):
                given.append(train_step.step(batch, statistics))
                if len(given) > pipeline_depth(device):
                    given.popleft().result()
            for taken in given:
                taken.result()

        return turn

    return turns


def testing(job: Job, options: Options, statistics: Statistics) -> Turns:
    """10-view tests on image sets."""
    recipe = replace(options.set(job.recipe), batch=10 * job.at_once)
    model = job.model(torch.channels_last)
    made: list[MultiCropEvaluator] = []

    def once(**named: Any) -> MultiCropEvaluator:
        # What it compares and compiles at first is little of a test of 50,000, but much of a turn.
        if not made:
            made.append(MultiCropEvaluator(**named))
        return made[0]

    def turns(images: ImageSet) -> Turn:
        def turn() -> None:
            with patch.object(evaluate, "MultiCropEvaluator", once):
                evaluate.evaluate(
                    model,
                    images,
                    crop=job.crop,
                    views=10,
                    recipe=recipe,
                    statistics=statistics,
                    callback=Callback(),
                    device=job.device,
                    network=job.network,
                )

        return turn

    return turns
