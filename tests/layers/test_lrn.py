"""Local response norms in every precision, against PyTorch's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ctcdsl.codegen.load import build_operation
from ctcdsl.ops.calls import Argument, Call

NORM = Call("LocalResponseNorm", (Argument("5", "size"), Argument("2.0", "k")))


def maps() -> Tensor:
    return torch.randn(2, 8, 5, 7, generator=torch.Generator().manual_seed(0)) * 9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_that_of_pytorch_to_the_last_bit(dtype: torch.dtype) -> None:
    ours = maps().to(dtype).requires_grad_()
    other = maps().to(dtype).requires_grad_()
    outputs, expected = build_operation(NORM)(ours), nn.LocalResponseNorm(5, k=2.0)(other)
    assert outputs.dtype is dtype and torch.equal(outputs, expected)
    outputs.square().sum().backward()
    expected.square().sum().backward()
    assert ours.grad is not None and other.grad is not None
    assert torch.equal(ours.grad, other.grad)


@pytest.mark.parametrize("autocast", [False, True])
def test_maps_in_bfloat16_are_normalised_in_float32_and_rounded(autocast: bool) -> None:
    x = maps().bfloat16()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        outputs = build_operation(NORM)(x)
    assert torch.equal(outputs, nn.LocalResponseNorm(5, k=2.0)(x.float()).bfloat16())
