"""Every code has a page, and a page's example shows what it explains."""

from __future__ import annotations

import re

import pytest

from ctcdsl.cli.main import run
from ctcdsl.text.codes import codes
from tests.conftest import ROOT, check

PAGES = ROOT / "ctcdsl" / "explain"


def example(page: str) -> str:
    """The indented text of a page."""
    lines = [line[4:] for line in page.splitlines() if line.startswith("    ")]
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("code", codes())
def test_page(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", code.lower()]) == 0
    page = capsys.readouterr().out
    assert re.match(rf"# {code}: [^\n]+\n\n", page)
    shown = example(page)
    if shown and not shown.startswith("ctcdsl "):
        assert code in {diagnostic.code for diagnostic in check(shown).diagnostics}


def test_every_code_used_in_the_source_is_known() -> None:
    used: set[str] = set()
    for path in (ROOT / "ctcdsl").rglob("*.py"):
        used |= set(re.findall(r"\"(CTC\d{3})\"", path.read_text(encoding="utf-8")))
    used -= {"CTC100", "CTC200", "CTC600"}  # bounds of ranges, not codes
    assert used == set(codes())


def test_an_unknown_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "CTC204x"]) == 2
    assert "Did you mean CTC204?" in capsys.readouterr().err


def test_pages_fit_a_terminal() -> None:
    for path in PAGES.glob("*.md"):
        assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 100, path
