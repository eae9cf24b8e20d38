"""Every code has a page, and a page's example shows what it explains."""

from __future__ import annotations

import re

import pytest

from ctcdsl.cli.main import run
from ctcdsl.text.codes import CODES
from tests.conftest import ROOT, check

PAGES = ROOT / "ctcdsl" / "explain"


def example(page: str) -> str:
    """The indented text of a page."""
    lines = [line[4:] for line in page.splitlines() if line.startswith("    ")]
    return "".join(f"{line}\n" for line in lines)


def test_codes_and_pages_are_the_same() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_page(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", code.lower()]) == 0
    page = capsys.readouterr().out
    assert page.startswith(f"# {code}: {CODES[code]}\n\n")
    shown = example(page)
    if shown and not shown.startswith("ctcdsl "):
        assert code in {diagnostic.code for diagnostic in check(shown).diagnostics}


def test_every_code_used_in_the_source_is_known() -> None:
    used: set[str] = set()
    for path in (ROOT / "ctcdsl").rglob("*.py"):
        if path.name != "codes.py":
            used |= set(re.findall(r"\"(CTC\d{3})\"", path.read_text(encoding="utf-8")))
    used -= {"CTC100", "CTC200", "CTC600"}  # bounds of ranges, not codes
    assert used == set(CODES)


def test_an_unknown_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "CTC204x"]) == 2
    assert "Did you mean CTC204?" in capsys.readouterr().err


def test_pages_fit_a_terminal() -> None:
    for path in PAGES.glob("*.md"):
        assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 100, path
