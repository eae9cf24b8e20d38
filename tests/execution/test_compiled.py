"""The ways to compute: compiled or not, read at once or a step later, chosen by trying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ctcdsl.checking import check_source
from ctcdsl.codegen.load import build_module
from ctcdsl.evaluation.tune import measure_evaluation
from ctcdsl.execution import autotune, compiled
from ctcdsl.execution.autotune import ExecutionConfig, Fixed, Measurement, fastest
from ctcdsl.execution.events import Callback, StepEnded
from ctcdsl.execution.interrupt import Interrupted
from ctcdsl.execution.transfer import AsyncRead, prefetch_to_device
from ctcdsl.images.batches import Batch
from ctcdsl.images.colour import Statistics
from ctcdsl.ir import Shape
from ctcdsl.text import Source
from ctcdsl.training import epoch
from ctcdsl.training.step import TrainStep
from ctcdsl.training.tune import measure_training
from tests.support.runs import CPU, interrupt_at, run_training, same_weights, without_times
from tests.support.tiny import Recorder, refused, tiny_net, tiny_recipe

# torch's own modules use what torch itself calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")

SMALL = "net Small\ninput 3x20x20\nclasses 3\npad valid\n(3,8)/2 2/2 (2,8)\nhead: spp(2,1) fc\n"
STATISTICS = Statistics((120.0,) * 3, (60.0, 20.0, 10.0), ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)))


def test_compiled_training_learns_and_resumes_exactly(tmp_path: Path) -> None:
    """Batches of 7 and a last one of 6, dropout, and steps in another order of shapes."""
    recipe = tiny_recipe(epochs=2, compile="on")
    whole = run_training(tmp_path / "whole", recipe)
    assert whole.rows[-1].train_loss < 0.5 * whole.rows[0].train_loss
    with pytest.raises(Interrupted):
        run_training(tmp_path / "cut", recipe, callback=interrupt_at(1, 3))
    torch._dynamo.reset()  # another process has compiled nothing
    resumed = run_training(tmp_path / "cut", recipe, resume=True)
    assert without_times(resumed.rows) == without_times(whole.rows)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_a_generated_module_learns_the_same_compiled() -> None:
    (network,) = check_source(Source("small.ctc", SMALL)).networks
    pixels = torch.randint(256, (4, 3, 20, 20), dtype=torch.uint8)
    batch = Batch(pixels, torch.arange(4) % 3, torch.randn(4, 3), torch.arange(4) > 1)
    losses: list[list[float]] = []
    for recipe in (tiny_recipe(), tiny_recipe(compile="on")):
        torch.manual_seed(0)
        descent = TrainStep(build_module(network).train(), recipe, CPU)
        losses.append([descent.step(batch, STATISTICS).result().loss for _ in range(3)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0][2] < losses[0][0]


def test_what_a_compiler_says_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.exc import TorchDynamoException

    def broken(model: nn.Module, **_: object) -> Callable[[Tensor], Tensor]:
        def forward(images: Tensor) -> Tensor:
            raise TorchDynamoException("backend='inductor' raised:\nNoCompilerError: no g++\n\nSet")

        return forward

    monkeypatch.setattr(torch, "compile", broken)
    with refused("CTC617") as found:
        run_training(tmp_path / "run", tiny_recipe(compile="on"))
    assert found[0].notes == ("NoCompilerError: no g++",)
    with pytest.raises(ValueError, match="mine"), compiled.compile_as_error("on"):
        raise ValueError("mine")


# -------------------------------------------------------------------- read later


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
        told = Recorder()
        soon = run_training(tmp_path / "soon", callback=told)
    assert without_times(later.rows) == without_times(soon.rows)
    losses = [[each.loss for each in which.steps] for which in (recorder, told)]
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


# -------------------------------------------------------------------- tuning


def done(way: ExecutionConfig, seconds: float, failure: str = "") -> Measurement:
    return Measurement(config=way, images=8, times=[seconds], failure=failure)


def test_the_fastest_is_taken_where_it_earns_its_place() -> None:
    plain, half, both = (
        ExecutionConfig("float32", "off"),
        ExecutionConfig("bf16", "off"),
        ExecutionConfig("bf16", "on"),
    )
    best = fastest([done(plain, 1.0), done(half, 0.98), done(both, 0.5)])
    assert best is not None and best.config == both
    best = fastest([done(plain, 1.0), done(half, 0.98), done(both, 0.5, "out of memory")])
    assert best is not None and best.config == plain, "2% may be chance"
    assert fastest([done(plain, 1.0, "no")]) is None


def test_a_gpu_is_tried_with_graphs_too() -> None:
    assert Fixed().configs(CPU) == tuple(
        ExecutionConfig(p, c) for p in ("float32", "bf16") for c in ("off", "on")
    )
    there = Fixed(precision="bf16").configs(torch.device("cuda"))
    assert [config.compile for config in there] == ["off", "on", "graphs"]
    assert Fixed(precision="bf16", compile="on").configs(CPU, (True, False)) == (
        ExecutionConfig("bf16", "on", True),
        ExecutionConfig("bf16", "on", False),
    )


class Trials(Callback):
    """What is timed."""

    def __init__(self) -> None:
        self.trials: list[ExecutionConfig] = []

    def on_trial(self, config: ExecutionConfig) -> None:
        self.trials.append(config)


def test_trying_to_train_leaves_the_model_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def sometimes(model: nn.Module, compile: str) -> Any:
        if compile == "graphs":
            raise RuntimeError("CUDA out of memory: it says a lot")
        return model

    monkeypatch.setattr("ctcdsl.training.step.forward_of", sometimes)
    model = tiny_net()
    before = [each.detach().clone() for each in model.parameters()]
    configs = (
        ExecutionConfig("float32", "off"),
        ExecutionConfig("bf16", "off"),
        ExecutionConfig("bf16", "graphs"),
    )
    recorder, input = Trials(), Shape(3, 12, 12)
    tried = measure_training(model, tiny_recipe(), input, 3, CPU, configs, callback=recorder)
    assert recorder.trials == list(configs) == [each.config for each in tried]
    assert [each.images for each in tried] == [7, 7, 7]
    assert [each.failure for each in tried] == ["", "", "out of memory"]
    assert all(each.images_per_second > 0 for each in tried[:2]) and not tried[2].images_per_second
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))


def test_a_bug_is_no_failure_of_a_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: nn.Module, compile: str) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr("ctcdsl.training.step.forward_of", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        measure_training(
            tiny_net(),
            tiny_recipe(),
            Shape(3, 12, 12),
            3,
            CPU,
            Fixed().configs(CPU),
            callback=Callback(),
        )


def test_ways_to_test_give_the_same_probabilities() -> None:
    (network,) = check_source(Source("small.ctc", SMALL)).networks
    model = build_module(network)
    configs = Fixed(compile="off").configs(CPU, (True, False))
    recipe = replace(tiny_recipe(), batch=40)
    tried = measure_evaluation(model, network, recipe, CPU, configs, callback=Callback())
    shared, apart, *halves = (each.result for each in tried)
    assert shared is not None and apart is not None
    assert torch.equal(shared, apart)
    for half in halves:
        assert half is not None
        assert torch.allclose(half, apart, atol=0.02) and not torch.equal(half, apart)


def test_numbers_that_are_not_finite_are_no_way(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = Measurement(
        config=ExecutionConfig("bf16", "off"), images=1, result=torch.tensor([torch.nan])
    )
    with autotune._failure_noted(tried):
        pass
    assert "not finite" in tried.failure
