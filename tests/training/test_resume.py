"""Interrupted runs: what is left is whole, and a resumed run ends like any other."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch

from ctcdsl.training import checkpoint as checkpoints
from ctcdsl.training import log
from ctcdsl.training.checkpoint import FILE, load
from ctcdsl.training.interrupt import Interrupted, interruptible
from ctcdsl.training.loop import Outcome
from ctcdsl.training.report import Step
from runs import interrupt_at, run_training, same_weights, without_times
from tiny import Recorder, tiny_recipe


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_resumed_run_ends_as_one_that_never_stopped(tmp_path: Path, epoch: int) -> None:
    whole = run_training(tmp_path / "whole", tiny_recipe(epochs=4))
    with pytest.raises(Interrupted):
        run_training(tmp_path / "cut", tiny_recipe(epochs=4), reporter=interrupt_at(epoch + 1, 2))
    assert load(tmp_path / "cut" / FILE).epoch == epoch
    torch.rand(100)  # another process has other random numbers behind it
    recorder = Recorder()
    resumed = run_training(tmp_path / "cut", tiny_recipe(epochs=4), reporter=recorder, resume=True)
    assert recorder.plans[0].first_epoch == epoch + 1
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert without_times(resumed.rows) == without_times(whole.rows)
    assert without_times(log.read(tmp_path / "cut")) == without_times(whole.rows)


def test_a_run_stopped_between_log_and_checkpoint_drops_the_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_training(tmp_path / "whole")
    save = checkpoints.save

    def stop_at_two(path: Path, checkpoint: checkpoints.Checkpoint) -> None:
        if checkpoint.epoch == 2:
            raise KeyboardInterrupt
        save(path, checkpoint)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", stop_at_two)
        with pytest.raises(Interrupted) as caught:
            run_training(tmp_path / "cut")
    assert caught.value.last_epoch == 1
    assert [row.epoch for row in log.read(tmp_path / "cut")] == [1, 2]
    recorder = interrupt_at(2, 1)
    with pytest.raises(Interrupted):
        run_training(tmp_path / "cut", reporter=recorder, resume=True)
    assert [row.epoch for row in log.read(tmp_path / "cut")] == [1], "dropped before going on"
    resumed = run_training(tmp_path / "cut", resume=True)
    assert without_times(resumed.rows) == without_times(whole.rows)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_an_interrupted_run_says_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path, reporter=interrupt_at(3, 1))
    assert (caught.value.run, caught.value.last_epoch) == (tmp_path, 2)
    for word in ("epoch 2", str(tmp_path), "--resume"):
        assert word in str(caught.value)


def test_a_run_interrupted_in_its_first_epoch_can_be_resumed(tmp_path: Path) -> None:
    whole = run_training(tmp_path / "whole")
    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path / "cut", reporter=interrupt_at(1, 2))
    assert caught.value.last_epoch == 0
    resumed = run_training(tmp_path / "cut", resume=True)
    assert without_times(resumed.rows) == without_times(whole.rows)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_interrupted_before_anything_was_saved(tmp_path: Path) -> None:
    class Stop(Recorder):
        def measuring(self, done: int, total: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path, reporter=Stop())
    assert caught.value.last_epoch is None
    assert "--resume" not in str(caught.value)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_interrupts(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def kill(step: Step) -> None:
        if step.epoch == 2:
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path, reporter=Recorder(on_step=kill))
    assert caught.value.last_epoch == 1
    assert signal.getsignal(number) == before


def test_a_signal_that_comes_twice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 50.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with interruptible():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        now += 0.5
        os.kill(os.getpid(), signal.SIGINT)  # the same Ctrl-C, passed on by a supervisor
        now += 1.5
        with pytest.raises(KeyboardInterrupt):  # another one, of somebody losing patience
            os.kill(os.getpid(), signal.SIGTERM)


def test_training_works_outside_the_main_thread(tmp_path: Path) -> None:
    outcomes: list[Outcome] = []
    thread = threading.Thread(
        target=lambda: outcomes.append(run_training(tmp_path, tiny_recipe(epochs=1)))
    )
    thread.start()
    thread.join()
    assert [len(outcome.rows) for outcome in outcomes] == [1]


def test_a_longer_recipe_goes_on_from_the_end(tmp_path: Path) -> None:
    whole = run_training(tmp_path / "whole", tiny_recipe(epochs=3))
    run_training(tmp_path / "longer", tiny_recipe(epochs=2))
    longer = run_training(tmp_path / "longer", tiny_recipe(epochs=3), resume=True)
    assert without_times(longer.rows) == without_times(whole.rows)
    assert same_weights(tmp_path / "whole", tmp_path / "longer")
    again = run_training(tmp_path / "longer", tiny_recipe(epochs=3), resume=True)
    assert again.rows == longer.rows, "nothing is left to do"
