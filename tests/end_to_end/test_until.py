"""Trainings that end at a place, and runs that continue with other images."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctcdsl.runs.checkpoint import load
from ctcdsl.training.run import CheckpointPolicy
from tests.support.runs import run_training, same_weights, without_times
from tests.support.tiny import Blots, Recorder, tiny_recipe

FEWER = Blots(each=7)


@pytest.mark.parametrize("place", [(0, 1), (0, 4), (1, 0), (1, 3), (3, 0)])
def test_a_training_ends_at_its_place_and_continues(tmp_path: Path, place: tuple[int, int]) -> None:
    complete = run_training(tmp_path / "complete")
    recorder = Recorder()
    run_training(tmp_path / "parts", callback=recorder, until=place)
    assert load(tmp_path / "parts").progress.position == place
    assert len(recorder.steps) == 4 * place[0] + place[1]
    resumed = run_training(tmp_path / "parts", resume=True)
    assert same_weights(tmp_path / "complete", tmp_path / "parts")
    assert without_times(resumed.rows) == without_times(complete.rows)


def test_an_epoch_that_was_begun_starts_again_with_other_images(tmp_path: Path) -> None:
    run_training(tmp_path, until=(1, 3))
    recorder = Recorder()
    run_training(
        tmp_path,
        tiny_recipe(epochs=2),
        train_set=FEWER,
        resume=True,
        callback=recorder,
        policy=CheckpointPolicy(session=1, new_images=True),
    )
    steps = [(step.epoch, step.step) for step in recorder.steps]
    assert steps == [(2, 1), (2, 2), (2, 3)], "21 images in batches of 7"
    [row] = recorder.rows
    assert (row.images, row.steps) == (27 + 21, 4 + 3)


def test_the_epoch_starts_again_even_if_nothing_came_of_it(tmp_path: Path) -> None:
    run_training(tmp_path, until=(1, 3))
    policy = CheckpointPolicy(session=1, new_images=True)
    run_training(tmp_path, train_set=FEWER, resume=True, until=(1, 0), policy=policy)
    saved = load(tmp_path)
    assert saved.progress.position == (1, 0) and saved.session == 1
