"""Residual blocks as published code has them, against modules written by hand."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ctcdsl.codegen.load import build_module
from ctcdsl.codegen.names import class_name
from ctcdsl.codegen.pytorch import generate
from ctcdsl.metrics import network_cost
from tests.conftest import one

DARKNET = """net Darknet53
style conv-bn-leaky
input 3x256x256
def res(n) = [ (1,n) (3,2n) id ]
(3,32) (3,64)/2 res(32) (3,128)/2 res(64)x2 (3,256)/2 res(128)x8 (3,512)/2 res(256)x8
(3,1024)/2 res(512)x4
head: gap fc
"""

EFFICIENTNET_V2_S = """net EfficientNetV2S
style conv-bn-silu
input 3x384x384
def one(n) = [ (3,n) id | id? ]
def fused(n) = [ (3,4c) (1,n,linear) | id? ]
def mb(t,n) = [ (1,t*c) (3,dw) se(c/4) (1,n,linear) | id? ]
(3,24)/2 one(24)x2 fused(48)x4/2 fused(64)x4/2 mb(4,128)x6/2 mb(6,160)x9 mb(6,256)x15/2
head: (1,1280) gap drop(0.2) fc
"""


def test_the_published_parameters() -> None:
    assert network_cost(one(DARKNET)).params == 41_609_928
    assert network_cost(one(EFFICIENTNET_V2_S)).params == 21_458_488


def conv(entering: int, filters: int, kernel: int, act: nn.Module, stride: int = 1) -> nn.Module:
    layer = nn.Conv2d(entering, filters, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(filters), act)


class Darknet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 8, 3, nn.LeakyReLU(0.01))
        self.body = nn.Sequential(
            conv(8, 4, 1, nn.LeakyReLU(0.01)), conv(4, 8, 3, nn.LeakyReLU(0.01))
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        out: Tensor = x + self.body(x)
        return out


class EfficientNetV2(nn.Module):
    """The first block of EfficientNetV2, fused and without expansion, then one that expands."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 8, 3, nn.SiLU())
        self.one = conv(8, 8, 3, nn.SiLU())
        self.four = nn.Sequential(conv(8, 32, 3, nn.SiLU()), conv(32, 8, 1, nn.Identity()))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.one(x)
        out: Tensor = x + self.four(x)
        return out


class ResNetV2(nn.Module):
    """A block of ResNet v2 that changes the shape: both ways see the activated input."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv1 = nn.Conv2d(8, 16, 3, 2, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 16, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(8, 16, 1, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(self.stem(x)).relu()
        out: Tensor = self.conv2(self.norm2(self.conv1(x)).relu()) + self.shortcut(x)
        return out


def require_same(spec: str, written: nn.Module) -> None:
    """Require that a spec's module computes, with the same weights, what `written` does."""
    module = build_module(one(f"input 3x12x12\n{spec}\nhead: none"))
    torch.manual_seed(0)
    state = module.state_dict()
    for value in state.values():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) - (0.5 if value.dim() > 1 else -0.1))
    keys = list(written.state_dict())
    assert len(keys) == len(state)
    written.load_state_dict(dict(zip(keys, state.values(), strict=True)))
    images = torch.randn(2, 3, 12, 12)
    assert torch.allclose(module.eval()(images), written.eval()(images), atol=1e-5)


def test_blocks_that_keep_their_activation() -> None:
    require_same("style conv-bn-leaky\n(3,8) [ (1,4) (3,8) id ]", Darknet())
    rows = "(3,8) [ (3,8) id | id? ] [ (3,4c) (1,8,linear) | id? ]"
    require_same(f"style conv-bn-silu\n{rows}", EfficientNetV2())


@pytest.mark.parametrize(
    ("row", "in_place"),
    [
        ("(3,8) [ (3,8)x2 ]", "out += x\n        return torch.relu_(out)"),
        ("(3,8) [ (3,16)x2 ]/2", "out += self.shortcut(x)\n        return torch.relu_(out)"),
        (
            "(3,8) [ (3,8,hswish) | id? ]",
            "out += x\n        return nn.functional.hardswish(out, inplace=True)",
        ),
        ("(3,8) [ (3,8,leaky(0.1)) | id? ]", "leaky_relu(out, 0.1, inplace=True)"),
        ("(3,8) [ (3,8)x2 depth(0.3) | (1,8,linear) | id ]", "out += self.branch2(x)\n"),
        ("(3,8) [ (3,8,sigmoid) id | id ]", ""),
        ("(3,8) [ (3,8,elu) id | (1,8,linear) ]", ""),
        ("(3,8) [ id | (3,8) ]", ""),
        ("(3,8) [ drop(0.5) | (3,8,linear) ]", ""),
    ],
)
def test_sums_are_written_over_what_no_gradient_needs(row: str, in_place: str) -> None:
    """The same steps as with sums of their own, under autocast and computed again, too."""
    network = one(f"style conv-bn-relu\ninput 3x12x12\nclasses 4\n{row}\nhead: gap fc")
    text = generate(network)
    assert in_place in text
    assert ("out +=" in text) is bool(in_place)
    plain = re.sub(r"out \+= (.*)", r"out = out + \1", text)
    plain = plain.replace("relu_(", "relu(").replace("(out, inplace=True)", "(out)")
    steps: list[list[Tensor]] = []
    for source, checkpointing in ((plain, False), (text, False), (text, True)):
        namespace: dict[str, Any] = {"__name__": "module"}
        exec(compile(source, "module", "exec"), namespace)
        torch.manual_seed(0)
        module = namespace[class_name(network.name)]()
        module.set_grad_checkpointing(checkpointing)
        images = torch.randn(4, 3, 12, 12)
        for half in (False, True):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                scores = module(images)
            torch.autograd.backward(scores.float().square().mean())
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        steps.append([scores.detach(), *gradients, *module.buffers()])
    for step in steps[1:]:
        assert all(map(torch.equal, steps[0], step))


def test_a_shortcut_of_the_activated_input() -> None:
    row = "(3,8,bare) bn relu [ (3,16,bare) (3,16) | (1,16,bare) ]/2"
    require_same(f"style bn-relu-conv\n{row}", ResNetV2())
