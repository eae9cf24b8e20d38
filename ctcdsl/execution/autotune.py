"""Which configuration computes fastest here: each is timed on random images.

What is timed is what will run: `TrainStep.step`, or ten views through `MultiCropEvaluator` (see
`training.tune` and `evaluation.tune`). Only the images are random, since their content costs the
same.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Self

import torch
from torch import Tensor

from ctcdsl.distributed.processes import Processes
from ctcdsl.execution.allocator import steady_allocator
from ctcdsl.execution.events import Callback
from ctcdsl.execution.memory_errors import is_out_of_memory
from ctcdsl.images.colour import Statistics
from ctcdsl.recipe import Compile, Precision, Recipe
from ctcdsl.text.diagnostic import UserError

_MIN_SPEEDUP = 1.05
"""How many times as fast as a simpler configuration one must be: less may be chance."""
_RUNS, _SECONDS = 5, 4.0
"""A configuration is timed so often, or for so long if that is over sooner."""
Run = Callable[[], Tensor]
RANDOM_STATISTICS = {
    1: Statistics((120.0,), (60.0,), ((1.0,),)),
    3: Statistics((120.0,) * 3, (60.0, 20.0, 10.0), ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0))),
}
"""By the channels of the network's input."""


@dataclass(frozen=True, slots=True)
class ExecutionConfig:
    """How to compute; all configurations give the same numbers but for rounding."""

    precision: Precision
    compile: Compile
    prefix: bool = False
    """Whether the views of a test share their first layers."""

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """The configuration of `recipe`."""
        return cls(recipe.precision, recipe.compile)

    def apply(self, recipe: Recipe) -> Recipe:
        """`recipe` in this configuration."""
        return replace(recipe, precision=self.precision, compile=self.compile)

    def __str__(self) -> str:
        compiled = {"off": "not compiled", "on": "compiled", "graphs": "compiled, CUDA graphs"}
        shared = ", the views share their first layers" if self.prefix else ""
        return f"{self.precision}, {compiled[self.compile]}{shared}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What the user has chosen, which is not varied."""

    precision: Precision | None = None
    compile: Compile | None = None

    def configs(
        self, device: torch.device, prefixes: Sequence[bool] = (False,)
    ) -> tuple[ExecutionConfig, ...]:
        """All configurations that `device` has, the simplest first."""
        modes: tuple[Compile, ...] = ("off", "on")
        if device.type == "cuda":
            modes = (*modes, "graphs")
        precisions: tuple[Precision, ...] = ("float32", "bf16")
        return tuple(
            ExecutionConfig(precision, mode, prefix)
            for precision, mode, prefix in product(
                (self.precision,) if self.precision else precisions,
                (self.compile,) if self.compile else modes,
                prefixes,
            )
        )


@dataclass(slots=True, kw_only=True)
class Measurement:
    """The times of a configuration."""

    config: ExecutionConfig
    images: int
    """How many it was timed on."""
    first: float = 0.0
    """Seconds of the first run, with compiling."""
    times: list[float] = field(default_factory=list)
    """Seconds of the runs that count."""
    result: Tensor | None = None
    """What the first run gave, float32 on the CPU: the loss, or the probabilities."""
    failure: str = ""
    """Why it does not work here."""

    @property
    def seconds(self) -> float:
        """Of the fastest run, which others on the machine slowed least; 0 for a failure."""
        return 0.0 if self.failure else min(self.times)

    @property
    def images_per_second(self) -> float:
        """0 for a failure."""
        return self.images / self.seconds if self.seconds else 0.0


def fastest(trials: Sequence[Measurement]) -> Measurement | None:
    """The fastest that did not fail; a later one only where it is clearly faster."""
    best: Measurement | None = None
    for trial in trials:
        if trial.failure:
            continue
        if best is None or trial.images_per_second > _MIN_SPEEDUP * best.images_per_second:
            best = trial
    return best


def choose(
    trials: Sequence[Measurement],
    default: ExecutionConfig,
    callback: Callback,
    processes: Processes,
) -> ExecutionConfig:
    """The fastest configuration; `default` where none works. The main process decides for all."""
    best = fastest(trials)
    callback.on_tuned(trials, best.config if best else None)
    return processes.broadcast(best.config if best else default)


def measure(
    prepare: Callable[[ExecutionConfig], Run],
    configs: Sequence[ExecutionConfig],
    images: int,
    device: torch.device,
    callback: Callback,
) -> list[Measurement]:
    """Run each configuration once and once more, then time it.

    On a CPU, which others use too, they take turns, so that each has the same share of bad luck.
    On a GPU one comes after the other: times hardly vary, and its memory may not hold all.
    """
    trials = [Measurement(config=config, images=images) for config in configs]
    with steady_allocator(device):
        for group in [trials] if device.type == "cpu" else [[trial] for trial in trials]:
            runs: list[tuple[Measurement, Run]] = []
            for trial in group:
                callback.on_trial(trial.config)
                with _failure_noted(trial):
                    run = prepare(trial.config)
                    trial.first, trial.result = _timed(run)
                    _timed(run)  # caches, and what a library finds out on its second run
                    runs.append((trial, run))
            for _ in range(_RUNS):
                for trial, run in runs:
                    if sum(trial.times) < _SECONDS:
                        with _failure_noted(trial):
                            trial.times.append(_timed(run)[0])
            if device.type == "cuda":
                del runs
                gc.collect()  # modules are cycles, and the next configuration needs their memory
                torch.cuda.empty_cache()
    return trials


@contextmanager
def _failure_noted(trial: Measurement) -> Iterator[None]:
    """Notes why a configuration fails, where that is not a bug."""
    try:
        yield
    except UserError as error:
        first = error.diagnostics[0]
        trial.failure = ": ".join((first.message, *first.notes[:1]))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        trial.failure = "out of memory"
    if trial.result is not None and not trial.result.isfinite().all():
        trial.failure = "its numbers are not finite"


def _timed(run: Run) -> tuple[float, Tensor]:
    start = time.perf_counter()
    result = run()  # the host has read it, so the device is done
    return time.perf_counter() - start, result


def random_pixels(images: int, height: int, width: int) -> Tensor:
    """Noise, uint8 (images, 3, height, width), channels last."""
    random = torch.Generator().manual_seed(0)
    shape = (images, height, width, 3)
    return torch.randint(256, shape, dtype=torch.uint8, generator=random).permute(0, 3, 1, 2)
