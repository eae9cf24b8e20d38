"""Scores without training, against what can be computed otherwise."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch import nn

import ctcdsl
from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.estimates.mini_batch import mini_batch
from ctcdsl.estimates.naswot import naswot
from ctcdsl.estimates.scores import SCORES, score_network
from ctcdsl.estimates.synflow import synflow
from ctcdsl.ir import Shape
from ctcdsl.text import UserError

CHAIN = "input 3x16x16\nclasses 4\nstyle conv-{}\n(3,32)/2 (3,32) 2/2 (3,32) (1,32)\nhead: gap fc"


def net(text: str) -> Network:
    return ctcdsl.loads(text)


def plain(network: Network, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build_module(network)


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """The weights of convolutions and of the classifier, in their order."""
    weights = [[p for p in module.parameters() if p.ndim > 1] for module in (source, target)]
    with torch.no_grad():
        for one, other in zip(*weights, strict=True):
            other.copy_(one)


def test_naswot_counts_the_units_that_agree() -> None:
    network = net(CHAIN.format("relu"))
    module, seen = plain(network), []
    for layer in module.modules():
        if isinstance(layer, nn.ReLU):
            layer.register_forward_hook(lambda _, inputs, output: seen.append(output > 0))
    batch = mini_batch(network.input, 8, 0)
    with torch.no_grad():
        module.eval()(batch)
    codes = torch.cat([each.flatten(1) for each in seen], dim=1).tolist()
    assert len(codes[0]) == 2 * 32 * 64 + 2 * 32 * 16
    kernel = [[float(sum(p == q for p, q in zip(a, b, strict=True))) for b in codes] for a in codes]
    expected = float(torch.logdet(torch.tensor(kernel, dtype=torch.float64)))
    assert naswot(plain(network), network, 0, images=8) == pytest.approx(expected)


@pytest.mark.parametrize("activation", ["relu", "relu6", "leaky", "prelu"])
def test_naswot_takes_activations_with_a_kink(activation: str) -> None:
    network = net(CHAIN.format(activation))
    assert naswot(plain(network), network, 0) > 0


def test_naswot_normalises_over_the_mini_batch() -> None:
    network = net(CHAIN.format("bn-relu"))
    module = plain(network)
    naswot(module, network, 0)
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert norms and all(norm.running_mean.abs().sum() > 0 for norm in norms)  # type: ignore[union-attr]


def test_the_mini_batch_is_the_same_and_normalised() -> None:
    batch = mini_batch(Shape(3, 20, 24), 16, 3)
    assert batch.shape == (16, 3, 20, 24)
    assert torch.equal(batch, mini_batch(Shape(3, 20, 24), 16, 3))
    assert not torch.equal(batch, mini_batch(Shape(3, 20, 24), 16, 4))
    torch.testing.assert_close(batch.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(batch.std((0, 2, 3)), torch.ones(3))


def test_synflow_of_a_chain_is_its_output_for_each_layer() -> None:
    network = net(CHAIN.format("relu"))
    value = synflow(plain(network), network)
    module = plain(network).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.abs_()
        total = float(module(torch.ones(1, 3, 16, 16, dtype=torch.float64)).sum())
    assert exp(value) == pytest.approx(5 * total)


def test_synflow_is_the_sum_of_products_with_the_gradient() -> None:
    """By differences: each parameter by itself, in a network that is not a chain."""
    network = net("input 3x6x6\nclasses 2\nstyle conv-relu\n(3,3) [ (3,3) ]\nhead: gap fc")
    module = plain(network).double().eval()
    ones = torch.ones(1, 3, 6, 6, dtype=torch.float64)
    total = 0.0
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.abs_()
        for parameter in module.parameters():
            flat = parameter.view(-1)
            for k in range(flat.numel()):
                before, step = float(flat[k]), 1e-6
                sums = []
                for sign in (1, -1):
                    flat[k] = before + sign * step
                    sums.append(float(module(ones).sum()))
                flat[k] = before
                total += abs(before * (sums[0] - sums[1]) / (2 * step))
    assert synflow(plain(network), network) == pytest.approx(log(total), abs=1e-6)


@pytest.mark.parametrize("style", ["bn", "gn", "ln"])
def test_synflow_leaves_norms_out(style: str) -> None:
    network, bare = net(CHAIN.format(f"{style}-relu")), net(CHAIN.format("relu"))
    module, other = plain(network), plain(bare)
    copy_weights(module, other)
    assert synflow(module, network) == pytest.approx(synflow(other, bare))


def test_synflow_takes_standardised_weights_as_plain_ones() -> None:
    network, bare = (
        net(CHAIN.format("gn-relu").replace("conv-", "wsconv-")),
        net(CHAIN.format("relu")),
    )
    module, other = plain(network), plain(bare)
    copy_weights(module, other)
    assert synflow(module, network) == pytest.approx(synflow(other, bare))


def test_scores_are_the_same_again_and_leave_the_generator_alone() -> None:
    network = net(CHAIN.format("bn-relu"))
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    for kind in SCORES:
        first = score_network(network, kind)
        assert first == score_network(network, kind)
        assert first.deviation > 0
        assert first != score_network(network, kind, seed=9)
        assert score_network(network, kind, draws=1).deviation == 0
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("naswot", CHAIN.format("gelu"), "has none"),
        ("naswot", CHAIN.format("relu").replace("input 3", "input 1"), "an input of 1x16x16"),
        ("naswot", "input 3x4x4\nclasses 2\n(4,1,p0)\nhead: gap fc", "the same code"),
        (
            "synflow",
            "input 3x8x8\nclasses 2\nstyle conv-relu\n(1,99)x330\nhead: gap fc",
            "is too large",
        ),
    ],
)
def test_a_network_without_a_score(kind: str, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as failure:
        score_network(net(text), kind, draws=1)
    assert failure.value.diagnostics[0].code == "CTC741"


def test_the_public_function() -> None:
    network = net(CHAIN.format("relu"))
    assert ctcdsl.score(network, "synflow") == score_network(network, "synflow")
    with pytest.raises(UserError, match="CTC605"):
        ctcdsl.score(network, "beauty")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="CTC605"):
        ctcdsl.score(network, "naswot", draws=0)
