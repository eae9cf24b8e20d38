"""Hooks of users on every module, beside what works in place."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ctcdsl
from ctcdsl.codegen.names import class_name
from ctcdsl.codegen.pytorch import generate

NETWORKS = ("resnet18", "mobilenet_v2")


def modules(name: str) -> tuple[nn.Module, nn.Module]:
    """A network's module, and the same without anything in place."""
    network = ctcdsl.load(name, input=32)
    text = generate(network)
    plain = re.sub(r"out \+= (.*)", r"out = out + \1", text)
    plain = plain.replace("relu_(", "relu(").replace("inplace=True", "inplace=False")
    made: list[nn.Module] = []
    for source in (text, plain):
        namespace: dict[str, Any] = {"__name__": "module"}
        exec(compile(source, "module", "exec"), namespace)
        torch.manual_seed(0)
        made.append(namespace[class_name(network.name)](num_classes=10))
    return made[0], made[1]


def images() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)).requires_grad_()


def step(module: nn.Module) -> None:
    torch.manual_seed(2)
    scores: Tensor = module(images())
    torch.autograd.backward(scores.square().sum())


def keep_map(kept: list[Tensor], _layer: nn.Module, _inputs: Any, output: Tensor) -> None:
    kept.append(output.detach().clone())
    output.register_hook(lambda g: kept.append(g.clone()))  # type: ignore[no-untyped-call]


def keep_gradient(
    found: dict[str, Tensor],
    path: str,
    _layer: nn.Module,
    _inputs: Any,
    outputs: tuple[Tensor, ...],
) -> None:
    found[path] = outputs[0].clone()


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_their_gradients_are_seen_at_every_module(name: str) -> None:
    """As without anything in place, where hooks copy what they keep."""
    seen: list[dict[str, list[Tensor]]] = []
    for module in modules(name):
        maps: dict[str, list[Tensor]] = {path: [] for path, _ in module.named_modules()}
        for path, part in module.named_modules():
            part.register_forward_hook(partial(keep_map, maps[path]))
        step(module)
        seen.append(maps)
    for path, expected in seen[1].items():
        assert len(expected) == 2
        assert all(map(torch.equal, seen[0][path], expected)), path


@pytest.mark.parametrize("name", NETWORKS)
def test_full_backward_hooks_work_on_blocks_and_stages(name: str) -> None:
    gradients: list[dict[str, Tensor]] = []
    for module in modules(name):
        found: dict[str, Tensor] = {}
        for path, part in module.named_modules():
            block = ".residual" not in path and ".block" in path and ".shortcut" not in path
            if "." not in path or block:
                part.register_full_backward_hook(partial(keep_gradient, found, path))
        step(module)
        gradients.append(found)
    assert any(".block" in path for path in gradients[1])
    assert gradients[0].keys() == gradients[1].keys()
    assert all(torch.equal(gradients[0][path], found) for path, found in gradients[1].items())
