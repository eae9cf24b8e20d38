"""`-D`: one value, an expression, and several values, which are a run each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SPEC = """\
net W
style conv-bn-relu
let w = 1
let d = 2
(3,round8(32*w))/2 (3,round8(64*w))x(d)/2
head: gap fc
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "w.ctc"
    path.write_text(SPEC)
    return str(path)


def test_cost_has_a_row_for_each_combination(ctcdsl: Any, spec: str) -> None:
    result = ctcdsl("cost", spec, "-D", "w=0.5,3/4", "-D", "d=1,2")
    rows = [line.split("  ")[0] for line in result.out.splitlines()[2:6]]
    assert rows == ["W w=0.5 d=1", "W w=0.5 d=2", "W w=0.75 d=1", "W w=0.75 d=2"]
    report = json.loads(ctcdsl("cost", spec, "-D", "w=1,0.5", "--format", "json").out)
    assert [net["values"] for net in report["networks"]] == [{"w": 1}, {"w": 0.5}]
    alone = json.loads(ctcdsl("cost", spec, "-D", "w=1/2", "--format", "json").out)["networks"][0]
    assert "values" not in alone and alone["name"] == "W"
    assert alone["macs"] == report["networks"][1]["macs"] < report["networks"][0]["macs"]
    piped = ctcdsl("cost", "-", "-D", "w=1,2", stdin=SPEC)
    assert "W w=2" in piped.out and piped.code == 0


def test_an_error_of_some_values_says_which(ctcdsl: Any, spec: str) -> None:
    result = ctcdsl("check", spec, "-D", "w=0.5,1", "-D", "d=1,1.5")
    assert result.code == 1
    assert "with w=0.5 d=1.5, w=1 d=1.5" in result.err and result.err.count("error[") == 1
    fine = ctcdsl("check", spec, "-D", "w=0.5,1")
    assert fine.code == 0 and "W w=0.5 ok: maps" in fine.out


def test_compile_writes_a_module_for_each_value(ctcdsl: Any, spec: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    result = ctcdsl("compile", spec, "-D", "w=0.5,1", "-o", str(folder))
    assert result.code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["W_w0_5.py", "W_w1.py"]
    alone = ctcdsl("compile", spec, "-D", "w=0.5")
    assert (folder / "W_w0_5.py").read_text() == alone.out
    refused = ctcdsl("compile", spec, "-D", "w=0.5,1")
    assert refused.code == 2 and "-o DIR" in refused.err


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("w=", "a value is missing"),
        ("w=1,,2", "a value is missing"),
        ("w=1/0", "'1/0' is not a number"),
        ("w=1,2/2", "2/2 is given twice"),
        ("w", "write w=64"),
        ("v=1", "no spec has a `let v`"),
    ],
)
def test_what_is_no_value(ctcdsl: Any, spec: str, value: str, message: str) -> None:
    result = ctcdsl("cost", spec, "-D", value)
    assert result.code == 2 and message in result.err


def test_a_name_is_given_once_and_other_commands_take_one_value(ctcdsl: Any, spec: str) -> None:
    assert "w is given twice" in ctcdsl("cost", spec, "-D", "w=1", "-D", "w=2").err
    for command in (["draw"], ["rewrite", "--pass", "fold-bn"], ["train"], ["eval"], ["compare"]):
        result = ctcdsl(*command, spec, "-D", "w=1,2")
        assert result.code == 2 and "works on one network" in result.err
