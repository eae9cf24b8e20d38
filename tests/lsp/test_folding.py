"""What `ctcdsl lsp` lets an editor fold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctcdsl.lsp.document import Document
from ctcdsl.lsp.folding import Fold, folds


def folds_of(text: str) -> list[Fold]:
    return folds(Document("a.ctc", text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(3,64) gap fc\n", []),
        ("# one\n(3,64) gap fc\n", []),
        ("# a\n# b\n\n# c\n(3,64)  # d\n# e\n# f", [Fold(0, 1, "comment"), Fold(5, 6, "comment")]),
        ("table\n model | a\n A | (3,4)\nend\n", [Fold(0, 3)]),
        ("def f(n) = {\n (1,n)\n |\n (3,n)\n}\nf(3) gap fc\n", [Fold(0, 3), Fold(0, 4)]),
        ("{ (1,8)\n | [ (3,8)\n (3,8) ] }\nhead: gap fc\n", [Fold(0, 2), Fold(1, 2)]),
        ("(3,\n64) gap fc\n", [Fold(0, 1)]),
        ("a: (3,8) \\\n   (3,8)\n", []),
        ("net A\n(3,8)\ngap fc\n\nnet B\n(3,8)\n", [Fold(0, 2), Fold(4, 5)]),
        ("] (3,8 \n { (", []),
    ],
)
def test_folds(text: str, expected: list[Fold]) -> None:
    assert folds_of(text) == expected


@given(st.text(alphabet="()[]{}|,/x3c \n#:=?adefgilnpt", max_size=60))
def test_folds_are_lines_of_the_text(text: str) -> None:
    for first, last, _ in folds_of(text):
        assert 0 <= first < last < text.count("\n") + 1
