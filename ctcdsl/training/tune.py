"""The configuration that trains a network fastest, found by timing steps."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from ctcdsl.checking import Network
from ctcdsl.distributed.processes import Processes
from ctcdsl.execution.autotune import (
    RANDOM_STATISTICS,
    ExecutionConfig,
    Fixed,
    Measurement,
    Run,
    choose,
    measure,
    random_pixels,
)
from ctcdsl.execution.events import Callback
from ctcdsl.execution.strided import prepare_for_training
from ctcdsl.images.batch_plan import probe
from ctcdsl.images.batches import Batch
from ctcdsl.ir import Shape
from ctcdsl.recipe import Recipe
from ctcdsl.training.step import TrainStep

_CPU_IMAGES = 32
"""Of a batch, what a CPU is timed on: more takes minutes, and the ratios are the same."""


def tune_training(
    model: nn.Module,
    network: Network,
    recipe: Recipe,
    device: torch.device,
    processes: Processes,
    fixed: Fixed,
    callback: Callback,
) -> Recipe:
    """`recipe` in the configuration that trains `network` fastest, the same in all processes."""
    callback.on_tuning_started(network, "train", str(device))
    trials = measure_training(
        model,
        recipe,
        network.input,
        network.classes,
        device,
        fixed.configs(device),
        world=processes.shard.world,
        callback=callback,
    )
    return choose(trials, ExecutionConfig.of(recipe), callback, processes).apply(recipe)


def measure_training(
    model: nn.Module,
    recipe: Recipe,
    input: Shape,
    classes: int,
    device: torch.device,
    configs: Sequence[ExecutionConfig],
    *,
    world: int = 1,
    callback: Callback,
) -> list[Measurement]:
    """Time steps of a copy of `model` in each configuration; `model` keeps its weights.

    Of a batch this takes what goes through the network at once, in one of `world` processes.
    """
    channels, *crop = input
    copied = copy.deepcopy(model).train()
    prepare_for_training(copied, device)
    _, min_images = probe(copied, torch.zeros(1, channels, *crop, device=device))
    images = max(min_images, recipe.batch // (recipe.accumulate * world))
    if device.type == "cpu":
        images = min(images, _CPU_IMAGES)
    batch = Batch(
        random_pixels(images, *crop),
        torch.arange(images) % classes,
        torch.zeros(images, 3),
        torch.arange(images) % 2 == 0,
    ).to(device)

    def prepare(config: ExecutionConfig) -> Run:
        step = TrainStep(copied, replace(config.apply(recipe), accumulate=1), device)
        step.set_rate(1e-6)  # nothing is to be learned
        return lambda: torch.tensor(step.step(batch, RANDOM_STATISTICS[channels]).result().loss)

    return measure(prepare, configs, images, device, callback)
