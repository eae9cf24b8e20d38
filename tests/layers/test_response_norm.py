"""Global response normalisation against its definition, Woo et al. 2023, Algorithm 1."""

from __future__ import annotations

import torch
from torch import nn

from ctcdsl.codegen.load import build_module
from ctcdsl.metrics import network_cost
from tests.conftest import one

SPEC = one("style conv\ninput 5x6x7\n(1,5) grn\nhead: none")


def norm() -> nn.Module:
    modules = build_module(SPEC).modules()
    return next(m for m in modules if type(m).__name__ == "GlobalResponseNorm").double()


def test_it_is_what_the_paper_defines() -> None:
    module = norm()
    weight, bias = (parameter.data.normal_().flatten() for parameter in module.parameters())
    x = torch.randn(2, 5, 6, 7, dtype=torch.float64)
    expected = torch.empty_like(x)
    for image in range(2):
        norms = [float((x[image, c] ** 2).sum()) ** 0.5 for c in range(5)]
        mean = sum(norms) / 5 + 1e-6
        for c in range(5):
            response = x[image, c] * norms[c] / mean
            expected[image, c] = weight[c] * response + bias[c] + x[image, c]
    assert torch.allclose(module(x), expected, rtol=1e-12, atol=1e-12)


def test_it_starts_as_the_identity_and_has_two_numbers_for_each_channel() -> None:
    x = torch.randn(1, 5, 6, 7, dtype=torch.float64)
    assert torch.equal(norm()(x), x)
    assert [layer.params for layer in network_cost(SPEC).layers] == [30, 10]
