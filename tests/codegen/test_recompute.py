"""Parts that training computes again: the same step to the last bit, dropout and norms included."""

from __future__ import annotations

import pytest
import torch

import ctcdsl
from ctcdsl.checking import Network
from ctcdsl.codegen.load import make_importable
from ctcdsl.ir import Part, replace
from tests.conftest import one

ROWS = """style conv-bn-relu
input 3x16x16
classes 5
{}
a:    (3,8) relu6 drop(0.2) (3,8)
b:    2/2 [ (3,16)x2 depth(0.3) | (1,16) ] (3,16)x3
head: gap drop(0.5) fc(12) bn fc
"""


def recomputing(network: Network, *parts: Part) -> Network:
    return Network(replace(network.architecture, recompute=parts), network.nodes)


def step(network: Network, state: dict[str, torch.Tensor], times: int = 2) -> list[torch.Tensor]:
    """The scores, gradients and buffers of the last of some steps."""
    module = ctcdsl.build(network).train()
    module.load_state_dict(state)
    torch.manual_seed(3)
    images = torch.randn(6, *network.input)
    for _ in range(times):
        module.zero_grad()
        scores: torch.Tensor = module(images)
        torch.autograd.backward(scores.square().mean())
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    assert len(gradients) == len(list(module.parameters()))
    return [scores.detach(), *gradients, *module.buffers()]


@pytest.mark.parametrize(
    "parts",
    [
        *("a", "b", "head", "a b head", "a.conv1..drop", "a.relu6", "a.drop..conv2 b.pool..block"),
        *("b.conv1..conv2", "b.pool b.block b.conv3", "head.gap..fc1 b"),
    ],
)
def test_a_step_is_the_same_to_the_last_bit(parts: str) -> None:
    plain, marked = one(ROWS.format("")), one(ROWS.format(f"recompute {parts}"))
    assert marked.architecture.recompute
    state = ctcdsl.build(plain).state_dict()
    for expected, found in zip(step(plain, state), step(marked, state), strict=True):
        assert torch.equal(expected, found)


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v2", "googlenet"])
def test_known_networks_that_recompute_each_stage(name: str) -> None:
    plain = ctcdsl.load(name, input=32)
    stages = range(len(plain.architecture.stages))
    marked = recomputing(plain, *(Part(stage=stage) for stage in stages))
    state = ctcdsl.build(plain).state_dict()
    results = zip(step(plain, state, 1), step(marked, state, 1), strict=True)
    assert all(torch.equal(*pair) for pair in results)


def test_less_is_kept() -> None:
    def kept(network: Network) -> int:
        sizes: dict[int, int] = {}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        module = ctcdsl.build(network).train()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            module(torch.randn(8, *network.input))
        return sum(sizes.values())

    assert kept(one(ROWS.format("recompute a b"))) < 0.5 * kept(one(ROWS.format("")))


MARKED = one(ROWS.format("recompute a b.pool..block"))


@pytest.mark.parametrize("marked", [True, False])
def test_evaluation_and_export_compute_it_once(marked: bool) -> None:
    module = ctcdsl.build(MARKED if marked else one(ROWS.format(""))).eval()
    if not marked:
        module.set_grad_checkpointing()  # type: ignore[operator]
    make_importable(module)
    images = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        expected = module(images)
    for strict in (False, True):
        exported = torch.export.export(module, (images,), strict=strict).module()
        torch.testing.assert_close(exported(images), expected)


@pytest.mark.parametrize("marked", [True, False])
def test_a_compiled_step_is_the_same(marked: bool) -> None:
    """Statistics of norms change once there, too."""
    network = MARKED if marked else one(ROWS.format(""))
    state = ctcdsl.build(network).state_dict()
    results: list[list[torch.Tensor]] = []
    for compiled in (False, True):
        module = ctcdsl.build(network, drop_rate=0.0).train()
        module.load_state_dict(state)
        for layer in module.modules():
            if type(layer).__name__ in ("Dropout", "StochasticDepth"):
                layer.eval()  # compiled, they draw other numbers
        if not marked:
            module.set_grad_checkpointing()  # type: ignore[operator]
        make_importable(module)
        step = torch.compile(module, fullgraph=True, backend="aot_eager") if compiled else module
        images = torch.linspace(-1, 1, 6 * 3 * 16 * 16).sin().reshape(6, 3, 16, 16)
        torch.autograd.backward(step(images).square().mean())
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        results.append([*gradients, *module.buffers()])
    for eager, compiled_ in zip(*results, strict=True):
        torch.testing.assert_close(eager, compiled_)


def test_the_names_of_tensors_stay() -> None:
    plain, marked = one(ROWS.format("")), one(ROWS.format("recompute a b.pool..block"))
    assert list(ctcdsl.build(plain).state_dict()) == list(ctcdsl.build(marked).state_dict())
