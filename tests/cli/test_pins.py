"""`-D` with the name of a `def`: one network of a space."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ctcdsl.cli.main import run

SPACE = """
let block = one | two
let n = 1..2
def one(w) = (3,w)
def two(w) = (3,w) (3,w)
(3,8)/2 block(16)x(n)
head: gap fc
"""


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("space.ctc").write_text(SPACE, encoding="utf-8")


def depth(capsys: pytest.CaptureFixture[str], *pins: str) -> int:
    options = [part for pin in pins for part in ("-D", pin)]
    assert run(["cost", "space.ctc", *options, "--format", "json"]) == 0
    found: int = json.loads(capsys.readouterr().out)["networks"][0]["depth"]
    return found


def test_a_block_is_pinned(capsys: pytest.CaptureFixture[str]) -> None:
    assert depth(capsys, "block=one", "n=2") == 3
    assert depth(capsys, "block=two", "n=2") == 5
    assert run(["compile", "space.ctc", "-D", "block=two", "-D", "n=1"]) == 0


def test_what_is_left_open_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", "space.ctc", "-D", "block=one"]) == 1
    assert "`n` has 2 values: this is a space" in capsys.readouterr().err
    assert run(["cost", "space.ctc", "-D", "block=three", "-D", "n=1"]) == 1
    assert "CTC1" in capsys.readouterr().err
