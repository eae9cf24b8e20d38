"""Which way of computing is the fastest here: each is tried on made-up images, and timed.

What is tried is what will be done: `TrainStep.step`, or views through `MultiCropEvaluator`. Only
the images are made up, since what they show costs the same.
"""

from __future__ import annotations

import copy
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Self

import torch
from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.evaluation.multi_crop import MultiCropEvaluator
from ctcdsl.evaluation.views import five_places
from ctcdsl.execution.precision import autocast, for_testing
from ctcdsl.execution.strided import prepare_for_training
from ctcdsl.images.augment import Crop
from ctcdsl.images.batch_plan import probe as tried_once
from ctcdsl.images.batches import Batch
from ctcdsl.images.colour import Statistics, preprocess
from ctcdsl.recipe import Compile, Precision, Recipe
from ctcdsl.text.diagnostic import UserError
from ctcdsl.training.health import is_out_of_memory
from ctcdsl.training.step import TrainStep

PRECISIONS: tuple[Precision, ...] = ("float32", "bf16")
_EARNS = 1.05
"""How many times as fast as a simpler way one must be to be taken: less may be chance."""
_RUNS, _SECONDS = 5, 4.0
"""A way is timed so often, or for so long if that is over sooner."""
_CPU_IMAGES, _CPU_VIEWS = 32, 40
"""Of a batch, what a CPU is tried on: more takes minutes, and the ratios are the same."""
Run = Callable[[], Tensor]
_MADE_UP = {
    1: Statistics((120.0,), (60.0,), ((1.0,),)),
    3: Statistics((120.0,) * 3, (60.0, 20.0, 10.0), ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0))),
}
"""By the channels of the network's input."""


@dataclass(frozen=True, slots=True)
class ExecutionConfig:
    """How to compute; every way gives the same numbers but for rounding."""

    precision: Precision
    compile: Compile
    prefix: bool = False
    """Whether the views of a test share their first layers."""

    @classmethod
    def as_in(cls, recipe: Recipe) -> Self:
        """The way of `recipe`."""
        return cls(recipe.precision, recipe.compile)

    def of(self, recipe: Recipe) -> Recipe:
        """`recipe` carried out this way."""
        return replace(recipe, precision=self.precision, compile=self.compile)


Told = Callable[[ExecutionConfig], None]
"""Hears which way is being tried."""


@dataclass(slots=True, kw_only=True)
class Measurement:
    """What came of a way."""

    way: ExecutionConfig
    images: int
    """How many it was tried on."""
    first: float = 0.0
    """Seconds of the first run, with compiling."""
    times: list[float] = field(default_factory=list)
    """Seconds of the runs that count."""
    result: Tensor | None = None
    """What the first run gave, float32 on the CPU: the loss, or the probabilities."""
    failure: str = ""
    """Why it is no way here."""

    @property
    def seconds(self) -> float:
        """Of the fastest run, which others on the machine slowed least; 0 for a way that failed."""
        return 0.0 if self.failure else min(self.times)

    @property
    def images_per_second(self) -> float:
        """0 for a way that failed."""
        return self.images / self.seconds if self.seconds else 0.0


def ways(
    device: torch.device,
    precisions: Sequence[Precision] = PRECISIONS,
    compiles: Sequence[Compile] | None = None,
    prefixes: Sequence[bool] = (False,),
) -> tuple[ExecutionConfig, ...]:
    """All ways there are on `device`, the simplest first."""
    there: tuple[Compile, ...] = ("off", "on", "graphs") if device.type == "cuda" else ("off", "on")
    return tuple(
        ExecutionConfig(*each) for each in product(precisions, compiles or there, prefixes)
    )


def fastest(tried: Sequence[Measurement]) -> Measurement | None:
    """The fastest of the ways that did not fail, where it is clearly faster than simpler ones."""
    best: Measurement | None = None
    for each in tried:
        if each.failure:
            continue
        if best is None or each.images_per_second > _EARNS * best.images_per_second:
            best = each
    return best


def measure_training(
    model: nn.Module,
    recipe: Recipe,
    crop: Crop,
    classes: int,
    device: torch.device,
    some: Sequence[ExecutionConfig],
    *,
    channels: int = 3,
    world: int = 1,
    told: Told = lambda way: None,
) -> list[Measurement]:
    """Take steps with a copy of `model` in each of `some` ways; `model` keeps its weights.

    Of a batch this takes what goes through the network at once, in one of `world` processes.
    """
    copied = copy.deepcopy(model).train()
    prepare_for_training(copied, device)
    _, fewest = tried_once(copied, torch.zeros(1, channels, *crop, device=device))
    images = max(fewest, recipe.batch // (recipe.accumulate * world))
    if device.type == "cpu":
        images = min(images, _CPU_IMAGES)
    batch = Batch(
        _pixels(images, *crop),
        torch.arange(images) % classes,
        torch.zeros(images, 3),
        torch.arange(images) % 2 == 0,
    ).to(device)

    def prepare(way: ExecutionConfig) -> Run:
        descent = TrainStep(copied, replace(way.of(recipe), accumulate=1), device)
        descent.set_rate(1e-6)  # nothing is to be learned
        return lambda: torch.tensor(descent.step(batch, _MADE_UP[channels]).result().loss)

    return _try_all(prepare, some, images, device, told)


def measure_evaluation(
    model: nn.Module,
    network: Network,
    recipe: Recipe,
    crop: Crop,
    device: torch.device,
    some: Sequence[ExecutionConfig],
    *,
    told: Told = lambda way: None,
) -> list[Measurement]:
    """Test images by ten views with a copy of `model` in each of `some` ways."""
    views = min(recipe.batch, _CPU_VIEWS) if device.type == "cpu" else recipe.batch
    images = max(1, views // 10)
    side = recipe.resize_for(crop)
    copied = copy.deepcopy(model).eval()
    # torch's stubs know no overload with both
    copied.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    pixels = tuple(_pixels(images, side, side).to(device))

    def prepare(way: ExecutionConfig) -> Run:
        crops = MultiCropEvaluator(
            model=for_testing(copied, way.precision),
            crop=crop,
            places=five_places,
            mirrored=True,
            input=partial(
                preprocess,
                statistics=_MADE_UP[network.input.channels],
                divisor=recipe.pixel_divisor,
            ),
            network=network if way.prefix else None,
            compile=way.compile,
        )

        def test() -> Tensor:
            with torch.inference_mode(), autocast(way.precision, device):
                return crops.probabilities(pixels).cpu()

        return test

    return _try_all(prepare, some, images, device, told)


def _try_all(
    prepare: Callable[[ExecutionConfig], Run],
    some: Sequence[ExecutionConfig],
    images: int,
    device: torch.device,
    told: Told,
) -> list[Measurement]:
    """Run each way once and once more, then time it.

    On a CPU, which others use too, the ways take turns, so that each has the same share of bad
    luck. On a GPU one comes after the other: times hardly vary, and its memory may not hold all.
    """
    tried = [Measurement(way=way, images=images) for way in some]
    for group in [tried] if device.type == "cpu" else [[each] for each in tried]:
        runs: list[tuple[Measurement, Run]] = []
        for each in group:
            told(each.way)
            with _failing(each):
                run = prepare(each.way)
                each.first, each.result = _timed(run)
                _timed(run)  # caches, and what a library finds out on its second run
                runs.append((each, run))
        for _ in range(_RUNS):
            for each, run in runs:
                if sum(each.times) < _SECONDS:
                    with _failing(each):
                        each.times.append(_timed(run)[0])
        if device.type == "cuda":
            del runs
            gc.collect()  # modules are cycles, and their memory is wanted for the next way
            torch.cuda.empty_cache()
    return tried


@contextmanager
def _failing(tried: Measurement) -> Iterator[None]:
    """Notes why a way fails, where that is no bug."""
    try:
        yield
    except UserError as error:
        first = error.diagnostics[0]
        tried.failure = ": ".join((first.message, *first.notes[:1]))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        tried.failure = "out of memory"
    if tried.result is not None and not tried.result.isfinite().all():
        tried.failure = "its numbers are not finite"


def _timed(run: Run) -> tuple[float, Tensor]:
    began = time.perf_counter()
    result = run()  # the host has read it, so the device is done
    return time.perf_counter() - began, result


def _pixels(images: int, height: int, width: int) -> Tensor:
    """Noise, uint8 (images, 3, height, width), channels last."""
    random = torch.Generator().manual_seed(0)
    shape = (images, height, width, 3)
    return torch.randint(256, shape, dtype=torch.uint8, generator=random).permute(0, 3, 1, 2)
