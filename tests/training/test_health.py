"""What goes wrong with the numbers is diagnosed, with what to try."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ctcdsl.codegen.load import build_module
from ctcdsl.execution import memory_errors
from ctcdsl.metrics.memory import MemoryEstimate, format_bytes, training_memory
from ctcdsl.recipe import Recipe
from ctcdsl.runs.checkpoint import load
from ctcdsl.runs.store import Saved
from ctcdsl.text.diagnostic import Severity
from ctcdsl.training import health
from tests.conftest import ROOT, one
from tests.conftest import load as load_spec
from tests.support.runs import run_training
from tests.support.tiny import CLASSES, Recorder, refused, said, tiny_net, tiny_recipe


def deep_plain_net(layers: int = 12, width: int = 8) -> nn.Module:
    """Convolutions and nothing else, as model E has them, and an fc layer."""
    chain: list[nn.Module] = []
    for entering in [3, *[width] * (layers - 1)]:
        chain += [nn.Conv2d(entering, width, 3, padding=1), nn.ReLU()]
    pool = nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(*chain, pool, nn.Flatten(), nn.Linear(width, len(CLASSES)))


@pytest.mark.parametrize(("initialisation", "warned"), [("gaussian", True), ("he", False)])
def test_a_deep_plain_network_that_does_not_start_is_diagnosed(
    tmp_path: Path, initialisation: str, warned: bool
) -> None:
    recorder = Recorder()
    recipe = tiny_recipe(epochs=26, initialisation=initialisation, rate=0.01)
    run_training(tmp_path, recipe, model=deep_plain_net(), callback=recorder)
    assert len(recorder.warnings) == warned, "once, of 104 steps"
    for warning in recorder.warnings:
        assert (warning.code, warning.severity) == ("CTC912", Severity.WARNING)
        assert "--initialisation he" in said(warning)
        assert "1.0986" in warning.message, "ln 3"


def test_a_short_run_is_diagnosed_at_its_end(tmp_path: Path) -> None:
    recorder = Recorder()
    recipe = tiny_recipe(epochs=1, initialisation="gaussian")
    run_training(tmp_path, recipe, model=deep_plain_net(), callback=recorder)
    assert [warning.code for warning in recorder.warnings] == ["CTC912"]


@pytest.mark.parametrize(
    ("loss", "deviation", "warned"),
    [(math.log(3), 1e-7, True), (math.log(3), 1.0, False), (0.2, 1e-7, False)],
)
def test_both_the_loss_and_the_logits_must_stand_still(
    loss: float, deviation: float, warned: bool
) -> None:
    logits = deviation * torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    found = health.not_learning(loss, logits, Recipe())
    assert (found is not None) == warned


@pytest.mark.parametrize(
    ("loss", "deviation", "initialisation", "advice"),
    [
        (2855.0, 1e-7, "he", "lower the learning rate"),
        (2855.0, 50.0, "he", "lower the learning rate"),
        (2855.0, 1e-7, "gaussian", "lower the learning rate"),
        (8.0, 1.0, "he", "lower the learning rate"),
        (math.log(3), 1e-7, "gaussian", "--initialisation he"),
        (math.log(3), 1e-7, "he", "a higher learning rate"),
    ],
)
def test_advice_follows_from_what_was_measured(
    loss: float, deviation: float, initialisation: str, advice: str
) -> None:
    logits = deviation * torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    found = health.not_learning(loss, logits, tiny_recipe(initialisation=initialisation))
    assert found is not None
    assert advice in found.hints[0]
    assert ("raise" in found.hints[0]) == ("raise" in advice)


def test_a_broken_weight_is_not_saved(tmp_path: Path) -> None:
    class Breaks(Recorder):
        def on_validation(self, done: int, total: int) -> None:
            with torch.no_grad():
                next(model.parameters())[0] = math.inf
            raise KeyboardInterrupt

    model = tiny_net()
    with refused("CTC609") as found:
        run_training(tmp_path, model=model, callback=Breaks())
    assert "a weight is not finite after epoch 1, step 4" in found[0].message
    assert load(tmp_path).progress.position == (0, 0)


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


CPU_WORDS = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes. Error code 12 (Cannot allocate memory)"  # noqa: E501


@pytest.mark.parametrize(
    "error", [torch.cuda.OutOfMemoryError("CUDA out of memory."), RuntimeError(CPU_WORDS)]
)
def test_out_of_memory_names_the_batch_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(memory_errors, "memory_of", lambda device: 10_000)
    model, cost = Greedy(3, error), MemoryEstimate(static=1000, saved=2000, per_image=2600)
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
    recorder, cost = Recorder(), MemoryEstimate(static=1000, saved=2000, per_image=2600)
    run_training(tmp_path, tiny_recipe(epochs=1), callback=recorder, memory=cost)
    [warning] = recorder.warnings
    assert (warning.code, warning.severity) == ("CTC622", Severity.WARNING)
    assert "--accumulate 3" in said(warning)
    recorder, parts = Recorder(), tiny_recipe(epochs=2, accumulate=3)
    run_training(tmp_path, parts, callback=recorder, memory=cost, resume=True)
    assert not recorder.warnings


def test_of_several_processes_each_needs_room_for_its_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory_errors, "memory_of", lambda device: 10_000)
    recipe, cost, device = Recipe(batch=12), MemoryEstimate(1000, 2000, 2600), torch.device("cpu")
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
    cost, recipe, device = MemoryEstimate(0, 10, 10), Recipe(batch=1), torch.device("cpu")
    text = said(memory_errors.out_of_memory(recipe, cost, device, saved).diagnostics[0])
    assert "other programs" in text
    assert "a single image does not fit" in text
    assert "--accumulate 2" in str(
        memory_errors.out_of_memory(Recipe(batch=8), None, device, saved).diagnostics[0].hints
    )


def test_the_memory_of_this_machine_is_known() -> None:
    assert 10**8 < memory_errors.memory_of(torch.device("cpu")) < 10**15


def saved_for_backward(module: nn.Module, images: Tensor) -> int:
    """Bytes that autograd keeps, parameters apart: each storage once."""
    own = {each.untyped_storage().data_ptr() for each in module.state_dict().values()}
    found: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = module(images)
    return sum(found.values()) + 0 * len(logits)


@pytest.mark.parametrize(
    "name",
    ["A", "J_prime", "peers/alexnet", "peers/vgg16", "modern/resnet50", "modern/mobilenet_v2"],
)
def test_what_an_image_keeps_is_what_torch_keeps(name: str) -> None:
    network = load_spec(ROOT / "specs" / f"{name}.ctc")
    module = build_module(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(2, *network.input)
    kept = saved_for_backward(module.train(), images) / 2
    cost = training_memory(network)
    assert cost.saved == pytest.approx(kept, rel=0.06)
    assert kept <= cost.per_image * 1.03
    numbers = sum(each.numel() for each in module.parameters())
    assert cost.static == 12 * numbers


def test_the_footprint_by_hand() -> None:
    network = one("input 3x8x8\nclasses 2\n(3,4) 2/2\nhead: fc\n")
    cost = training_memory(network)
    image, conv, pool = 3 * 64 * (1 + 4), 4 * 64 * 4, 4 * 16 * (4 + 8)
    # The largest gradients are those around the convolution, when only its own output is kept.
    sides = {node.name: (node.input, node.output) for node in network.layers}
    assert len(sides) == 3
    assert cost.saved == image + conv + pool + 2 * 4
    assert cost.per_image == image + conv + pool + 4 * (4 * 64 + 4 * 16)
    assert cost.static == 12 * (3 * 9 * 4 + 4 + 64 * 2 + 2)
    assert cost.training(10) == cost.static + 10 * cost.per_image
    assert cost.largest_batch(0) == 0
    fits = cost.largest_batch(10**6)
    assert cost.training(fits) <= 900_000 < cost.training(fits + 1)
    assert training_memory(network, 2).per_image < cost.per_image


def test_bytes_for_people() -> None:
    assert [format_bytes(n) for n in (1500, 2_500_000, 3 * 10**9, 4 * 10**12)] == [
        *("2 kB", "2.5 MB", "3.0 GB", "4.0 TB")
    ]
