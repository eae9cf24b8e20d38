"""Two processes train as one, stop together, and go on as if they had never stopped."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import torch

import ctcdsl
from ctcdsl.distributed.processes import SINGLE_PROCESS
from ctcdsl.distributed.torchrun import join_processes
from ctcdsl.evaluation.evaluate import evaluate
from ctcdsl.images.decode import Pixels
from ctcdsl.runs import log
from ctcdsl.runs.checkpoint import load, restore_model
from ctcdsl.runs.schedule import Interval
from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.training.run import CheckpointPolicy
from tests.support.ranks import (
    KILL,
    TERM,
    by_ranks,
    command_by,
    normed_net,
    plain_net,
    torchrun,
    train_by,
)
from tests.support.runs import CPU, TEST, run_training, same_weights, without_times
from tests.support.tiny import Blots, Recorder, tiny_recipe, write_folder_atomic

SPEC = "net Tiny\ninput 3x16x16\n(3,8)/2 2/2 (3,16)\nhead: gap drop(0.5) fc\n"

RECIPE = tiny_recipe(workers=1)
EACH_STEP = CheckpointPolicy(every=Interval(steps=1))

Places = tuple[tuple[int, int], ...]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run by two processes that nothing interrupts."""
    run = tmp_path_factory.mktemp("ranks") / "whole"
    assert train_by(run, RECIPE) == [0, 0]
    return run


def as_whole(run: Path, whole: Path) -> None:
    assert same_weights(whole, run)
    assert without_times(log.read(run)) == without_times(log.read(whole))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_learn_what_one_learns(tmp_path: Path, accumulate: int) -> None:
    """Batches of 7 are 4 and 3 images; the last one is a single image, of the first process."""
    images = Blots(each=5)
    recipe = tiny_recipe(epochs=3, accumulate=accumulate)
    one = run_training(tmp_path / "one", recipe, model=plain_net(), train_set=images)
    assert train_by(tmp_path / "two", recipe, net=plain_net, train_set=images) == [0, 0]
    first, second = load(tmp_path / "one").model, load(tmp_path / "two").model
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-4, atol=1e-6)
    for row, other in zip(one.rows, log.read(tmp_path / "two"), strict=True):
        assert other.train_loss == pytest.approx(row.train_loss, rel=1e-4)
        assert other.test_loss == pytest.approx(row.test_loss, rel=1e-4)
        assert (other.train_top1_error, other.test_top1_error, other.test_top5_error) == (
            row.train_top1_error,
            row.test_top1_error,
            row.test_top5_error,
        )


def test_more_processes_than_images_in_a_batch_or_in_the_test(tmp_path: Path) -> None:
    few = Blots(each=1)
    recipe = tiny_recipe(epochs=1, batch=2)
    one = run_training(tmp_path / "one", recipe, model=plain_net(), train_set=few, test_set=few)
    codes = train_by(tmp_path / "four", recipe, world=4, net=plain_net, train_set=few, test_set=few)
    assert codes == [0, 0, 0, 0]
    [row] = log.read(tmp_path / "four")
    assert row.train_loss == pytest.approx(one.rows[0].train_loss, rel=1e-4)
    assert row.test_top1_error == one.rows[0].test_top1_error


def test_the_test_is_that_of_the_saved_weights(whole: Path) -> None:
    saved, model = load(whole), normed_net()
    restore_model(model, saved, saved.path)
    scores = evaluate(
        model,
        TEST,
        crop=(12, 12),
        views=1,
        recipe=saved.recipe,
        statistics=saved.statistics,
        callback=Recorder(),
        device=CPU,
    )
    row = saved.rows[-1]
    assert (row.test_top1_error, row.test_top5_error) == (scores.top1_error, scores.top5_error)
    assert row.test_loss == pytest.approx(scores.loss, rel=1e-5)


def test_one_is_killed_the_other_ends_and_both_go_on(tmp_path: Path, whole: Path) -> None:
    run, began = tmp_path / "run", time.monotonic()
    codes = train_by(run, RECIPE, event=(1, True, 6, KILL), policy=EACH_STEP)
    assert time.monotonic() - began < 20
    assert codes == [1, -KILL]
    assert (tmp_path / "said0").read_text() == "CTC662"
    assert load(run).progress.position == (1, 1)
    assert train_by(run, RECIPE, resume=True) == [0, 0]
    as_whole(run, whole)


def test_the_leader_is_killed_in_the_test(tmp_path: Path, whole: Path) -> None:
    run = tmp_path / "run"
    assert train_by(run, RECIPE, event=(0, False, 3, KILL)) == [-KILL, 1]
    assert train_by(run, RECIPE, resume=True) == [0, 0]
    as_whole(run, whole)


@pytest.mark.parametrize(
    ("rank", "training", "at", "places"),
    [(1, True, 6, ((1, 2), (1, 3))), (0, False, 3, ((1, 4),))],
)
def test_asked_to_stop_both_stop_at_one_step(
    tmp_path: Path, whole: Path, rank: int, training: bool, at: int, places: Places
) -> None:
    """Only one of them gets the signal: in a step, after which or the next they stop; in a test."""
    run = tmp_path / "run"
    codes = train_by(run, RECIPE, event=(rank, training, at, TERM))
    assert codes == [130, 130]
    assert load(run).progress.position in places
    assert train_by(run, RECIPE, resume=True) == [0, 0]
    as_whole(run, whole)


def test_another_number_of_processes_goes_on(tmp_path: Path) -> None:
    whole = run_training(tmp_path / "whole", model=plain_net())
    run = tmp_path / "run"
    for world, at in ((2, 3), (3, 4)):
        event = (0, True, at, TERM)
        codes = train_by(
            run, tiny_recipe(), world=world, net=plain_net, event=event, resume=run.exists()
        )
        assert codes == [130] * world
    assert load(run).progress.position in ((1, 3), (1, 4)), "the step of the signal, or the next"
    rows = run_training(run, model=plain_net(), resume=True).rows
    for name, value in load(tmp_path / "whole").model.items():
        torch.testing.assert_close(load(run).model[name], value, rtol=1e-4, atol=1e-6)
    for row, other in zip(whole.rows, rows, strict=True):
        assert other.test_loss == pytest.approx(row.test_loss, rel=1e-4)


@dataclass(frozen=True)
class Holed(Blots):
    """The seventh image is none."""

    def pixels(self, index: int) -> Pixels:
        if index == 7:
            raise UserError(Diagnostic(code="CTC603", message="no image", hints=("mend it",)))
        return super().pixels(index)


def test_an_error_of_one_in_the_test_ends_both(tmp_path: Path) -> None:
    codes = train_by(tmp_path / "run", RECIPE, test_set=Holed(each=4, seed=1000))
    assert codes == [1, 1]
    assert [(tmp_path / f"said{rank}").read_text() for rank in (0, 1)] == ["CTC603"] * 2


def test_what_the_leader_refuses_all_refuse(tmp_path: Path, whole: Path) -> None:
    """Not that it is gone: the others know why."""
    (tmp_path / "run").symlink_to(whole)
    for resume, recipe, code in ((False, RECIPE, "CTC614"), (True, tiny_recipe(seed=6), "CTC613")):
        assert train_by(tmp_path / "run", recipe, resume=resume) == [1, 1]
        assert [(tmp_path / f"said{rank}").read_text() for rank in (0, 1)] == [code, code]


def test_a_refusal_is_said_once(tmp_path: Path, whole: Path) -> None:
    (tmp_path / "tiny.ctc").write_text(SPEC, encoding="utf-8")
    for split in ("train", "test"):
        write_folder_atomic(tmp_path / "data" / split)
    words = ("train", tmp_path / "tiny.ctc", "--data", tmp_path / "data", "--device", "cpu")
    found = command_by(tmp_path, *[(*words, "--run", whole)] * 2)
    assert found.codes == [1, 1]
    assert found.err.count("error[") == found.err.count("error[CTC614]") == 1, found.err


class TermWhileMeasuring(Recorder):
    """Sends SIGTERM to its process."""

    def on_statistics(self, done: int, total: int) -> None:
        os.kill(os.getpid(), TERM)


def test_the_leader_is_stopped_before_the_first_step(tmp_path: Path) -> None:
    own: tuple[dict[str, object], ...] = ({"callback": TermWhileMeasuring()}, {})
    assert train_by(tmp_path / "run", RECIPE, of_rank=own) == [130, 130]
    assert not list(tmp_path.glob("said*")), "an interrupt is no error"


def test_they_must_be_started_alike(tmp_path: Path) -> None:
    others: tuple[dict[str, object], ...] = ({}, {"recipe": tiny_recipe(seed=6)})
    assert train_by(tmp_path / "run", RECIPE, of_rank=others) == [1, 1]
    assert [(tmp_path / f"said{rank}").read_text() for rank in (0, 1)] == ["CTC663", "CTC663"]


def test_torchrun_starts_them_again(tmp_path: Path) -> None:
    """One of the processes is killed: torchrun ends the other, and both go on."""
    (tmp_path / "tiny.ctc").write_text(SPEC, encoding="utf-8")
    for split in ("train", "test"):
        write_folder_atomic(tmp_path / "data" / split)
    process = torchrun(
        *("--max-restarts", "1", "-m", "--"),
        *("ctcdsl", "train", str(tmp_path / "tiny.ctc"), "--data", str(tmp_path / "data")),
        *("--run", str(tmp_path / "run"), "--auto-resume", "--device", "cpu"),
        *("--recipe", "small", "--batch", "3", "--schedule", "25:0.001"),
    )
    begun, deadline = tmp_path / "run" / "log.jsonl", time.monotonic() + 60
    while not (begun.exists() and begun.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[-1]), KILL)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert len(log.read(tmp_path / "run")) == 25
    assert "from epoch" in errors, "it went on"
    assert out.count("top-1 error") == 1, "one process speaks"


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with join_processes() as processes:
        assert processes is SINGLE_PROCESS and processes.is_main and not processes.is_distributed


def test_processes_that_do_not_meet_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError) as caught, join_processes():
        pass
    assert caught.value.diagnostics[0].code == "CTC661"


def _train_and_evaluate(folder: Path) -> None:
    """Two calls of the library, each of which joins the processes."""
    run = ctcdsl.train(
        folder / "tiny.ctc", folder / "data", run=folder / "run", epochs=1, batch=6, device="cpu"
    )
    scores = [ctcdsl.evaluate(run, views=views, device="cpu") for views in (1, 10)]
    assert [found.images for found in scores] == [6, 6]
    rank = os.environ.get("RANK", "alone")
    (folder / f"scores{rank}").write_text(str([found.as_json() for found in scores]))


def test_a_program_may_call_the_library_several_times(tmp_path: Path) -> None:
    (tmp_path / "tiny.ctc").write_text(SPEC, encoding="utf-8")
    for split in ("train", "test"):
        write_folder_atomic(tmp_path / "data" / split, each=2)
    assert by_ranks([partial(_train_and_evaluate, tmp_path)] * 2) == [0, 0]
    first, second = ((tmp_path / f"scores{rank}").read_text() for rank in (0, 1))
    assert first == second
