"""The tokens that the server's colours come from are those of the Pygments lexer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctcdsl.highlighting.lexer import CtcLexer, token
from ctcdsl.highlighting.patterns import ROLES
from ctcdsl.highlighting.tokens import tokens
from tests.conftest import ROOT

SPECS = sorted((ROOT / "specs").rglob("*.ctc"))


def check(text: str) -> None:
    """Both find the same characters, with the same meaning."""
    kinds = {token(role) for role in ROLES}
    lexed = {
        place: kind
        for start, kind, value in CtcLexer(stripnl=False, ensurenl=False).get_tokens_unprocessed(
            text
        )
        for place in range(start, start + len(value))
        if kind in kinds
    }
    found = {place: token(role) for role, start, end in tokens(text) for place in range(start, end)}
    assert found == lexed


@pytest.mark.parametrize("path", SPECS[::4], ids=lambda path: path.stem)
def test_specs(path: Path) -> None:
    check(path.read_text(encoding="utf-8"))


@given(st.text(alphabet="()[]{}|,/x3c \n#:=?-adefgilnpt'", max_size=60))
def test_any_text(text: str) -> None:
    check(text)
