"""Training through torch.compile: it learns, resumes exactly, and reports what a compiler says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ctcdsl.checking import check_source
from ctcdsl.codegen.load import build_module
from ctcdsl.execution import compiled
from ctcdsl.execution.interrupt import Interrupted
from ctcdsl.images.batches import Batch
from ctcdsl.images.colour import Statistics
from ctcdsl.text import Source
from ctcdsl.training.step import TrainStep
from tests.support.runs import CPU, interrupt_at, run_training, same_weights, without_times
from tests.support.tiny import Blots, refused, tiny_recipe

# torch's own modules use what torch itself calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")

SMALL = "net Small\ninput 3x20x20\nclasses 3\npad valid\n(3,8)/2 2/2 (2,8)\nhead: spp(2,1) fc\n"
STATISTICS = Statistics((120.0,) * 3, (60.0, 20.0, 10.0), ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)))


def test_compiled_training_learns_and_resumes_exactly(tmp_path: Path) -> None:
    """Batches of 7 and a last one of 6, dropout, and steps in another order of shapes."""
    recipe = tiny_recipe(epochs=2, compile="on")
    test = Blots(each=2, seed=1000)  # one shape: each is compiled for itself, for seconds
    whole = run_training(tmp_path / "whole", recipe, test_set=test)
    assert whole.rows[-1].train_loss < 0.5 * whole.rows[0].train_loss
    with pytest.raises(Interrupted):
        run_training(tmp_path / "cut", recipe, test_set=test, callback=interrupt_at(1, 3))
    torch._dynamo.reset()  # another process has compiled nothing
    resumed = run_training(tmp_path / "cut", recipe, test_set=test, resume=True)
    assert without_times(resumed.rows) == without_times(whole.rows)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_a_generated_module_learns_the_same_compiled() -> None:
    (network,) = check_source(Source("small.ctc", SMALL)).networks
    pixels = torch.randint(256, (4, 3, 20, 20), dtype=torch.uint8)
    batch = Batch(pixels, torch.arange(4) % 3, torch.randn(4, 3), torch.arange(4) > 1)
    losses: list[list[float]] = []
    for recipe in (tiny_recipe(), tiny_recipe(compile="on")):
        torch.manual_seed(0)
        train_step = TrainStep(build_module(network).train(), recipe, CPU)
        losses.append([train_step.step(batch, STATISTICS).result().loss for _ in range(3)])
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
