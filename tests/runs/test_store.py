"""Which checkpoints of a run stay, when one is due, and who may write them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ctcdsl.images.colour import Statistics
from ctcdsl.runs.checkpoint import Checkpoint, Progress, load, rng_states
from ctcdsl.runs.log import Row
from ctcdsl.runs.schedule import CheckpointSchedule, Interval
from ctcdsl.runs.store import CheckpointStore, numbers
from ctcdsl.training.run import CheckpointPolicy
from tests.storage.test_lock import held_elsewhere
from tests.support.runs import run_training
from tests.support.tiny import identity, refused, tiny_net, tiny_recipe

STATISTICS = Statistics((1.0, 2.0, 3.0), (3.0, 2.0, 1.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))


def after(epoch: int, error: float, step: int = 0) -> Checkpoint:
    row = Row(
        epoch=epoch,
        steps=4,
        images=27,
        learning_rate=0.1,
        train_loss=1.0,
        train_top1_error=0.5,
        test_loss=1.0,
        test_top1_error=error,
        test_top5_error=0.0,
        images_per_second=1.0,
        data_wait=0.0,
        seconds=1.0,
    )
    return Checkpoint(
        identity=identity(),
        recipe=tiny_recipe(),
        statistics=STATISTICS,
        progress=Progress(epoch=epoch, step=step, rows=[row]),
        model=tiny_net().state_dict(),
        optimizer={},
        rng=rng_states(),
    )


def test_the_last_ones_and_the_best_stay(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    for epoch, error in enumerate([0.9, 0.3, 0.5, 0.3, 0.8, 0.9, 0.7], start=1):
        store.add(after(epoch, error))
    assert numbers(tmp_path) == [4, 6, 7], "of equal errors the later one"
    assert load(tmp_path).progress.epoch == 7
    best = load(tmp_path / "checkpoints" / "best")
    assert best.progress.epoch == 4
    assert best.run == tmp_path.resolve()
    store.add(after(8, 0.1, step=3))
    assert numbers(tmp_path) == [4, 7, 8], "its weights are not those that were tested"


@pytest.mark.parametrize("path", ["", "checkpoints", "checkpoints/000002"])
def test_a_checkpoint_is_found_from_every_folder(tmp_path: Path, path: str) -> None:
    store = CheckpointStore(tmp_path / "run", keep=2)
    store.add(after(1, 0.5))
    store.add(after(2, 0.6))
    found = load(tmp_path / "run" / path)
    assert (found.progress.epoch, found.run) == (2, tmp_path / "run")
    assert [row.epoch for row in found.rows] == [2]


def test_a_number_is_never_written_again(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=1)
    store.add(after(1, 0.5))
    assert store.add(after(2, 0.6)).name == "000002"
    (tmp_path / "checkpoints" / "000002" / "state.pt").write_bytes(b"damaged")
    assert store.add(after(2, 0.6)).name == "000003"


@pytest.mark.parametrize(
    ("text", "every"),
    [
        ("500", Interval(steps=500)),
        ("1 step", Interval(steps=1)),
        ("20 steps", Interval(steps=20)),
        ("600s", Interval(seconds=600)),
        ("10min", Interval(seconds=600)),
        ("10m", Interval(seconds=600)),
        ("1.5h", Interval(seconds=5400)),
    ],
)
def test_how_often_can_be_written(text: str, every: Interval) -> None:
    assert Interval.parse(text) == every
    assert Interval.parse(str(every)) == every


@pytest.mark.parametrize("text", ["", "0", "0s", "-1", "1.5", "ten", "5 parsecs"])
def test_how_often_cannot_be_written(text: str) -> None:
    with pytest.raises(ValueError, match="^" + (text or "$")):
        Interval.parse(text)


def test_a_checkpoint_is_due_by_steps_or_by_time() -> None:
    now = 100.0
    by_steps, by_time = (
        CheckpointSchedule(each, lambda: now) for each in (Interval(steps=3), Interval(seconds=10))
    )
    assert [by_steps.is_due() for _ in range(4)] == [False, False, True, True]
    by_steps.reset()
    assert not by_steps.is_due()
    assert not by_time.is_due()
    now += 10
    assert by_time.is_due()
    by_time.reset()
    assert not by_time.is_due()


def test_checkpoints_inside_an_epoch(tmp_path: Path) -> None:
    run_training(tmp_path, policy=CheckpointPolicy(every=Interval(steps=2), last=100))
    places = [
        load(tmp_path / "checkpoints" / f"{n:06}").progress.position for n in numbers(tmp_path)
    ]
    assert places == [(0, 0), (0, 2), (1, 0), (1, 2), (2, 0), (2, 2), (3, 0)]


def test_two_processes_do_not_train_one_run(tmp_path: Path) -> None:
    run_training(tmp_path, tiny_recipe(epochs=1))
    with held_elsewhere(tmp_path / ".lock"), refused("CTC621") as errors:
        run_training(tmp_path, resume=True)
    assert errors[0].path == str(tmp_path)
    assert len(run_training(tmp_path, resume=True).rows) == 3


def test_weights_are_read_by_anybody(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    saved = after(1, 0.5)
    place = CheckpointStore(tmp_path, keep=1).add(saved)
    weights = load_file(place / "weights.safetensors")
    assert all(torch.equal(weights[name], value) for name, value in saved.model.items())
    assert replace(saved, path=place).run == tmp_path
