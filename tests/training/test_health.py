"""What goes wrong with the numbers is diagnosed, with what to try."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ctcdsl.codegen.load import build_module
from ctcdsl.metrics.memory import format_bytes, training_memory
from ctcdsl.recipe import Recipe
from ctcdsl.runs.checkpoint import load
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
