"""What is timed of a network: a forward pass, a training step, ten views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import nn

from ctcdsl.checking import Network
from ctcdsl.evaluation.multi_crop import MultiCropEvaluator
from ctcdsl.evaluation.views import five_places
from ctcdsl.execution.autotune import RANDOM_STATISTICS, random_pixels
from ctcdsl.execution.compiled import compile_as_error, forward_of
from ctcdsl.execution.precision import autocast, for_evaluation
from ctcdsl.execution.strided import prepare_for_training
from ctcdsl.images.batch_plan import probe
from ctcdsl.images.batches import Batch
from ctcdsl.images.colour import preprocess
from ctcdsl.recipe import Compile, Precision, Recipe
from ctcdsl.text import error
from ctcdsl.timing.modules import images, module_to_time
from ctcdsl.training.step import TrainStep

Task = Literal["forward", "train", "views"]
TITLES: dict[Task, str] = {
    "forward": "forward pass",
    "train": "training step",
    "views": "ten views",
}
"""What tables call them, in the order of tables."""


class Prepared(NamedTuple):
    """A task that can be run again and again, and the module that it runs."""

    module: nn.Module
    run: Callable[[], object]


class Execution:
    """How everything is computed: on which device, in which precision, compiled or not."""

    def __init__(self, device: torch.device, precision: Precision, compile: Compile) -> None:
        self.device, self.precision, self.compile = device, precision, compile
        self.recipe = replace(Recipe(), precision=precision, compile=compile)


def prepare(task: Task, network: Network, batch: int, execution: Execution) -> Prepared:
    """What one run of a task does, on so many images at once.

    Raises:
        UserError: CTC736 where the task cannot be done with the network.
    """
    if task != "forward":
        _require_classifier(network, task)
    module = module_to_time(network, execution.device)
    match task:
        case "forward":
            return _forward(module, network, batch, execution)
        case "train":
            return _training(module, network, batch, execution)
        case "views":
            return _views(module, network, batch, execution)


def _require_classifier(network: Network, task: Task) -> None:
    channels = network.input.channels
    if channels not in RANDOM_STATISTICS:
        problem = f"takes images of {channels} channels, not of 3 or 1"
    elif not network.nodes[-1].vector:
        problem = "gives a map, not the scores of classes"
    else:
        return
    raise error(
        "CTC736",
        f"{network.name} {problem}, so it has no {TITLES[task]}",
        hint="--tasks forward times its forward pass",
    )


def _forward(module: nn.Module, network: Network, batch: int, execution: Execution) -> Prepared:
    module = for_evaluation(module.eval(), execution.precision)
    forward = forward_of(module, execution.compile)
    inputs = images(batch, network.input, execution.device)

    def run() -> object:
        with (
            torch.inference_mode(),
            autocast(execution.precision, execution.device),
            compile_as_error(execution.compile),
        ):
            return forward(inputs)

    return Prepared(module, run)


def _training(module: nn.Module, network: Network, batch: int, execution: Execution) -> Prepared:
    channels, *crop = network.input
    device = execution.device
    prepare_for_training(module.train(), device)
    _, least = probe(module, torch.zeros(1, channels, *crop, device=device))
    if batch < least:
        raise error(
            "CTC736",
            f"{network.name} trains on at least {least} images at a time",
            notes=("a batch norm of a 1x1 map has one value per image, which has no variance",),
            hint=f"--batch {least}, or --tasks forward",
        )
    data = Batch(
        random_pixels(batch, *crop),
        torch.arange(batch) % network.classes,
        torch.zeros(batch, 3),
        torch.arange(batch) % 2 == 0,
    ).to(device)
    step = TrainStep(module, execution.recipe, device)
    step.set_rate(1e-6)  # nothing is to be learned
    statistics = RANDOM_STATISTICS[channels]
    return Prepared(module, lambda: step.step(data, statistics).result())


def _views(module: nn.Module, network: Network, batch: int, execution: Execution) -> Prepared:
    channels, height, width = network.input
    recipe, device = execution.recipe, execution.device
    side = recipe.resize_for((height, width))
    pixels = tuple(random_pixels(batch, side, side).to(device))
    crops = MultiCropEvaluator(
        model=for_evaluation(module.eval(), execution.precision),
        crop=(height, width),
        places=five_places,
        mirrored=True,
        input=partial(
            preprocess, statistics=RANDOM_STATISTICS[channels], divisor=recipe.pixel_divisor
        ),
        network=network,
        compile=execution.compile,
    )

    def run() -> object:
        with torch.inference_mode(), autocast(execution.precision, device):
            return crops.probabilities(pixels).cpu()

    return Prepared(module, run)
