"""Strided 1x1 convolutions of few channels: which are changed, that nothing else changes."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from ctcdsl.execution.strided import prepare_for_training, strided_note
from tests.support.runs import CPU, run_training
from tests.support.tiny import Recorder, tiny_recipe


@pytest.mark.parametrize(
    ("layer", "changed"),
    [
        (nn.Conv2d(3, 48, 1, stride=2), True),
        (nn.Conv2d(1, 4, 1, stride=2, bias=False), True),
        (nn.Conv2d(15, 4, 1, stride=(1, 2)), True),
        (nn.Conv2d(8, 4, 1, stride=(3, 1)), True),
        (nn.Conv2d(16, 4, 1, stride=2), False),
        (nn.Conv2d(3, 48, 1), False),
        (nn.Conv2d(3, 48, 3, stride=2), False),
        (nn.Conv2d(3, 48, (1, 3), stride=2), False),
        (nn.Conv2d(6, 48, 1, stride=2, groups=2), False),
        (nn.Conv2d(3, 48, 1, stride=2, padding=1), False),
    ],
    ids=str,
)
def test_layers_that_are_changed_compute_the_same(layer: nn.Conv2d, changed: bool) -> None:
    model = nn.Sequential(copy.deepcopy(layer), nn.ReLU())
    assert prepare_for_training(model, CPU) == (("0",) if changed else ())
    assert prepare_for_training(model, CPU) == (("0",) if changed else ())
    assert list(model.state_dict()) == [f"0.{name}" for name in layer.state_dict()]
    images = torch.randn(2, layer.in_channels, 9, 12)
    gradients: list[torch.Tensor] = []
    for each in (layer, copy.deepcopy(model)[0]):
        seen = images.clone().requires_grad_()
        each(seen).square().sum().backward()
        weight = each.get_parameter("weight")
        assert seen.grad is not None and weight.grad is not None
        gradients += [weight.grad, seen.grad]
    torch.testing.assert_close(gradients[:2], gradients[2:])
    with torch.no_grad():  # a test is as it was, to the last bit
        plain = nn.Sequential(layer)
        plain.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # see prepare_for_training
        seen = images.to(memory_format=torch.channels_last)
        assert torch.equal(model[0](seen), plain(seen))


def test_the_backward_pass_survives_on_a_large_map() -> None:
    """In a process of its own, which torch's own layer ends by a signal."""
    code = (
        "import torch; from torch import nn\n"
        "from ctcdsl.execution.strided import prepare_for_training\n"
        "model = nn.Sequential(nn.Conv2d(3, 48, 1, stride=2))\n"
        "prepare_for_training(model, torch.device('cpu'))\n"
        "images = torch.randn(2, 3, 160, 160).to(memory_format=torch.channels_last)\n"
        "for _ in range(3): model(images).sum().backward()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_says_so_once(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 1, stride=2), nn.Flatten(), nn.Linear(6 * 36, 3))
    recorder = Recorder()
    run_training(tmp_path, tiny_recipe(epochs=2), model=model, callback=recorder)
    (note,) = recorder.warnings
    assert (note.code, str(note.severity)) == ("CTC913", "note")
    assert note.message.startswith("1 strided 1x1 convolution of fewer than 16 channels trains on")
    assert note.notes[0].startswith("0: ")
    assert strided_note(("a", "b", "c", "d", "e")).notes[0].startswith("a, b, c and 2 more: ")
