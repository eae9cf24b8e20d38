"""The loop: it learns, it keeps its books, its numbers are those of the steps."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ctcdsl.images.colour import measure
from ctcdsl.recipe import Schedule
from ctcdsl.runs import log
from ctcdsl.runs.checkpoint import load
from tests.support.runs import TEST, TRAIN, run_training, same_weights
from tests.support.tiny import Recorder, identity, tiny_net, tiny_recipe


def test_training_learns_and_keeps_its_books(tmp_path: Path) -> None:
    recorder = Recorder()
    recipe = replace(tiny_recipe(), schedule=Schedule(((6, 0.02), (2, 0.002))))
    outcome = run_training(tmp_path / "a" / "run", recipe, callback=recorder)
    rows = outcome.rows
    assert rows[-1].train_loss < 0.5 * rows[0].train_loss
    assert rows[-1].test_top1_error <= 0.25, "chance is 2/3"
    assert [row.epoch for row in rows] == list(range(1, 9))
    assert [row.steps for row in rows] == [4 * epoch for epoch in range(1, 9)], "27 images, 7 each"
    assert rows[-1].images == 8 * 27
    assert [row.learning_rate for row in rows] == [0.02] * 6 + [0.002] * 2
    assert recorder.rows == list(rows) == list(log.read(outcome.run))
    names = sorted(path.name for path in outcome.run.iterdir())
    assert names == [".lock", "checkpoints", log.CSV, log.JSONL]
    saved = load(outcome.checkpoint)
    assert saved.rows == rows
    assert (saved.progress.epoch, saved.recipe, saved.identity) == (8, recipe, identity())
    assert saved.statistics == outcome.statistics == measure(TRAIN, 1000, shorter=14)


def test_both_logs_say_the_same(tmp_path: Path) -> None:
    outcome = run_training(tmp_path)
    with (tmp_path / log.CSV).open(newline="") as file:
        table = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / log.JSONL).read_text().splitlines()]
    assert lines == [asdict(row) for row in outcome.rows]
    assert [{name: float(value) for name, value in row.items()} for row in table] == lines


def test_callbacks_get_every_step(tmp_path: Path) -> None:
    recorder = Recorder()
    run_training(tmp_path, tiny_recipe(epochs=2), callback=recorder)
    [plan] = recorder.plans
    assert (plan.epochs, plan.first_epoch, plan.steps, plan.classes) == (2, 1, 4, 3)
    assert (plan.training_images, plan.test_images, plan.device) == (27, 12, "cpu")
    assert recorder.measured[-1] == (27, 27)
    assert [(step.epoch, step.step) for step in recorder.steps] == [
        (epoch, step) for epoch in (1, 2) for step in (1, 2, 3, 4)
    ]
    for step in recorder.steps:
        assert step.loss > 0
        assert step.images_per_second > 0
        assert 0 < step.data_wait < 1
        assert step.seconds_left > 0
    assert recorder.tested.count((12, 12)) == 2


def test_the_logged_numbers_are_those_of_the_steps(tmp_path: Path) -> None:
    recorder = Recorder()
    [row] = run_training(tmp_path, tiny_recipe(epochs=1), callback=recorder).rows
    losses = [step.loss for step in recorder.steps]
    assert row.train_loss == pytest.approx(np.average(losses, weights=[7, 7, 7, 6]))
    assert 0 <= row.train_top1_error <= 1


def test_dropout_and_seed_do_matter(tmp_path: Path) -> None:
    """Else the test above could not fail."""
    run_training(tmp_path / "a")
    run_training(tmp_path / "b")
    assert same_weights(tmp_path / "a", tmp_path / "b")
    run_training(tmp_path / "c", tiny_recipe(dropout=0.1))
    assert not same_weights(tmp_path / "a", tmp_path / "c")
    run_training(tmp_path / "d", tiny_recipe(seed=6))
    assert not same_weights(tmp_path / "a", tmp_path / "d")


def test_the_rate_follows_the_schedule(tmp_path: Path) -> None:
    run_training(tmp_path / "one", tiny_recipe(epochs=1))
    steps = Schedule(((1, 0.02), (1, 1e-30)))
    run_training(tmp_path / "two", tiny_recipe(schedule=steps))
    one, two = (load(tmp_path / name).model for name in ("one", "two"))
    assert all(torch.equal(one[key], two[key]) for key in one), "1e-30 moves nothing"


def test_a_model_in_evaluation_mode_is_trained_with_dropout(tmp_path: Path) -> None:
    run_training(tmp_path / "a")
    run_training(tmp_path / "b", model=tiny_net().eval())
    assert same_weights(tmp_path / "a", tmp_path / "b")


def test_given_statistics_are_not_measured_again(tmp_path: Path) -> None:
    recorder, given = Recorder(), measure(TEST, 5, shorter=14)
    outcome = run_training(tmp_path, tiny_recipe(epochs=1), callback=recorder, statistics=given)
    assert outcome.statistics == load(tmp_path).statistics == given
    assert not recorder.measured


def test_bf16_trains_on_float32_weights(tmp_path: Path) -> None:
    outcome = run_training(tmp_path, tiny_recipe(precision="bf16"))
    assert {value.dtype for value in load(outcome.checkpoint).model.values()} == {torch.float32}
    exact = run_training(tmp_path / "exact")
    assert outcome.rows[-1].train_loss == pytest.approx(exact.rows[-1].train_loss, rel=0.2)
    assert not same_weights(tmp_path, tmp_path / "exact")


def test_workers_change_nothing(tmp_path: Path) -> None:
    run_training(tmp_path / "alone", tiny_recipe(epochs=1))
    run_training(tmp_path / "helped", tiny_recipe(epochs=1, workers=1))
    assert same_weights(tmp_path / "alone", tmp_path / "helped")


def test_the_rate_is_a_function_of_images_seen() -> None:
    schedule = Schedule(((1, 0.1), (2, 0.01)))
    assert [schedule.rate_after(seen, 27) for seen in (0, 26, 27, 80, 81, 999)] == [
        *(0.1, 0.1, 0.01, 0.01, 0.01, 0.01)
    ]


def test_accumulating_keeps_the_batch(tmp_path: Path) -> None:
    model = tiny_net(dropout=0.0)
    whole = run_training(tmp_path / "whole", tiny_recipe(epochs=2), model=model)
    for parts in (2, 3, 7, 100):
        run = tmp_path / str(parts)
        recipe = tiny_recipe(epochs=2, accumulate=parts)
        found = run_training(run, recipe, model=tiny_net(dropout=0.0))
        assert found.rows[-1].train_loss == pytest.approx(whole.rows[-1].train_loss, rel=1e-5)
        one, other = load(tmp_path / "whole").model, load(run).model
        assert all(torch.allclose(one[key], other[key], atol=1e-6) for key in one), parts


def test_a_run_may_go_on_in_smaller_parts(tmp_path: Path) -> None:
    run_training(tmp_path, tiny_recipe(epochs=1))
    assert len(run_training(tmp_path, tiny_recipe(epochs=2, accumulate=2), resume=True).rows) == 2
