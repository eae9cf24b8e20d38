"""What newcomers type: strides as tags, repetition by one, spaces of a PDF."""

from __future__ import annotations

import pytest

from ctcdsl.ir import output_size
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source
from tests.conftest import check, one


def formatted(text: str) -> str:
    tree, errors = parse(Source("", text))
    assert not errors
    return format_file(tree)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("(3,64,s2)", "(3,64)/2"),
        ("(3,64,g2,s2,p1)x3", "(3,64,g2,p1)/2x3"),
        ("max(3,s2)", "3/2"),
        ("avg(3,s2,ceil)", "avg(3,ceil)/2"),
        ("(3,64)/2 x1", "(3,64)/2"),
        ("(3,64)x1/2", "(3,64)/2"),
        ("[ (3,64) ]x1 f x1", "[ (3,64) ] f"),
        ("(3,64)/2x(d)", "(3,64)/2x(d)"),
        ("(3,64)/2x1", "(3,64)/2x1"),  # an error of the check: not made right in silence
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    assert formatted(text) == formatted(canonical) == f"{canonical}\n"


def test_a_stride_is_given_once() -> None:
    assert {d.code for d in check("(3,64,s2)/2\nhead: none").diagnostics} == {"CTC302"}
    assert one("(3,64,s2)\nhead: none").output == one("(3,64)/2\nhead: none").output


SPACES = "\u00a0\u1680\u2000\u2002\u2009\u200a\u202f\u205f\u3000"


@pytest.mark.parametrize("space", SPACES)
def test_every_space_is_one(space: str) -> None:
    text = "input 3x32x32  # a b\n(1, 8) x 2 (3 x 3, 8) relu x 2 \\ \n(3,8)\nhead: none"
    spaced = text.replace(" ", space)
    assert one(spaced).architecture.stages == one(text).architecture.stages
    assert formatted(spaced).replace(space, " ") == formatted(text)


@pytest.mark.parametrize("nothing", "\u200b\u200d\u2060\u00ad")
def test_what_has_no_width_is_refused(nothing: str) -> None:
    assert [d.code for d in check(f"(3,6{nothing}4)\nhead: none").diagnostics] == ["CTC001"]


def test_a_pool_that_rounds_up_leaves_1_of_1() -> None:
    assert output_size(1, 2, 2, 0, ceil=True) == 1
    assert output_size(1, 2, 2, 0) < 1 and output_size(1, 3, 2, 0, ceil=True) < 1


@pytest.mark.parametrize("head", ["gap fc", "gap fc(9,linear)", "gap fc(9,relu)", "gap fc(9) relu"])
def test_scores_without_an_activation_or_with_one_on_purpose(head: str) -> None:
    assert check(f"(3,8)\nhead: {head}").diagnostics == ()


@pytest.mark.parametrize("size", ["3x32x32", "3x32x3", "64x100x1", "4x4x3", "16x32x32"])
def test_inputs_that_may_be_meant(size: str) -> None:
    assert check(f"input {size}\n(1,8)\nhead: none").diagnostics == ()
