"""What the loop refuses, and that nothing is lost then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ctcdsl.images.decode import Pixels
from ctcdsl.runs import log
from ctcdsl.runs.checkpoint import Checkpoint, load
from ctcdsl.runs.store import CheckpointStore
from ctcdsl.text.diagnostic import InternalError
from tests.support.runs import run_training
from tests.support.tiny import (
    Blots,
    Recorder,
    decode_file,
    identity,
    refused,
    said,
    tiny_net,
    tiny_recipe,
)


class NanAt(nn.Module):
    """A network whose output breaks at the n-th training batch."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.inner, self.left = tiny_net(), batch

    def forward(self, inputs: Tensor) -> Tensor:
        self.left -= self.training
        logits: Tensor = self.inner(inputs)
        return logits * (torch.nan if self.left == 0 else 1)


def test_a_loss_that_is_not_finite_stops_training(tmp_path: Path) -> None:
    with refused("CTC609") as found:
        run_training(tmp_path, model=NanAt(batch=4 + 3))
    text = said(found[0])
    for word in ("nan", "epoch 2, step 3", "last checkpoint is of epoch 1", "learning rate"):
        assert word in text
    saved = load(tmp_path)
    assert saved.progress.epoch == 1
    assert all(value.isfinite().all() for value in saved.model.values())


def test_weights_that_break_in_the_last_step_are_not_saved(tmp_path: Path) -> None:
    recipe = tiny_recipe(rate=1e38, batch=27, momentum=0.0)
    with refused("CTC609") as found:
        run_training(tmp_path, recipe)
    assert "test after epoch 1" in found[0].message
    assert load(tmp_path).progress.epoch == 0


def test_a_disk_that_fills_up_in_training_leaves_the_last_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = CheckpointStore.add

    def full(store: CheckpointStore, checkpoint: Checkpoint) -> Path:
        if checkpoint.progress.epoch == 2:
            monkeypatch.setattr(os, "fsync", _no_space)
        return write(store, checkpoint)

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointStore, "add", full)
        with refused("CTC608") as found:
            run_training(tmp_path)
    monkeypatch.undo()
    assert "checkpoints/000003/" in said(found[0])
    assert load(tmp_path).progress.epoch == 1
    assert [path.name for path in sorted((tmp_path / "checkpoints").iterdir())] == [
        *("000001", "000002", "best")
    ]
    assert len(run_training(tmp_path, resume=True).rows) == 3


def _no_space(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_folder_that_cannot_be_written_shows_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    recorder = Recorder()
    with refused("CTC608"):
        run_training(tmp_path / "file" / "run", callback=recorder)
    assert not recorder.steps


def test_a_trained_run_is_not_trained_over(tmp_path: Path) -> None:
    run_training(tmp_path)
    before = load(tmp_path)
    with refused("CTC614") as found:
        run_training(tmp_path)
    assert "--resume" in said(found[0])
    (tmp_path / log.JSONL).unlink()
    with refused("CTC614"):
        run_training(tmp_path)
    assert load(tmp_path).path == before.path


def test_resuming_needs_the_same_recipe_spec_and_classes(tmp_path: Path) -> None:
    with refused("CTC610"):
        run_training(tmp_path, resume=True)
    run_training(tmp_path, tiny_recipe(epochs=1))
    with refused("CTC613") as found:
        run_training(tmp_path, tiny_recipe(batch=8, momentum=0.5), resume=True)
    assert found[0].notes == ("batch: 7 then, 8 now", "momentum: 0.9 then, 0.5 now")
    with refused("CTC606"):
        run_training(tmp_path, identity=identity(spec="another"), resume=True)
    others = ("amber", "blue", "coral")
    with refused("CTC607"):
        run_training(
            tmp_path,
            train_set=Blots(others),
            test_set=Blots(others),
            identity=identity(others),
            resume=True,
        )


def test_a_network_that_does_not_fit_the_data_is_refused(tmp_path: Path) -> None:
    with refused("CTC612") as found:
        run_training(tmp_path, model=tiny_net(classes=4))
    assert "4 outputs, the data 3 classes" in found[0].message
    with refused("CTC612") as found:
        run_training(tmp_path, model=torch.nn.Conv2d(3, 3, 1))
    assert found[0].message.startswith("the network leaves maps of 3x12x12, and")
    with refused("CTC612") as found:
        run_training(tmp_path, identity=identity(side=10))
    assert "3x10x10" in found[0].message
    with refused("CTC611"):
        run_training(tmp_path, test_set=Blots(("amber", "blue", "coral")))
    with refused("CTC605"):
        run_training(tmp_path, tiny_recipe(resize=5))
    with pytest.raises(InternalError):
        run_training(tmp_path, identity=identity(("x", "y", "z")))
    assert not list(tmp_path.iterdir())


def test_a_bad_image_ends_training_with_its_name(tmp_path: Path) -> None:
    class Damaged(Blots):
        def pixels(self, index: int) -> Pixels:
            return decode_file(tmp_path / "bad.jpg") if index == 5 else super().pixels(index)

    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8 nothing")
    with refused("CTC631") as found:
        run_training(tmp_path / "run", tiny_recipe(statistics_sample=1), train_set=Damaged())
    assert "bad.jpg" in said(found[0])


def test_a_damaged_log_is_said_and_mended(tmp_path: Path) -> None:
    before = run_training(tmp_path).rows
    path = tmp_path / log.JSONL
    path.write_text(path.read_text() + '{"epoch": 4}\n')
    with refused("CTC610") as found:
        log.read(tmp_path)
    assert "line 4" in found[0].message
    run_training(tmp_path, resume=True)
    assert log.read(tmp_path) == before, "a checkpoint holds the log, too"
