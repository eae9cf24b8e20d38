"""Scales: all values are on them, ticks are round and few."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctcdsl.drawing.axes import number, scale

values = st.lists(st.floats(1e-3, 1e12), min_size=1, max_size=6)


@given(values, st.integers(2, 9), st.booleans(), st.sampled_from([None, True, False]))
def test_a_scale_holds_its_values(
    numbers: list[float], most: int, zero: bool, logarithmic: bool | None
) -> None:
    if zero:
        logarithmic = None
    across = scale(numbers, 50.0, 850.0, most=most, zero=zero, logarithmic=logarithmic)
    for value in numbers:
        assert 49.99 <= across(value) <= 850.01
    ticks = across.ticks
    assert list(ticks) == sorted(ticks) and 1 <= len(ticks) <= most + 2
    assert all(49.99 <= across(tick) <= 850.01 for tick in ticks)
    assert across(across.low) == pytest.approx(50) and across(across.high) == pytest.approx(850)


def test_ticks_are_round() -> None:
    assert scale([32.2, 37.4], 0, 1).ticks == (32, 34, 36, 38)
    assert scale([0.7, 37.4], 0, 1, zero=True).ticks == (0, 10, 20, 30, 40)
    assert scale([3e6, 4e9], 0, 1).ticks == (1e7, 1e8, 1e9)
    assert scale([2e8, 1e9, 1.9e9], 0, 1).ticks == (2e8, 5e8, 1e9, 2e9)


def test_numbers_are_short() -> None:
    assert [number(tick) for tick in scale([8.2e8, 8.4e8], 0, 1, most=5).ticks] == [
        *("820 M", "825 M", "830 M", "835 M", "840 M")
    ]
    assert [number(value) for value in (0, 0.25, 32, 1000, 2e10)] == [
        "0",
        "0.25",
        "32",
        "1 k",
        "20 G",
    ]


def test_equal_values_have_room_around_them() -> None:
    across = scale([5.0, 5.0], 0, 100)
    assert across.low < 5 < across.high
    assert scale([0.0], 0, 100).high > 0


def test_a_scale_is_logarithmic_where_values_are_far_apart() -> None:
    assert not scale([100, 790], 0, 1).logarithmic
    assert scale([100, 810], 0, 1).logarithmic
    assert not scale([0, 810], 0, 1).logarithmic
