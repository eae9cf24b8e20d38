"""Every error under tests/errors/ has its exact message recorded beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ctcdsl.cli.main import run
from ctcdsl.text.codes import codes
from tests.conftest import ROOT

ERRORS = ROOT / "tests" / "errors"
CASES = sorted(ERRORS.glob("*.ctc"))
WARNINGS = sorted((ERRORS / "warnings").glob("*.ctc"))


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


@pytest.mark.parametrize("path", WARNINGS, ids=lambda path: path.stem)
def test_warning(
    path: Path, golden: Callable[[Path, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(path.relative_to(ROOT))]) == 0
    printed = capsys.readouterr()
    assert " ok: maps" in printed.out
    assert "error[" not in printed.err
    golden(path.with_suffix(".stderr"), printed.err)


def test_no_recorded_message_is_left_over() -> None:
    recorded = {path.with_suffix("") for path in ERRORS.rglob("*.stderr")}
    assert recorded == {path.with_suffix("") for path in CASES + WARNINGS}
    assert len(CASES) >= 110


def test_a_message_is_given_once() -> None:
    for path in CASES:
        text = path.with_suffix(".stderr").read_text(encoding="utf-8")
        errors = text.split("error[")[1:]
        assert len(set(errors)) == len(errors), path


def test_every_code_of_the_language_is_triggered() -> None:
    """CTC005 is of files and CTC111 of options, tested in test_cli.py; `check` takes what CTC119 is
    about; CTC903 needs `--input`;
    CTC91x are the training's.
    """
    elsewhere = {"CTC005", "CTC111", "CTC119", "CTC903"}
    language = {c for c in codes() if c < "CTC400" or "CTC900" < c < "CTC910"} - elsewhere
    text = "".join(path.read_text(encoding="utf-8") for path in ERRORS.rglob("*.stderr"))
    assert language == {code for code in language if f"[{code}]" in text}


def test_every_other_code_is_named_by_a_test() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    # The passes' own codes (CTC4xx, CTC502, CTC503) come with the passes' tests.
    others = {code for code in codes() if "CTC600" < code < "CTC900"}
    others |= {"CTC005", "CTC111", "CTC119", "CTC501", "CTC903"}
    assert {code for code in others if code not in text} == set()


def test_a_range_with_a_minus_explains_the_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "space.ctc"
    spec.write_text("let w = 16-512\n(3,w)\n", encoding="utf-8")
    assert run(["check", str(spec)]) == 1
    printed = capsys.readouterr().err
    assert "warning[CTC926]" in printed and "a range is written `16..512`" in printed
    assert "not -496" in printed
