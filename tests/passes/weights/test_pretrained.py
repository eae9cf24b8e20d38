"""Weights under the names of torchvision and timm, against modules named as theirs are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import ctcdsl
from ctcdsl.text import SpecWarning, UserError
from tests.conftest import one

HEADER = "input 3x16x16\nclasses 5\n"


class BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1:
            project = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(project, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        out: Tensor = (y + (x if self.downsample is None else self.downsample(x))).relu()
        return out


class ResNet(nn.Module):
    """style conv-bn-relu
    conv1: (7,8)/2
    layer1: 3/2 [ (3,8)x2 ]
    layer2: [ (3,16)x2 ]x2/2
    head: gap fc"""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.layer1 = nn.Sequential(BasicBlock(8, 8))
        self.layer2 = nn.Sequential(BasicBlock(8, 16, 2), BasicBlock(16, 16))
        self.fc = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        out: Tensor = self.fc(self.layer2(self.layer1(x)).mean((2, 3)))
        return out


class CNBlock(nn.Module):
    """Its own tensor comes first in its state dict, its 1x1 convolutions are matrices."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer_scale = nn.Parameter(torch.ones(width, 1, 1))
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 7, padding=3, groups=width),
            nn.LayerNorm(width, eps=1e-6),
            nn.Linear(width, 4 * width),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        conv, norm, wide, narrow = self.block
        y = norm(conv(x).movedim(1, -1))
        y = narrow(nn.functional.gelu(wide(y))).movedim(-1, 1)
        out: Tensor = x + self.layer_scale * y
        return out


class ConvNeXt(nn.Module):
    """style conv
    stem: (4,8)/4
    res2: [ (7,dw) ln (1,4c,gelu) (1,c) scale ]x2
    head: gap ln fc"""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.blocks = nn.Sequential(CNBlock(8), CNBlock(8))
        self.head = nn.Sequential(nn.LayerNorm(8, eps=1e-6), nn.Linear(8, classes))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.blocks(self.stem(x)).mean((2, 3)))
        return out


class ProjectedFirst(nn.Module):
    """style conv-bn-relu
    stem: (3,8)
    s1: [ (1,16) (3,16) ]/2
    head: gap fc"""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8))
        self.block = nn.Module()
        self.block.proj = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
        self.block.f = nn.Sequential(
            *(nn.Conv2d(8, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Conv2d(16, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16)),
        )
        self.aux1 = nn.Linear(7, classes)  # at the side, in training alone
        self.fc = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        f: Any = self.block.f
        proj: Any = self.block.proj
        out: Tensor = self.fc((f(x) + proj(x)).relu().mean((2, 3)))
        return out


FAMILIES = [ResNet, ConvNeXt, ProjectedFirst]


def drawn(module: nn.Module) -> dict[str, Tensor]:
    """A state without special values."""
    torch.manual_seed(0)
    values = module.double().state_dict()
    return {
        k: torch.rand_like(v) - 0.3 * (v.dim() > 1) if v.dim() else v for k, v in values.items()
    }


def network(family: type[nn.Module]) -> ctcdsl.Network:
    return one(HEADER + "\n".join(map(str.strip, (family.__doc__ or "").splitlines())))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_outputs_are_those_of_the_other_module(family: type[nn.Module], prefix: str) -> None:
    other = family()
    state = drawn(other)
    other.load_state_dict(state)
    renamed = {prefix + key: tensor for key, tensor in state.items()}
    if prefix:
        with pytest.warns(SpecWarning, match="CTC417"):
            module = ctcdsl.build(network(family), weights=renamed, dtype=torch.float64)
    else:
        module = ctcdsl.build(network(family), weights=renamed, dtype=torch.float64)
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        difference = (module.eval()(images) - other.eval()(images)).abs().max()
    assert difference < 1e-10


@pytest.mark.parametrize("family", FAMILIES)
def test_tensors_by_name_as_safetensors_has_them(family: type[nn.Module]) -> None:
    state = drawn(family())
    expected = ctcdsl.build(network(family), weights=state).state_dict()
    found = ctcdsl.build(network(family), weights=dict(sorted(state.items()))).state_dict()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_another_number_of_classes_makes_a_new_classifier(family: Any) -> None:
    state = drawn(family(classes=9))
    for overrides in ({}, {"num_classes": 3}):
        classes = overrides.get("num_classes", 5)
        with pytest.warns(
            SpecWarning, match=f"of 9 classes: `classifier` gets new weights for {classes}"
        ):
            module = ctcdsl.build(network(family), weights=state, **overrides)
        assert module.get_parameter("classifier.weight").std() < 0.02
        stem = next(iter(module.parameters()))
        assert torch.equal(stem, next(t for t in state.values() if t.dim() == 4).float())


def test_its_own_names(tmp_path: Path) -> None:
    made = ctcdsl.build(network(ResNet))
    for suffix, save in (("pth", torch.save), ("pt", torch.save), ("safetensors", save_file)):
        save(made.state_dict(), str(tmp_path / f"w.{suffix}"))
        module = ctcdsl.build(network(ResNet), weights=tmp_path / f"w.{suffix}")
        assert all(map(torch.equal, made.state_dict().values(), module.state_dict().values()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"conv1.weight": torch.zeros(8, 3, 5, 5)},
            "`conv1` is weight 8x3x5x5, and `conv1.conv1.conv`",
        ),
        (
            {"bn1.weight": None},
            "`bn1` is bias 8, running_mean 8, running_var 8, and `conv1.conv1.norm`",
        ),
        ({"fc2.weight": torch.zeros(3, 5)}, "they hold `fc2`, weight 3x5"),
        ({"fc.weight": None, "fc.bias": None}, "they lack `classifier`, weight 5x16, bias 5"),
    ],
)
def test_weights_of_another_network(change: dict[str, Any], message: str) -> None:
    state = {**drawn(ResNet()), **change}
    with pytest.raises(UserError) as caught:
        ctcdsl.build(network(ResNet), weights={k: v for k, v in state.items() if v is not None})
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "CTC408" and message in diagnostic.message


def test_other_input_channels_are_named() -> None:
    with pytest.raises(UserError, match="of the network weight 8x1x7x7"):
        ctcdsl.build(network(ResNet), weights=drawn(ResNet()), in_chans=1)


def test_compile_writes_them_beside_the_module(tmp_path: Path, ctcdsl: Any) -> None:
    spec, file = tmp_path / "r.ctc", tmp_path / "r.pth"
    spec.write_text(str(network(ResNet)))
    torch.save({"state_dict": drawn(ResNet(classes=9))}, file)
    result = ctcdsl("compile", str(spec), "--weights", str(file), "-o", str(tmp_path / "r.py"))
    assert result.code == 0 and "CTC419" in result.err and "r.safetensors" in result.err
    assert load_file(tmp_path / "r.safetensors")["classifier.weight"].shape == (5, 16)
    result = ctcdsl("compile", str(spec), "--weights", str(file))
    assert result.code == 2 and "--weights-out FILE" in result.err
    file.write_bytes(file.read_bytes()[:500])
    result = ctcdsl("compile", str(spec), "--weights", str(file), "-o", str(tmp_path / "s.py"))
    assert result.code == 1 and "CTC409" in result.err and not (tmp_path / "s.py").exists()
