"""What goes wrong with the numbers is diagnosed, with what to try."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from ctcdsl.recipe import Recipe
from ctcdsl.runs.checkpoint import load
from ctcdsl.text.diagnostic import Severity
from ctcdsl.training import health
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
