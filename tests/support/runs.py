"""Tiny trainings for the tests of the loop."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ctcdsl.execution.events import StepEnded
from ctcdsl.images.image_set import ImageSet
from ctcdsl.recipe import Recipe
from ctcdsl.runs import log
from ctcdsl.runs.checkpoint import load
from ctcdsl.training.loop import TrainingResult, train
from tests.support.tiny import Blots, Recorder, identity, tiny_net, tiny_recipe

TRAIN, TEST = Blots(each=9), Blots(each=4, seed=1000)
TIMES = ("images_per_second", "data_wait", "seconds")
CPU = torch.device("cpu")


def run_training(
    run: Path,
    recipe: Recipe | None = None,
    *,
    model: nn.Module | None = None,
    train_set: ImageSet = TRAIN,
    test_set: ImageSet = TEST,
    callback: Recorder | None = None,
    **others: Any,
) -> TrainingResult:
    return train(
        model or tiny_net(),
        train_set,
        test_set,
        recipe or tiny_recipe(),
        crop=(12, 12),
        run=run,
        identity=others.pop("identity", identity()),
        callback=callback or Recorder(),
        device=CPU,
        **others,
    )


def without_times(rows: tuple[log.Row, ...]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in asdict(row).items() if name not in TIMES} for row in rows
    ]


def same_weights(first: Path, second: Path) -> bool:
    one, other = load(first), load(second)
    momenta = [
        [state["momentum_buffer"] for state in each.optimizer["state"].values()]
        for each in (one, other)
    ]
    return all(
        torch.equal(left, right)
        for left, right in zip(
            [*one.model.values(), *momenta[0], *one.rng],
            [*other.model.values(), *momenta[1], *other.rng],
            strict=True,
        )
    )


def interrupt_at(epoch: int, step: int) -> Recorder:
    def stop(done: StepEnded) -> None:
        if (done.epoch, done.step) == (epoch, step):
            raise KeyboardInterrupt

    return Recorder(after_step=stop)
