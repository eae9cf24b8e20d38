"""Configurations that are timed, and the one that is chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from ctcdsl.checking import check_source
from ctcdsl.codegen.load import build_module
from ctcdsl.evaluation.tune import measure_evaluation
from ctcdsl.execution import autotune
from ctcdsl.execution.autotune import ExecutionConfig, Fixed, Measurement, fastest
from ctcdsl.execution.events import Callback
from ctcdsl.images.colour import Statistics
from ctcdsl.ir import Shape
from ctcdsl.text import Source
from ctcdsl.training.tune import measure_training
from tests.support.runs import CPU
from tests.support.tiny import tiny_net, tiny_recipe

# torch's own modules use what torch itself calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")

SMALL = "net Small\ninput 3x20x20\nclasses 3\npad valid\n(3,8)/2 2/2 (2,8)\nhead: spp(2,1) fc\n"
STATISTICS = Statistics((120.0,) * 3, (60.0, 20.0, 10.0), ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)))


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
