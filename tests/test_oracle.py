"""Predictions against reality: the generated module runs, and its layers are measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from conftest import SPECS, check, load, one
from ctcdsl.check import CheckedNetwork
from ctcdsl.codegen.load import build_module
from ctcdsl.cost import network_cost
from ctcdsl.ir import Conv, Dropout, GlobalPool, Linear, LocalResponseNorm, Pool, SpatialPyramid

KINDS: dict[type, str] = {
    Conv: "Conv2d",
    Pool: "Pool2d",
    LocalResponseNorm: "LocalResponseNorm",
    Dropout: "Dropout",
    SpatialPyramid: "SpatialPyramidPool",
    GlobalPool: "AdaptiveAvgPool2d",
    Linear: "Linear",
}

SMALL = [
    "(3,8)x2 gap fc",
    "input 3x32x40\nc1: (3,8) lrn 2/2\nc2: (3,16)x2/2 max(3,p1,ceil)/2\nhead: drop(0.2) fc(10) fc",
    "input 1x47x71\npad valid\n(5,4)/3 avg(3)/2 (2,6)x3 spp(3,2,1) fc",
    "input 3x40x40\nclasses 7\n(11,4)/4 { (1,8) (3,8) }x2/2 max(3,ceil)/2 fc(5) drop(0.1) fc",
    "input 3x17x17\n(4,4,p2) (6,5)/2 max(2,p1)/1\nhead: none",
    "input 3x48x48\n(7,4)/2 3/1 (2,8)/3+(2,8)x3 2/1 (2,8)/2 gap fc",
]


def leaves(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Modules that stand for layers of the network, in order."""
    found: list[tuple[str, nn.Module]] = []
    for name, child in module.named_children():
        kind = type(child).__name__
        if kind in ("ReLU", "Flatten"):
            continue
        if isinstance(child, nn.Sequential):
            found += [(f"{name}.{inner}", leaf) for inner, leaf in leaves(child)]
        else:
            found.append((name, child))
    return found


def assert_as_predicted(checked: CheckedNetwork, module: nn.Module) -> None:
    """Run a forward pass and compare every layer's output and parameters."""
    cost = network_cost(checked)
    real = leaves(module)
    assert len(real) == len(checked.layers)
    outputs: list[tuple[int, ...]] = []

    def record(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        outputs.append(tuple(output.shape[1:]))

    for _, leaf in real:
        leaf.register_forward_hook(record)
    with torch.inference_mode():
        scores = module(torch.zeros(1, *checked.network.input))
    for layer, (name, leaf), output in zip(cost.layers, real, outputs, strict=True):
        placed = layer.placed
        where = f"{checked.name} {placed.name} ({name})"
        assert type(leaf).__name__.endswith(KINDS[type(placed.layer)]), where
        assert name.split(".")[0] == placed.name.split(".")[0], where
        expected = tuple(placed.output)
        assert output in (expected, expected[:1]), where
        assert sum(p.numel() for p in leaf.parameters()) == layer.params, where
    assert sum(p.numel() for p in module.parameters()) == cost.params
    if checked.network.head.layers:
        assert scores.shape == (1, checked.network.classes)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_paper_s_models_are_as_predicted(path: Path) -> None:
    checked = load(path)
    module = build_module(checked).eval()
    # Exported first: hooks would be traced with the module.
    exported = torch.export.export(module, (torch.zeros(1, *checked.network.input),))
    outputs = [node.meta["val"] for node in exported.graph.nodes if node.op == "call_function"]
    assert tuple(outputs[-1].shape) == (1, checked.network.classes)
    assert_as_predicted(checked, module)


@pytest.mark.parametrize("text", SMALL)
def test_other_networks_are_as_predicted(text: str) -> None:
    checked = one(text)
    assert_as_predicted(checked, build_module(checked).eval())


convolutions = st.builds(
    "({},{}{}){}".format,
    st.sampled_from([1, 2, 3, 5, 7]),
    st.sampled_from([1, 3]),
    st.sampled_from(["", ",p0"]),
    st.sampled_from(["", "/2", "/3", "x2"]),
)
pools = st.builds(
    "{}({}{}{})/{}".format,
    st.sampled_from(["max", "avg"]),
    st.integers(2, 4),
    st.sampled_from(["", ",p1"]),
    st.sampled_from(["", ",ceil"]),
    st.integers(1, 3),
)
rows = st.lists(
    st.one_of(convolutions, convolutions, pools, st.sampled_from(["lrn", "drop(0.3)"])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150)
@given(
    row=rows,
    height=st.integers(9, 40),
    width=st.integers(9, 40),
    pad=st.sampled_from(["same", "paper", "valid"]),
    head=st.sampled_from(["gap fc", "fc(5) drop(0.2) fc", "spp(2,1) fc(4) fc", "\nhead: none"]),
)
def test_any_network_is_as_predicted(
    row: list[str], height: int, width: int, pad: str, head: str
) -> None:
    text = f"input 3x{height}x{width}\nclasses 7\npad {pad}\n{' '.join(row)} {head}"
    for checked in check(text).networks:
        assert_as_predicted(checked, build_module(checked).eval())


def test_a_module_trains_in_channels_last() -> None:
    module = build_module(one(SMALL[1]))
    # torch's stubs know no overload with the memory format alone.
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(4, 3, 32, 40).to(memory_format=torch.channels_last)
    plain = build_module(one(SMALL[1]))
    plain.load_state_dict(module.state_dict())
    assert torch.allclose(module.eval()(images), plain.eval()(images), atol=1e-5)
    module.train()(images).square().sum().backward()
    assert all(p.grad is not None for p in module.parameters())


@pytest.mark.parametrize("text", [SMALL[0], SMALL[1], SMALL[5]])
def test_a_module_exports(text: str) -> None:
    checked = one(text)
    module = build_module(checked).eval()
    images = torch.randn(2, *checked.network.input)
    exported = torch.export.export(module, (images,))
    assert torch.equal(exported.module()(images), module(images))


def test_weights_start_as_the_paper_says() -> None:
    torch.manual_seed(0)
    module = build_module(one("input 3x32x32\n(3,64)x3 gap fc(512) fc"))
    weights = torch.cat([p.flatten() for p in module.parameters() if p.dim() > 1])
    assert abs(weights.mean().item()) < 1e-4
    assert abs(weights.std().item() - 0.01) < 1e-4
    assert all(p.abs().max() == 0 for p in module.parameters() if p.dim() == 1)


def test_he_initialisation_keeps_the_variance() -> None:
    torch.manual_seed(0)
    module = build_module(one("input 3x32x32\n(3,64)x3 gap fc(512) fc"))
    initialise = module.initialise
    assert callable(initialise)
    initialise("he")
    weight = module.get_parameter("stage1.2.weight")
    assert abs(weight.std().item() / (2 / (64 * 9)) ** 0.5 - 1) < 0.02
    with pytest.raises(ValueError, match="gaussian"):
        initialise("xavier")
