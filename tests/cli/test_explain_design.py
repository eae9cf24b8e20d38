"""`ctcdsl explain-design`: the ledger, the command that it ends with, and what is left over."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

MINE = "net Mine\npad paper\nmaps 36 18 6\n(7,64)/2 3/3 (2,128)x4 2/2 (3,256)x2+(3,256,elu)\n"


def test_the_command_that_is_printed_gives_the_design(ctcdsl: Any, tmp_path: Path) -> None:
    result = ctcdsl("explain-design", "E", "--from", "specs/table1.ctc", "--from-net", "C")
    assert (result.code, result.err) == (0, "")
    line = result.out.splitlines()[-1]
    program, *words = shlex.split(line)
    assert program == "ctcdsl"
    rewritten = tmp_path / "E.ctc"
    assert ctcdsl(*words, "-o", str(rewritten)).code == 0
    assert ctcdsl("diff", str(rewritten), "E", "--exit-code").code == 0


def test_the_ledger_is_what_cost_says(ctcdsl: Any) -> None:
    data = json.loads(ctcdsl("explain-design", "J", "--from", "A", "--format", "json").out)
    costs = json.loads(ctcdsl("cost", "A", "B", "J", "--format", "json").out)["networks"]
    assert data["exact"] and data["shortest"] and data["remaining"] is None
    assert data["steps"][0]["pass"] == "depth-for-size:stage=3,to=2"
    found = (data["from"], data["steps"][0], data["steps"][-1])
    for ours, theirs in zip(found, costs, strict=True):
        for key in ("depth", "macs", "macs_fc", "params"):
            assert ours[key] == theirs[key]
    assert data["steps"][-1]["relative"] == pytest.approx(costs[2]["macs"] / costs[0]["macs"])


def test_what_is_left_over(ctcdsl: Any, tmp_path: Path) -> None:
    design, picture = tmp_path / "mine.ctc", tmp_path / "chain.svg"
    design.write_text(MINE, encoding="utf-8")
    result = ctcdsl(
        "explain-design", str(design), "--from", "A", "--max-steps", "2", "--graph", str(picture)
    )
    assert result.code == 0
    assert "1 pass, then an edit of 1 layer" in result.out
    rest = result.out.partition("left over, as an edit:\n")[2]
    changed = [line for line in rest.splitlines() if line.startswith(("~", "+", "-"))]
    assert len(changed) == 1 and ",elu)" in changed[0]
    assert "depth-for-size" in picture.read_text(encoding="utf-8")


def test_the_same_network(ctcdsl: Any) -> None:
    out = ctcdsl("explain-design", "A", "--from", "A").out
    assert out.startswith("A and A are the same network") and "ctcdsl rewrite" not in out


def test_wrong_usage(ctcdsl: Any) -> None:
    assert ctcdsl("explain-design", "A").code == 2
    result = ctcdsl("explain-design", "A", "--from", "nothing")
    assert result.code == 1 and "error[" in result.err
