"""Shortcuts without weights: strided pixels, zeros for new channels (He et al. 2016, 3.3)."""

from __future__ import annotations

import pytest
import torch

import ctcdsl
from ctcdsl.codegen.load import build_module
from tests.conftest import check, one

HEADER = "style conv-relu\ninput 3x9x8\n"


def test_pixels_and_zeros() -> None:
    module = build_module(one(f"{HEADER}(1,3,linear) [ (3,5,linear) | zeropad ]/2\nhead: none"))
    state = {key: torch.zeros_like(value) for key, value in module.state_dict().items()}
    first = next(iter(state))
    state[first] = torch.eye(3).view(3, 3, 1, 1)
    module.load_state_dict(state)
    x = torch.randn(2, 3, 9, 8)
    expected = torch.zeros(2, 5, 5, 4)
    expected[:, :3] = x[:, :, ::2, ::2]
    assert torch.equal(module(x), expected)


def test_it_takes_the_channels_of_the_first_branch_and_the_stride_of_its_group() -> None:
    network = one(f"{HEADER}(3,4) [ (3,8) (3,8) | zeropad ]x2/2\nhead: none")
    assert "[ (3,8)x2 | zeropad(8) ]x2/2" in str(network)
    assert ctcdsl.loads(str(network)) == network


def test_a_sum_has_no_order() -> None:
    one_way = one(f"{HEADER}(3,4) [ (3,8) | zeropad ]/2\nhead: none")
    other_way = one(f"{HEADER}(3,4) [ zeropad | (3,8) ]/2\nhead: none")
    assert other_way.output == one_way.output and "zeropad(8)" in str(other_way)
    assert one(f"{HEADER}(3,4) [ zeropad | zeropad id | (3,8) ]\nhead: none").params == 408


@pytest.mark.parametrize(
    "row", ["zeropad", "[ zeropad ]", "[ zeropad | zeropad ]", "mul[ (3,16) | zeropad ]"]
)
def test_without_another_branch_it_needs_a_number(row: str) -> None:
    error = check(f"{HEADER}(3,16) {row}\nhead: none").errors[0]
    assert error.code == "CTC102" and error.hints == ("write their number, `zeropad(n)`",)


@pytest.mark.parametrize("row", ["[ (3,8) | zeropad ]", "[ (3,16) | zeropad(8) ]"])
def test_what_does_not_fit_is_an_error(row: str) -> None:
    (error,) = check(f"{HEADER}(3,16) {row}\nhead: none").errors
    assert error.code == "CTC206"
