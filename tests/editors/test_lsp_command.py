"""`ctcdsl lsp` before any session."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest


def test_without_its_packages(ctcdsl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "ctcdsl.cli.lsp.find_spec", lambda name: None if name == "pygls" else found(name)
    )
    result = ctcdsl("lsp")
    assert result.code == 1 and result.out == ""
    assert "CTC501" in result.err and "pip install 'ctcdsl[lsp]'" in result.err


def test_help(ctcdsl: Any) -> None:
    result = ctcdsl("lsp", "--help")
    assert result.code == 0 and "language server" in result.out
