"""Numbers that are read a step later, as on a GPU: nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ctcdsl.execution.events import StepEnded
from ctcdsl.execution.interrupt import Interrupted
from ctcdsl.execution.transfer import AsyncRead, prefetch_to_device
from ctcdsl.images.batches import Batch
from ctcdsl.training import epoch
from tests.support.runs import CPU, interrupt_at, run_training, same_weights, without_times
from tests.support.tiny import Recorder, refused, tiny_net


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are read a step later, as on a GPU."""
    monkeypatch.setattr(epoch, "pipeline_depth", lambda device: 1)


def test_reading_later_changes_nothing(tmp_path: Path, late: None) -> None:
    recorder = Recorder()
    later = run_training(tmp_path / "late", callback=recorder)
    assert [each.step for each in recorder.steps] == [1, 2, 3, 4] * 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(epoch, "pipeline_depth", lambda device: 0)
        eager = Recorder()
        soon = run_training(tmp_path / "soon", callback=eager)
    assert without_times(later.rows) == without_times(soon.rows)
    losses = [[each.loss for each in which.steps] for which in (recorder, eager)]
    assert losses[0] == losses[1]
    assert same_weights(tmp_path / "late", tmp_path / "soon")


@pytest.mark.parametrize("step", [1, 3, 4])
def test_what_is_read_later_is_saved_whole(tmp_path: Path, late: None, step: int) -> None:
    whole = run_training(tmp_path / "whole")
    with pytest.raises(Interrupted):
        run_training(tmp_path / "cut", callback=interrupt_at(2, step))
    resumed = run_training(tmp_path / "cut", resume=True)
    assert without_times(resumed.rows) == without_times(whole.rows)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_a_bad_loss_is_named_by_its_step_when_it_is_read_later(tmp_path: Path, late: None) -> None:
    model = tiny_net()

    def poison(done: StepEnded) -> None:
        if done.step == 1:  # the second step is under way: the third meets this
            next(model.parameters()).data.fill_(torch.inf)

    with refused("CTC609") as found:
        run_training(tmp_path / "run", model=model, callback=Recorder(after_step=poison))
    assert "epoch 1, step 3" in found[0].message


def test_a_cpu_gets_batches_and_readings_as_they_are() -> None:
    batch = Batch(torch.ones(2, 3), torch.ones(2), torch.ones(2, 3), torch.ones(2))
    (moved,) = prefetch_to_device(iter([batch]), CPU)
    assert all(mine is theirs for mine, theirs in zip(batch, moved, strict=True))
    values = torch.tensor([1.5])
    assert AsyncRead(values).tensor() is values
