"""Parts that training computes again: read, printed, and read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ctcdsl
from ctcdsl.ir import Part
from ctcdsl.ir.recompute import part_at
from tests.conftest import one

ROWS = """net N
style conv-bn-relu
def twice(n) = [ (3,n)x2 ]
{}
(3,8) twice(8)x3 2/2 (3,16)x2
head: gap fc
"""


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("stage1", [Part(stage=0)]),
        ("stage2 stage1", [Part(stage=0), Part(stage=1)]),
        ("stage1.twice1..twice3", [Part(stage=0, elements=(1, 3))]),
        ("stage1.twice1..stage1.twice3", [Part(stage=0, elements=(1, 3))]),
        ("stage2.pool head", [Part(stage=1, elements=(0, 0)), Part(stage=2)]),
    ],
)
def test_names_are_parts(written: str, parts: list[Part]) -> None:
    net = one(ROWS.format(f"recompute {written}"))
    assert list(net.architecture.recompute) == parts
    assert ctcdsl.loads(str(net)) == net
    assert net != one(ROWS.format(""))


def test_definitions_name_blocks_and_canonical_text_numbers_them() -> None:
    net = one(ROWS.format("recompute stage1.twice2"))
    assert "\nrecompute stage1.block2\n" in str(net)
    rewritten = ctcdsl.rewrite(net, "repeat-last:stage=2,times=1").text
    assert "\nrecompute stage1.twice2\n" in rewritten


def test_it_shares_a_line_with_other_headers() -> None:
    net = one("recompute stage1 classes 5\n(3,8)\nhead: gap fc\n")
    assert net.classes == 5 and net.architecture.recompute == (Part(stage=0),)


def test_a_long_list_is_wrapped() -> None:
    parts = " ".join(f"stage1.conv{k}" for k in range(1, 21))
    net = one(f"style conv-relu\nrecompute {parts}\n(3,8)x20\nhead: gap fc\n")
    text = str(net)
    assert max(map(len, text.splitlines())) <= 100 and "\\\n          stage1.conv" in text
    assert ctcdsl.loads(text) == net


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.data())
def test_positions_are_parts_and_back(lengths: list[int], data: st.DataObject) -> None:
    stage = data.draw(st.integers(0, len(lengths) - 1))
    first = data.draw(st.integers(0, lengths[stage] - 1))
    last = data.draw(st.integers(first, lengths[stage] - 1))
    run = range(sum(lengths[:stage]) + first, sum(lengths[:stage]) + last + 1)
    part = part_at(run, lengths)
    assert part.stage == stage and part.positions(lengths) == run
