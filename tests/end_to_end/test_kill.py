"""Killed at random, with SIGKILL, a run loses no checkpoint and ends as if nothing had been.

`benchmarks/kill.py` does the same to the command line, at leisure.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import torch

from ctcdsl.runs import log
from ctcdsl.runs.checkpoint import load
from ctcdsl.runs.schedule import Interval
from ctcdsl.runs.store import numbers
from ctcdsl.text.diagnostic import Diagnostic
from ctcdsl.training.run import CheckpointPolicy
from tests.support.runs import run_training, same_weights, without_times
from tests.support.tiny import tiny_recipe

KILLS = 25
RECIPE = tiny_recipe(epochs=8, workers=1)


def train_on(run: Path, ready: Event | None = None) -> None:
    """Resume the run, or start it."""
    if ready is not None:
        ready.set()
    torch.rand(17)
    policy = CheckpointPolicy(every=Interval(steps=2), last=2)
    run_training(run, RECIPE, resume=bool(numbers(run)), policy=policy)


def test_kills_at_random(tmp_path: Path) -> None:
    whole = run_training(tmp_path / "whole", RECIPE)
    run, chance = tmp_path / "killed", random.Random(0)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ctcdsl.training.loop", "torch._dynamo"])
    killed = finished = 0
    while killed < KILLS:
        before = numbers(run)
        ready = context.Event()
        process: BaseProcess = context.Process(target=train_on, args=(run, ready))
        process.start()
        if before:
            assert ready.wait(60)  # to import takes longer than to train
            time.sleep(chance.random() * 0.1)
        else:
            _wait_for_checkpoint(run, process)
        process.kill()  # if it is still there
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        damaged: list[Diagnostic] = []
        load(run, damaged.append)  # there is one, and it is intact
        assert not damaged
        if process.exitcode == 0:
            finished += 1
            _compare(tmp_path, whole.rows)
            run.rename(tmp_path / f"finished{finished}")
    train_on(run)
    _compare(tmp_path, whole.rows)


def _compare(folder: Path, rows: tuple[log.Row, ...]) -> None:
    assert same_weights(folder / "whole", folder / "killed")
    assert without_times(log.read(folder / "killed")) == without_times(rows)


def _wait_for_checkpoint(run: Path, process: BaseProcess) -> None:
    deadline = time.monotonic() + 60
    while not numbers(run) and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.002)
