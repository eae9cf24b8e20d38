"""The values of expressions, by Python's own arithmetic and by what a function promises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctcdsl.elaborate.expressions import round8
from ctcdsl.ir import Block, Conv, layers_of
from ctcdsl.loading import combinations, parse_values
from tests.conftest import check


def filters(text: str) -> list[int]:
    """The filters of every convolution of a spec."""
    (network,) = check(f"{text}\nhead: none").networks
    stages = network.architecture.stages
    return [
        layer.filters
        for stage in stages
        for layer in layers_of(stage.elements)
        if isinstance(layer, Conv)
    ]


sums = st.recursive(
    st.integers(1, 9).map(str),
    lambda inner: st.one_of(
        st.builds(lambda a, op, b: f"{a} {op} {b}", inner, st.sampled_from("+-*"), inner),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-({text})"),
        st.builds(lambda a, k: f"({a})/{k}", inner, st.integers(1, 9)),
        st.builds(lambda a, b: f"{a}/(({b})*({b})+1)", inner, inner),
    ),
    max_leaves=8,
)


@given(sums)
def test_an_expression_has_the_value_that_python_gives_it(text: str) -> None:
    (value,) = parse_values(text)
    assert value == pytest.approx(eval(text))


@given(st.floats(0.1, 10_000))
def test_round8_is_the_nearest_multiple_unless_that_loses_a_tenth(value: float) -> None:
    rounded = round8(value)
    assert rounded % 8 == 0 and rounded >= 8
    assert rounded >= 0.9 * value
    if rounded > 8 and rounded - value > 4:  # not the nearest: that below is too small
        assert rounded - 8 < 0.9 * value


def test_round8_gives_the_widths_of_mobilenet_v2_at_three_quarters_and_at_1_4() -> None:
    """Those of the checkpoints that its authors published, `mobilenet_v2_0.75` and `_1.4`."""
    widths = (32, 16, 24, 32, 64, 96, 160, 320)
    assert [round8(0.75 * width) for width in widths] == [24, 16, 24, 24, 48, 72, 120, 240]
    assert [round8(1.4 * width) for width in widths] == [48, 24, 32, 48, 88, 136, 224, 448]


def test_numbers_take_exponents() -> None:
    assert filters("(3,1e1) (3,1.6E1) (3,.2e2) (3,c*5e-1) (3,2e3/1000)") == [10, 16, 20, 10, 2]


def test_a_name_e_is_one_where_no_digits_follow() -> None:
    assert filters("def f(e) = (3,2e) (3,2e + 3) (3,2e -3)\nf(4)") == [8, 11, 5]


def test_a_call_may_leave_out_arguments_that_have_defaults() -> None:
    head = "let w = 2\ndef f(n,m=n*w,k=m+c) = (3,n) (1,m) (1,k)\n"
    assert filters(f"{head}f(4)") == [4, 8, 11]  # the image has 3 channels
    assert filters(f"{head}f(4,5)") == [4, 5, 8]
    assert filters(f"{head}f(4,5,6)") == [4, 5, 6]
    assert filters(f"{head}f(4,k=6) f(k=7,n=1)") == [4, 8, 6, 1, 2, 7]
    assert filters("def f(n=4) = (3,n)\nf f() f(5)") == [4, 4, 5]


def test_defaults_are_values_of_the_call_that_names_a_block() -> None:
    report = check("def f(n,e=2*n) = [ (3,n) (3,e) ]\nf(4)\nhead: none")
    (block,) = report.networks[0].architecture.stages[0].elements
    assert isinstance(block, Block) and block.call is not None
    assert block.call.arguments == (("n", 4), ("e", 8))


def test_values_of_parameters_make_their_product_in_order() -> None:
    assert parse_values("0.5,3/4, 1e0") == (0.5, 0.75, 1)
    runs = combinations({"w": (1, 2), "d": (3, 4)})
    assert runs == [{"w": 1, "d": 3}, {"w": 1, "d": 4}, {"w": 2, "d": 3}, {"w": 2, "d": 4}]
    for wrong in ("", "1,", "a", "1,1.0", "1\n(3,4)", "1 # 2", "c", "gap"):
        with pytest.raises(ValueError):
            parse_values(wrong)
