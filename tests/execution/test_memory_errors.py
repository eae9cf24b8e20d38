"""Out of memory: what is recognised, and the batch that is advised."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ctcdsl.execution import memory_errors
from ctcdsl.metrics.peaks import Peaks, TrainingPeaks
from ctcdsl.recipe import Recipe
from ctcdsl.runs.store import Saved
from ctcdsl.text.diagnostic import Severity
from tests.support.runs import run_training
from tests.support.tiny import Recorder, refused, said, tiny_net, tiny_recipe


class Greedy(nn.Module):
    """Finds no memory for more than so many images."""

    def __init__(self, most: int, error: Exception) -> None:
        super().__init__()
        self.inner, self.most, self.error = tiny_net(), most, error

    def forward(self, inputs: Tensor) -> Tensor:
        if len(inputs) > self.most and self.training:
            raise self.error
        logits: Tensor = self.inner(inputs)
        return logits


def peaks(fixed: int, image: int) -> TrainingPeaks:
    return TrainingPeaks(*(Peaks(((fixed, image),)) for _ in range(2)))


@pytest.fixture(autouse=True)
def _plain_allocator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_errors, "is_steady", lambda device: False)


CPU_WORDS = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes. Error code 12 (Cannot allocate memory)"  # noqa: E501


@pytest.mark.parametrize(
    "error", [torch.cuda.OutOfMemoryError("CUDA out of memory."), RuntimeError(CPU_WORDS)]
)
def test_out_of_memory_names_the_batch_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(memory_errors, "memory_of", lambda device: 10_000)
    model, cost = Greedy(3, error), peaks(1000, 2600)
    with refused("CTC622") as found:
        run_training(tmp_path, model=model, memory=cost)
    text = said(found[0])
    for words in ("a batch of 7 images on cpu", "largest batch that fits is 3", "--accumulate 3"):
        assert words in text, text
    assert "the last checkpoint is of epoch 0" in text
    recipe = tiny_recipe(accumulate=3)
    assert len(run_training(tmp_path, recipe, model=model, resume=True).rows) == 3, "as it says"


def test_too_little_memory_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_errors, "memory_of", lambda device: 10_000)
    recorder, cost = Recorder(), peaks(1000, 2600)
    run_training(tmp_path, tiny_recipe(epochs=1), callback=recorder, memory=cost)
    [warning] = recorder.warnings
    assert (warning.code, warning.severity) == ("CTC622", Severity.WARNING)
    assert "--accumulate 3" in said(warning)
    recorder, parts = Recorder(), tiny_recipe(epochs=2, accumulate=3)
    run_training(tmp_path, parts, callback=recorder, memory=cost, resume=True)
    assert not recorder.warnings


def test_what_the_steady_allocator_keeps_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of 3 takes 8,800 bytes, and up to 13,640 where 55 % are kept."""
    monkeypatch.setattr(memory_errors, "memory_of", lambda device: 10_000)
    recipe, cost, device = Recipe(batch=3), peaks(1000, 2600), torch.device("cpu")
    assert memory_errors.may_not_fit(recipe, cost, device) is None
    monkeypatch.setattr(memory_errors, "is_steady", lambda device: True)
    warning = memory_errors.may_not_fit(recipe, cost, device)
    assert warning is not None
    assert "takes up to 14 kB" in said(warning) and "--accumulate 2 " in said(warning)
    saved = Saved("epoch 0", Path("run/checkpoints/000001"))
    text = said(memory_errors.out_of_memory(recipe, cost, device, saved).diagnostics[0])
    assert "a batch of 3 takes up to 14 kB" in text and "largest batch that fits is 2" in text


def test_of_several_processes_each_needs_room_for_its_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory_errors, "memory_of", lambda device: 10_000)
    recipe, cost, device = Recipe(batch=12), peaks(1000, 2600), torch.device("cpu")
    assert memory_errors.may_not_fit(recipe, cost, device, world=4) is None
    warning = memory_errors.may_not_fit(recipe, cost, device, world=2)
    assert warning is not None
    assert "a batch of 6" in said(warning) and "--accumulate 2 " in said(warning)
    saved = Saved("epoch 0", Path("run/checkpoints/000001"))
    text = said(memory_errors.out_of_memory(recipe, cost, device, saved, world=2).diagnostics[0])
    for words in ("batch of 6 images", "batch that fits is 3", "parts of 3", "--batch 6"):
        assert words in text, text


def test_another_error_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        run_training(tmp_path, model=Greedy(3, RuntimeError("a bug")))


def test_memory_that_the_model_says_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_errors, "memory_of", lambda device: 10**9)
    saved = Saved("epoch 0", Path("run/checkpoints/000001"))
    cost, recipe, device = peaks(0, 10), Recipe(batch=1), torch.device("cpu")
    text = said(memory_errors.out_of_memory(recipe, cost, device, saved).diagnostics[0])
    assert "other programs" in text
    assert "a single image does not fit" in text
    assert "--accumulate 2" in str(
        memory_errors.out_of_memory(Recipe(batch=8), None, device, saved).diagnostics[0].hints
    )


def test_the_memory_of_this_machine_is_known() -> None:
    assert 10**8 < memory_errors.memory_of(torch.device("cpu")) < 10**15
