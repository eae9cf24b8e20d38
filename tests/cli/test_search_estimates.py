"""Columns of `ctcdsl search` that estimate how well a network learns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ctcdsl
from ctcdsl.cli.main import run

SPACE = """
input 3x16x16
classes 10
let k = 2 | 3
let w = 16 | 32
let d = 1..4
where k != 2 or d%2 == 0
(3,16) 2/2 (k,w)x(d) 2/2 (3,32)
head: gap fc
"""
BOUNDS = ("--macs", "<=1M", "--depth", "<=5")


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("space.ctc").write_text(SPACE, encoding="utf-8")


def test_columns_of_scores(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "space.ctc", *BOUNDS, "--format", "json", "--score", "synflow"]) == 0
    data = json.loads(capsys.readouterr().out)
    for design in data["front"]:
        score = ctcdsl.score(ctcdsl.loads(design["spec"]), "synflow")
        assert design["scores"] == {"synflow": score._asdict()}
    assert run(["search", "space.ctc", *BOUNDS, "--score", "synflow,naswot"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].endswith("log synflow       NASWOT  choices")
    first = data["front"][0]["scores"]["synflow"]
    assert f"{first['mean']:.1f} ± {first['deviation']:.1f}" in out.splitlines()[2]
    assert "choose by none alone" in " ".join(out.split())
    assert "No accuracy was measured" in out


def test_only_rows_that_are_shown_are_scored(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["search", "space.ctc", *BOUNDS, "--format", "json", "--score", "synflow"]
    assert run([*arguments, "--limit", "1"]) == 0
    front = json.loads(capsys.readouterr().out)["front"]
    assert len(front) > 1
    assert [("scores" in design) for design in front] == [True] + [False] * (len(front) - 1)


def test_scores_are_not_taken_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "space.ctc", *BOUNDS]) == 0
    out = capsys.readouterr().out
    assert "synflow" not in out and "NASWOT" not in out


def test_networks_without_relus(capsys: pytest.CaptureFixture[str]) -> None:
    text = SPACE.replace("let k", "style conv-gelu\npad paper\nlet k")
    Path("space.ctc").write_text(text, encoding="utf-8")
    assert run(["search", "space.ctc", *BOUNDS, "--score", "naswot"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and "CTC741" in printed.err
    text = SPACE.replace("(3,16) 2/2 (k,w)x(d) 2/2 (3,32)", "(3,16,gelu) < (3,16,gelu) | (3,32) >")
    Path("space.ctc").write_text(f"{text}", encoding="utf-8")
    arguments = ["search", "space.ctc", "--rank", "+params", "--score", "naswot"]
    assert run([*arguments, "--rank", "+params,activation-bytes"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:4]
    assert ["–" in row for row in rows] == [False, True]


def test_an_unknown_score(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "space.ctc", "--score", "synflow,beauty"]) == 2
    assert "'beauty' is not a score: naswot, synflow" in capsys.readouterr().err


def test_ctrl_c_leaves_the_rest_of_the_rows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ctcdsl.estimates import columns
    from ctcdsl.estimates.scores import Score

    scored: list[ctcdsl.Network] = []

    def score(network: ctcdsl.Network, kind: str) -> Score:
        if scored:
            raise KeyboardInterrupt
        scored.append(network)
        return Score(1.5, 0.5)

    monkeypatch.setattr(columns, "score_network", score)
    assert run(["search", "space.ctc", *BOUNDS, "--score", "naswot"]) == 130
    out = capsys.readouterr().out
    assert "1.5 ± 0.5" in out.splitlines()[2] and "–" in out.splitlines()[3]
    assert "Interrupted: 1 of" in out
