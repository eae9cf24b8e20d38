"""What the constructor and the methods of a module change, as users of timm expect it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ctcdsl.codegen.load import build_module
from tests.conftest import SAMPLE, load, one

SMALL = "net N\nstyle conv-bn-relu\ninput 3x32x32\nclasses 5\na: (3,8)/2\nb: [ (3,16)x2 ]x2/2\n"


def built(text: str = SMALL, **overrides: Any) -> Any:
    torch.manual_seed(0)
    return build_module(one(text), **overrides).eval()


@pytest.mark.parametrize(
    "head",
    [
        "gap fc",
        "gap drop(0.3) fc",
        "spp(2,1) fc(9) drop(0.5) fc",
        "fc",
        "drop(0.1) (1,classes) gap",
    ],
)
def test_classes_and_channels(head: str) -> None:
    module = built(f"{SMALL}head: {head}", num_classes=7, in_chans=1, drop_rate=0.25)
    assert module(torch.randn(2, 1, 32, 32)).shape == (2, 7)
    rates = [layer.p for layer in module.modules() if isinstance(layer, nn.Dropout)]
    assert set(rates) <= {0.25} and getattr(module, "drop_rate", 0.25) == 0.25


@pytest.mark.parametrize("head", ["gap fc", "spp(2,1) fc(9) fc", "(1,classes) gap", "fc"])
def test_another_classifier(head: str) -> None:
    module = built(f"{SMALL}head: {head}").double()
    others = {name: p.clone() for name, p in module.named_parameters()}
    module.reset_classifier(3)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    scores = module(images)
    assert scores.shape == (2, 3) and scores.dtype == torch.float64
    changed = [n for n, p in module.named_parameters() if not torch.equal(p, others[n][: len(p)])]
    assert len(changed) == 1 and module.get_parameter(changed[0]).std() < 0.02
    module.reset_classifier(0)
    assert module(images).shape == (2, module.num_features)


def test_features_then_the_head_are_the_forward_pass() -> None:
    module = built(f"{SMALL}head: gap fc")
    images = torch.randn(2, 3, 40, 48)
    maps = module.forward_features(images)
    assert maps.shape == (2, 16, 10, 12)
    assert torch.equal(module.forward_head(maps), module(images))
    before = module.forward_head(maps, pre_logits=True)
    assert before.shape == (2, module.num_features)
    assert torch.equal(module.classifier(before), module(images))


def test_maps_of_stages() -> None:
    text = f"{SMALL}c: relu (3,24)/2\nhead: gap fc"
    whole = built(text)
    assert (whole.stages, whole.channels, whole.strides) == (
        ("a", "b", "c"),
        (8, 16, 24),
        (2, 4, 8),
    )
    module = built(text, features=("c", "a"))
    module.load_state_dict(whole.state_dict())
    images = torch.randn(2, 3, 32, 32)
    first, last = module(images)
    assert torch.equal(first, whole.a(images))
    assert torch.equal(last, whole.c(whole.b(whole.a(images)))), "no stage overwrites what it takes"
    with pytest.raises(ValueError, match=r"features are among \('a', 'b', 'c'\), not \['d'\]"):
        built(text, features=("d",))


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.stem)
def test_maps_have_the_channels_and_strides_that_are_listed(path: Path) -> None:
    network = load(path)
    with torch.device("meta"):
        module: Any = build_module(network).eval()
        module.features = list(module.stages)
        maps = module(torch.zeros(1, *network.input))
    assert tuple(map.shape[1] for map in maps) == module.channels
    for map, stride in zip(maps, module.strides, strict=True):
        # Pads and windows take or add some pixels, no factor.
        assert abs(network.input.height / stride - map.shape[2]) <= 4, (path.stem, stride)


def test_a_head_of_matrices_averages_maps_to_its_size() -> None:
    module = built(f"{SMALL}head: fc(9) drop(0.5) fc")
    images = torch.randn(2, 3, 48, 40)
    maps = nn.functional.adaptive_avg_pool2d(module.forward_features(images), (8, 8))
    assert torch.equal(module(images), module.forward_head(maps))


def test_device_and_dtype() -> None:
    module = built(f"{SMALL}head: gap fc", dtype=torch.bfloat16)
    assert {p.dtype for p in module.parameters()} == {torch.bfloat16}
    assert built(f"{SMALL}head: gap fc", device="meta").classifier.weight.is_meta


@pytest.mark.parametrize(
    "text",
    [
        f"{SMALL}head: gap fc",
        "net V\ninput 3x32x32\nclasses 5\n(3,8)x2 2/2 relu (3,16)x2 silu\nhead: drop(0.2) fc",
        "net D\nstyle bn-relu-conv\ninput 3x32x32\nclasses 5\n(3,8) { id | (1,16) (3,4) }x3\n"
        "head: bn gap fc",
        "net M\nstyle conv-bn-silu\ninput 3x32x32\nclasses 5\ndef mb = [ (1,4c) (3,dw) se(4) "
        "(1,c,linear) depth(0.3) | id ]\n(3,8)/2 mb x3\nhead: gap fc",
    ],
)
def test_recomputed_maps_give_the_same_step(text: str) -> None:
    plain = built(text).train()
    again = copy.deepcopy(plain)
    again.set_grad_checkpointing()
    images = torch.randn(4, 3, 32, 32)
    kept: dict[Any, int] = {plain: 0, again: 0}
    for module in (plain, again):

        def keep(tensor: torch.Tensor, module: Any = module) -> torch.Tensor:
            kept[module] += tensor.numel()
            return tensor

        torch.manual_seed(1)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = module(images).square().sum()
        now = kept[module]
        loss.backward()
        kept[module] = now
    assert kept[again] < 0.7 * kept[plain]
    for one_, other in zip(plain.parameters(), again.parameters(), strict=True):
        assert torch.equal(one_.grad, other.grad)
    for one_, other in zip(plain.buffers(), again.buffers(), strict=True):
        assert torch.equal(one_, other), "a norm counts each batch once"
    again.set_grad_checkpointing(False)
    assert not any(getattr(module, "recompute", False) for module in again.modules())


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.parametrize(
    "body",
    [
        "style conv-bn-relu\n(3,8)/2 [ (3,8)x2 ] [ (1,4) (3,16) ]/2 se(4) eca lrn\nhead: gap fc",
        "style conv\n(4,8)/4 [ (7,dw) ln (1,4c,gelu) (1,c) scale depth(0.2) ] grn\nhead: gap ln fc",
        "(3,8) lrn(3,within) split{ id | (3,c) } shuffle(2) mul[ (1,8) | id ]\n"
        "head: spp(2,1) fc(9) drop(0.5) fc",
        "style wsconv-gn-relu\nnorm groups=4\n(3,8) [ (3,16)x2 ]/2 [ (3,16) | zeropad ]\n"
        "head: fc(9) fc",
    ],
)
def test_modules_are_scripted_and_run_under_autocast(body: str) -> None:
    module = built(f"net N\ninput 3x32x32\nclasses 5\n{body}")
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        scores = module(images)
        assert torch.allclose(torch.jit.script(module)(images), scores, atol=1e-6)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.allclose(module(images).float(), scores, atol=0.05)
