"""The command line as its users and other tools see it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ctcdsl import __version__
from ctcdsl.cli.main import COMMANDS
from tests.conftest import ROOT


def test_help_and_version(ctcdsl: Any) -> None:
    assert f"ctcdsl, version {__version__}" in ctcdsl("--version").out
    text = ctcdsl("--help").out
    for command in COMMANDS:
        assert command in text
        assert "Usage: ctcdsl" in ctcdsl(command, "--help").out


def test_wrong_usage_exits_with_2(ctcdsl: Any) -> None:
    for arguments in (["nonsense"], ["cost", "--format", "xml"], ["cost", "--input", "3x"]):
        result = ctcdsl(*arguments)
        assert result.code == 2
        assert "Error:" in result.err
    assert "Did you mean 'cost'?" in ctcdsl("costs").err


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("specs/missing.ctc", "no such file"),
        ("specs", "is a directory"),
        ("README", "specs end in .ctc"),
    ],
)
def test_specs_that_cannot_be_read(ctcdsl: Any, file: str, expected: str) -> None:
    for command in ("check", "cost", "compile", "fmt"):
        result = ctcdsl(command, file)
        assert result.code == 1
        assert "error[CTC005]" in result.err and expected in result.err and file in result.err


def test_a_spec_without_permission(ctcdsl: Any, tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(path: str) -> bytes:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("ctcdsl.text.files._read", refuse)
    result = ctcdsl("check", "specs/A.ctc")
    assert result.code == 1 and "permission denied" in result.err


def test_one_bad_file_does_not_hide_the_others(ctcdsl: Any) -> None:
    result = ctcdsl("check", "tests/errors/unknown_layer.ctc", "specs/missing.ctc", "specs/A.ctc")
    assert result.code == 1
    assert "CTC101" in result.err and "CTC005" in result.err
    assert "A ok" in result.out


# ----------------------------------------------------------------- check, fmt


def test_check_as_json(ctcdsl: Any) -> None:
    result = ctcdsl("check", "tests/errors/unknown_layer.ctc", "specs/A.ctc", "--format", "json")
    assert result.code == 1
    report = json.loads(result.out)
    assert report["networks"] == [
        {"name": "A", "file": "specs/A.ctc", "maps": [[n, n] for n in (109, 36, 18, 18, 18)]}
    ]
    error = report["diagnostics"][0]
    assert (error["code"], error["severity"]) == ("CTC101", "error")
    label = error["labels"][0]
    assert (label["line"], label["column"], label["end_column"]) == (1, 22, 25)


def test_check_as_sarif(ctcdsl: Any) -> None:
    result = ctcdsl(
        "check", "tests/errors/classifier_twice.ctc", "specs/none.ctc", "--format", "sarif"
    )
    assert result.code == 1
    log = json.loads(result.out)
    (run_,) = log["runs"]
    assert log["version"] == "2.1.0" and run_["columnKind"] == "unicodeCodePoints"
    rules = [rule["id"] for rule in run_["tool"]["driver"]["rules"]]
    head, missing = run_["results"]
    assert [head["ruleId"], missing["ruleId"]] == ["CTC301", "CTC005"]
    assert rules[head["ruleIndex"]] == "CTC301" and head["level"] == "error"
    assert "hint: write `fc(n)`" in head["message"]["text"]
    place = head["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "tests/errors/classifier_twice.ctc"
    assert place["region"] == {"startLine": 1, "startColumn": 17, "endLine": 1, "endColumn": 19}
    assert head["relatedLocations"][0]["message"]["text"].startswith("`fc` alone")
    file = missing["locations"][0]["physicalLocation"]["artifactLocation"]
    assert file == {"uri": "specs/none.ctc"}


def test_check_as_github_annotations(ctcdsl: Any) -> None:
    result = ctcdsl(
        "check", "tests/errors/unknown_layer.ctc", "specs/E_prime.ctc", "--format", "github"
    )
    assert result.code == 1
    error, *notes = result.out.splitlines()
    assert error == (
        "::error file=tests/errors/unknown_layer.ctc,line=1,col=22,endLine=1,endColumn=25,"
        "title=CTC101::unknown layer `gpa`%0Ahint: did you mean `gap`?"
    )
    assert len(notes) == 2 and all(note.startswith("::notice file=specs/") for note in notes)


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_every_format_has_the_same_exit_codes(ctcdsl: Any, form: str) -> None:
    for path in (ROOT / "tests" / "errors").glob("*.ctc"):
        result = ctcdsl("check", str(path.relative_to(ROOT)), "--format", form)
        assert result.code == 1 and "CTC" in result.out + result.err
    assert ctcdsl("check", "specs/A.ctc", "--format", form).code == 0


def test_fmt_writes_checks_and_shows(ctcdsl: Any, tmp_path: Path) -> None:
    spec = tmp_path / "a.ctc"
    spec.write_text("( 7,64 )/2   3/3 # note", encoding="utf-8")
    before = spec.read_bytes()
    assert ctcdsl("fmt", "--check", str(spec)).code == 1
    assert "+(7,64)/2 3/3  # note" in ctcdsl("fmt", "--diff", str(spec)).out
    assert spec.read_bytes() == before
    assert ctcdsl("fmt", str(spec)).code == 0
    assert spec.read_text(encoding="utf-8") == "(7,64)/2 3/3  # note\n"
    assert ctcdsl("fmt", "--check", str(spec)).code == 0
    assert ctcdsl("fmt", "-", stdin="(3,8) * 2").out == "(3,8)x2\n"
    assert ctcdsl("fmt", "--unicode", "-", stdin="(3,8)*2").out == "(3,8)×2\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.ctc"]


def test_fmt_leaves_a_wrong_spec_alone(ctcdsl: Any, tmp_path: Path) -> None:
    spec = tmp_path / "a.ctc"
    spec.write_text("(7,64", encoding="utf-8")
    result = ctcdsl("fmt", str(spec))
    assert result.code == 1 and "CTC003" in result.err
    assert spec.read_text(encoding="utf-8") == "(7,64"


# -------------------------------------------------------------------- compile


def test_compile_to_a_file_and_to_standard_output(ctcdsl: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    assert ctcdsl("compile", "specs/J_prime.ctc", "-o", str(path)).code == 0
    out = ctcdsl("compile", "specs/J_prime.ctc").out
    assert path.read_text(encoding="utf-8") == out
    assert "class JPrime(nn.Module):" in out


def test_compile_one_network_of_a_table(ctcdsl: Any) -> None:
    result = ctcdsl("compile", "specs/table1.ctc")
    assert result.code == 1 and "CTC111" in result.err and "--net" in result.err
    assert "class J(nn.Module)" in ctcdsl("compile", "specs/table1.ctc", "--net", "J").out
    assert "did you mean" in ctcdsl("compile", "specs/table2.ctc", "--net", "J").err


def test_output_that_cannot_be_written(
    ctcdsl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = ctcdsl("compile", "specs/A.ctc", "-o", str(tmp_path / "no" / "model.py"))
    assert result.code == 1 and "CTC608" in result.err and "make its folder first" in result.err
    result = ctcdsl("compile", "specs/A.ctc", "-o", str(tmp_path))
    assert result.code == 1 and "CTC608" in result.err

    target = tmp_path / "model.py"
    target.write_text("before", encoding="utf-8")

    def refuse(temporary: str, final: str) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        result = ctcdsl("compile", "specs/A.ctc", "-o", str(target))
    assert result.code == 1 and "permission denied" in result.err
    assert "a folder that you may write to" in result.err
    assert target.read_text(encoding="utf-8") == "before"

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = ctcdsl("compile", "specs/A.ctc", "-o", str(target))
    assert result.code == 1 and "free some space" in result.err
    assert target.read_text(encoding="utf-8") == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["model.py"]


def test_a_warning_of_swapped_numbers_explains_an_error(ctcdsl: Any) -> None:
    found = ctcdsl("check", "-", stdin="input 224x224x3\n(7,64)/2 gap fc\n")
    assert found.code == 1
    assert "channels come first: `input 3x224x224`" in found.err and "CTC201" in found.err
    found = ctcdsl("check", "-", stdin="(64,3) gap fc\n")
    assert found.code == 1
    assert "`(3,64)` is 64 filters of 3x3" in found.err and "CTC204" in found.err


def test_a_pool_is_quoted_from_its_word_on(ctcdsl: Any) -> None:
    found = ctcdsl("check", "-", stdin="input 3x7x7\npad same\n(3,8) max(7)/1 fc\n")
    assert "`max(7)/1` covers its whole 7x7 map" in found.err
