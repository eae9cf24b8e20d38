"""Records: immutable, equal by kind and fields, cheap to define."""

from __future__ import annotations

import copy
import pickle

import pytest

from ctcdsl.layers import Conv, Pool
from ctcdsl.ops.operators import Add, Concat
from ctcdsl.ops.record import replace
from ctcdsl.text import Origin, Source, Span

HERE, THERE = (Origin(Span(Source("a", "xy"), k, k + 1)) for k in range(2))
CONV = Conv(filters=8, kernel=(3, 3), origin=HERE)


def test_equality_ignores_origins_and_tells_kinds_apart() -> None:
    assert replace(CONV, origin=THERE) == CONV and hash(replace(CONV, origin=THERE)) == hash(CONV)
    assert replace(CONV, filters=9) != CONV
    assert Add() == Add() and Add() != Concat()
    assert Pool(reduction="max", kernel=(3, 3), origin=HERE) != CONV


def test_a_record_is_immutable() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        CONV.filters = 9  # type: ignore[misc]
    with pytest.raises(AttributeError, match="immutable"):
        del CONV.filters


def test_fields_are_checked() -> None:
    with pytest.raises(TypeError, match="lacks `kernel`"):
        Conv(filters=3, origin=HERE)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="no field kernels"):
        replace(CONV, kernels=(1, 1))


def test_a_record_survives_copies_and_pickles() -> None:
    assert copy.deepcopy(CONV) == CONV
    assert pickle.loads(pickle.dumps(CONV)) == CONV


def test_repr_shows_what_is_compared() -> None:
    assert repr(Add()) == "Add()"
    assert "filters=8" in repr(CONV) and "origin" not in repr(CONV)
