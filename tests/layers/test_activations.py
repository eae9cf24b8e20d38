"""Activations: what the table says of each, measured on the modules that it names."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ctcdsl.codegen.load import build_module
from ctcdsl.layers.activations import ACTIVATIONS
from ctcdsl.metrics import network_cost
from ctcdsl.ops.activation import Keeps
from tests.conftest import one
from tests.support.carrying import EXACT, differences, small

WORDS = sorted(ACTIVATIONS)


def module(word: str) -> nn.Module:
    """The module of an activation on 8 channels, as generated code has it."""
    row = ACTIVATIONS[word]
    kind: type[nn.Module] = getattr(nn, row.module.removeprefix("nn."))
    if row.learned:
        return kind(8)
    options = {"inplace": True} if row.in_place else {}
    return kind(**options, **({row.keyword: row.constant} if row.keyword else {}))


@pytest.mark.parametrize("word", WORDS)
def test_an_activation_keeps_for_its_gradient_what_its_row_says(word: str) -> None:
    """The input is kept, or a copy of it; or the output, which needs no more memory."""
    values = torch.randn(2, 8, 5, 5, dtype=torch.float64, requires_grad=True)
    images = values * 1  # no leaf: one that may be overwritten
    before = images.detach().clone()
    kept: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor.detach().clone())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = module(word).double()(images)
    maps = [tensor for tensor in kept if tensor.shape == before.shape]
    assert len(maps) == 1
    expected = before if ACTIVATIONS[word].keeps is Keeps.INPUT else output.detach()
    assert torch.equal(maps[0], expected)


@pytest.mark.parametrize("word", [word for word in WORDS if ACTIVATIONS[word].bit_stable])
def test_the_bits_of_an_output_are_the_same_wherever_it_is(word: str) -> None:
    images = torch.randn(1, 8, 37, 41) * 4
    whole = module(word)(images.clone())
    for top, left in ((0, 0), (1, 3), (5, 2)):
        part = images[:, :, top : top + 29, left : left + 31].contiguous()
        assert torch.equal(module(word)(part), whole[:, :, top : top + 29, left : left + 31])


def test_a_learned_activation_counts_a_number_for_each_channel() -> None:
    plain, learned = (
        network_cost(one(small("(3,8) [ (3,12)x2 ] prelu", style=f"conv-{word}")))
        for word in ("relu", "prelu")
    )
    assert learned.params - plain.params == 8 + 12 + 12
    assert learned.macs == plain.macs


@pytest.mark.parametrize(
    ("rows", "style", "applied"),
    [
        ("(3,8) (3,8) prelu 2/2 (3,4)", "conv-prelu", "widen:stage=1,width=20"),
        ("def rep = [ (3,8) | (1,8) | bn? ]\n(3,8) rep x2", "conv-bn-prelu", "repvgg-fuse"),
        ("(3,8) [ (3,8)x2 ]x2 (3,12)", "conv-bn-prelu", "fold-bn"),
    ],
)
def test_its_weights_go_along_with_rewrites(rows: str, style: str, applied: str) -> None:
    text = small(rows, style=style, pad="same")
    assert max(differences(text, applied)) < EXACT


def test_a_module_draws_its_numbers_as_torch_does() -> None:
    torch.manual_seed(0)
    network = build_module(one(small("(3,8) [ (3,8)x2 ]", style="conv-prelu")))
    learned = [p for m in network.modules() if isinstance(m, nn.PReLU) for p in m.parameters()]
    assert [p.tolist() for p in learned] == [[0.25] * 8] * 3
