"""Interrupted runs: what is left is whole, and a resumed run ends like any other."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch

from ctcdsl.execution.events import StepEnded
from ctcdsl.execution.interrupt import Interrupted, StopFlag, interruptible
from ctcdsl.runs import log
from ctcdsl.runs.checkpoint import Checkpoint, load
from ctcdsl.runs.schedule import Interval
from ctcdsl.runs.store import CheckpointStore
from ctcdsl.training.loop import TrainingResult
from ctcdsl.training.run import CheckpointPolicy
from tests.support.runs import interrupt_at, run_training, same_weights, without_times
from tests.support.tiny import Recorder, tiny_recipe

EACH_STEP = CheckpointPolicy(every=Interval(steps=1))
PLACES = [(epoch, step) for epoch in (1, 2, 3) for step in (1, 3, 4)]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(("epoch", "step"), PLACES)
def test_a_resumed_run_ends_as_one_that_never_stopped(
    tmp_path: Path, epoch: int, step: int, workers: int
) -> None:
    whole = run_training(tmp_path / "whole")
    recipe = tiny_recipe(workers=workers)
    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path / "cut", recipe, callback=interrupt_at(epoch, step))
    assert caught.value.saved == f"epoch {epoch}, step {step}"
    assert load(tmp_path / "cut").progress.position == (epoch - 1, step)
    torch.rand(100)  # another process has other random numbers behind it
    recorder = Recorder()
    resumed = run_training(tmp_path / "cut", recipe, callback=recorder, resume=True)
    assert (recorder.plans[0].first_epoch, recorder.plans[0].first_step) == (epoch, step + 1)
    steps = [(each.epoch, each.step) for each in recorder.steps]
    assert steps == [(e, s) for e in (1, 2, 3) for s in (1, 2, 3, 4) if (e, s) > (epoch, step)]
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert without_times(resumed.rows) == without_times(whole.rows)
    assert without_times(log.read(tmp_path / "cut")) == without_times(whole.rows)


def test_a_run_interrupted_in_its_test_is_tested_again(tmp_path: Path) -> None:
    whole = run_training(tmp_path / "whole")

    class Stops(Recorder):
        def on_validation(self, done: int, total: int) -> None:
            if len(self.rows) == 1 and done > 7:
                raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        run_training(tmp_path / "cut", callback=Stops())
    assert load(tmp_path / "cut").progress.position == (1, 4)
    recorder = Recorder()
    resumed = run_training(tmp_path / "cut", callback=recorder, resume=True)
    assert recorder.steps[0].epoch == 3, "no step is done twice"
    assert without_times(resumed.rows) == without_times(whole.rows)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_the_log_is_that_of_the_checkpoint(tmp_path: Path) -> None:
    """A run killed after the log and before the checkpoint has a row too many, for a while."""
    whole = run_training(tmp_path / "whole")
    with pytest.raises(Interrupted):
        run_training(tmp_path / "cut", callback=interrupt_at(2, 2))
    log.write(tmp_path / "cut", whole.rows)
    with pytest.raises(Interrupted):
        run_training(tmp_path / "cut", callback=interrupt_at(2, 3), resume=True)
    assert without_times(log.read(tmp_path / "cut")) == without_times(whole.rows[:1])
    (tmp_path / "cut" / log.JSONL).unlink()
    resumed = run_training(tmp_path / "cut", resume=True)
    assert without_times(resumed.rows) == without_times(whole.rows)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_seconds_of_an_interrupted_epoch_are_counted(tmp_path: Path) -> None:
    def slow(step: StepEnded) -> None:
        time.sleep(0.05)
        if step.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        run_training(tmp_path, tiny_recipe(epochs=1), callback=Recorder(after_step=slow))
    [row] = run_training(tmp_path, tiny_recipe(epochs=1), resume=True).rows
    assert row.seconds > 0.1
    assert row.images_per_second == pytest.approx(27 / row.seconds, rel=0.5)


@pytest.mark.parametrize("damage", ["weights.safetensors", "state.pt", "manifest.json"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, damage: str) -> None:
    whole = run_training(tmp_path / "whole")
    cut = tmp_path / "cut"
    with pytest.raises(Interrupted):
        run_training(cut, callback=interrupt_at(2, 2), policy=EACH_STEP)
    newest = max((cut / "checkpoints").glob("0*"))
    data = bytearray((newest / damage).read_bytes())
    data[0 if damage == "manifest.json" else len(data) // 2] ^= 0x55
    (newest / damage).write_bytes(data)
    recorder = Recorder()
    resumed = run_training(cut, callback=recorder, resume=True)
    assert recorder.plans[0].first_step == 2, "the checkpoint before it"
    [warning] = recorder.warnings
    assert (warning.code, warning.path) == ("CTC911", str(newest / damage))
    assert "epoch 2, step 1" in warning.hints[0]
    assert same_weights(tmp_path / "whole", cut)
    assert without_times(resumed.rows) == without_times(whole.rows)


def test_an_interrupted_run_says_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path, callback=interrupt_at(3, 1))
    assert (caught.value.run, caught.value.saved) == (tmp_path, "epoch 3, step 1")
    for word in ("epoch 3, step 1", str(tmp_path), "--resume"):
        assert word in str(caught.value)


def test_interrupted_before_anything_was_saved(tmp_path: Path) -> None:
    class Stops(Recorder):
        def on_statistics(self, done: int, total: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path, callback=Stops())
    assert caught.value.saved is None
    assert "--resume" not in str(caught.value)
    assert len(run_training(tmp_path, tiny_recipe(epochs=1)).rows) == 1, "it can begin again"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_interrupts(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def kill(step: StepEnded) -> None:
        if step.epoch == 2:
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path, callback=Recorder(after_step=kill))
    assert caught.value.saved == "epoch 2, step 1"
    assert signal.getsignal(number) == before


def test_a_signal_inside_a_step_waits_for_its_end(tmp_path: Path) -> None:
    whole = run_training(tmp_path / "whole")
    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path / "cut", model=_kills_at_batch(6))
    assert caught.value.saved == "epoch 2, step 2"
    run_training(tmp_path / "cut", resume=True)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert len(whole.rows) == 3


def _kills_at_batch(number: int) -> torch.nn.Module:
    from tests.support.tiny import tiny_net

    model, left = tiny_net(), number

    def kill(*arguments: object) -> None:
        nonlocal left
        left -= model.training
        if left == 0 and model.training:
            os.kill(os.getpid(), signal.SIGTERM)

    model.register_forward_hook(kill)
    return model


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


def test_losing_patience_breaks_off_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 50.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    stop, reached = StopFlag(), []
    with pytest.raises(KeyboardInterrupt), stop.blocked():
        stop.signalled(signal.SIGINT, None)
        reached.append("after the first")
        now += 2
        stop.signalled(signal.SIGINT, None)
        reached.append("after the second")
    assert reached == ["after the first"]
    assert stop.aborted, "what was held is not whole, and not to be saved"


def test_a_step_that_is_broken_off_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaks(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = _kills_at_batch(6)
            self.left = 6

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            self.left -= self.training
            if self.left == 0 and self.training:
                raise KeyboardInterrupt
            logits: torch.Tensor = self.inner(inputs)
            return logits

    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path, model=Breaks())
    assert caught.value.saved == "epoch 1", "the last one before it"


def test_training_works_outside_the_main_thread(tmp_path: Path) -> None:
    outcomes: list[TrainingResult] = []
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


def test_a_checkpoint_that_is_being_written_is_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = CheckpointStore.add

    def stop_at_two(store: CheckpointStore, checkpoint: Checkpoint) -> Path:
        if checkpoint.progress.epoch == 2:
            half = store.run / "checkpoints" / ".000099.1.tmp"
            half.mkdir()
            (half / "weights.safetensors").write_bytes(b"half")
            raise KeyboardInterrupt
        return add(store, checkpoint)

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointStore, "add", stop_at_two)
        with pytest.raises(Interrupted):
            run_training(tmp_path)
    assert load(tmp_path).progress.position == (1, 0)
    assert len(run_training(tmp_path, resume=True).rows) == 3
    assert not list((tmp_path / "checkpoints").glob(".*")), "swept"
