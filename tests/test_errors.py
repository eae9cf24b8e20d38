"""Every mistake under tests/errors/ has its exact message recorded beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT
from ctcdsl.cli.main import run
from ctcdsl.text.codes import CODES

CASES = sorted((ROOT / "tests" / "errors").glob("*.ctc"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_message(
    path: Path, golden: Callable[[Path, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["check", str(path.relative_to(ROOT))])
    printed = capsys.readouterr()
    assert code == 1
    assert "Traceback" not in printed.err
    assert printed.err.startswith("error[CTC")
    golden(path.with_suffix(".stderr"), printed.err)


def test_no_recorded_message_is_left_over() -> None:
    recorded = {path.stem for path in (ROOT / "tests" / "errors").glob("*.stderr")}
    assert recorded == {path.stem for path in CASES}
    assert len(CASES) >= 25


def test_every_code_of_the_language_is_triggered() -> None:
    text = "".join(path.with_suffix(".stderr").read_text(encoding="utf-8") for path in CASES)
    language = {code for code in CODES if code < "CTC400"} - {"CTC005", "CTC111"}
    assert language == {code for code in language if f"[{code}]" in text}
