"""The configuration that evaluates a network fastest by ten views, found by timing."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.distributed.processes import Processes
from ctcdsl.evaluation.multi_crop import MultiCropEvaluator
from ctcdsl.evaluation.views import five_places
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
from ctcdsl.execution.precision import autocast, for_evaluation
from ctcdsl.execution.transfer import move_module
from ctcdsl.images.colour import preprocess
from ctcdsl.recipe import Recipe

_CPU_VIEWS = 40
"""Of a batch, what a CPU is timed on: more takes minutes, and the ratios are the same."""


def tune_evaluation(
    model: nn.Module,
    network: Network,
    recipe: Recipe,
    device: torch.device,
    processes: Processes,
    fixed: Fixed,
    prefix: bool,
    callback: Callback,
) -> tuple[Recipe, bool]:
    """`recipe` in the fastest configuration, and whether the views share their first layers."""
    callback.on_tuning_started(network, "evaluate", str(device))
    configs = fixed.configs(device, (True, False) if prefix else (False,))
    trials = measure_evaluation(model, network, recipe, device, configs, callback=callback)
    default = ExecutionConfig(recipe.precision, recipe.compile, prefix)
    config = choose(trials, default, callback, processes)
    return config.apply(recipe), config.prefix


def measure_evaluation(
    model: nn.Module,
    network: Network,
    recipe: Recipe,
    device: torch.device,
    configs: Sequence[ExecutionConfig],
    *,
    callback: Callback,
) -> list[Measurement]:
    """Time ten views of random images through a copy of `model` in each configuration."""
    channels, *_ = network.input
    crop = (network.input.height, network.input.width)
    views = min(recipe.batch, _CPU_VIEWS) if device.type == "cpu" else recipe.batch
    images = max(1, views // 10)
    side = recipe.resize_for(crop)
    copied = copy.deepcopy(model).eval()
    move_module(copied, device)
    pixels = tuple(random_pixels(images, side, side).to(device))

    def prepare(config: ExecutionConfig) -> Run:
        crops = MultiCropEvaluator(
            model=for_evaluation(copied, config.precision),
            crop=crop,
            places=five_places,
            mirrored=True,
            input=partial(
                preprocess,
                statistics=RANDOM_STATISTICS[channels],
                divisor=recipe.pixel_divisor,
            ),
            network=network if config.prefix else None,
            compile=config.compile,
        )

        def run() -> Tensor:
            with torch.inference_mode(), autocast(config.precision, device):
                return crops.probabilities(pixels).cpu()

        return run

    return measure(prepare, configs, images, device, callback)
