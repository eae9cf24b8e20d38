"""Columns of `ctcdsl search` that estimate how well a network learns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ctcdsl
from ctcdsl.cli.main import run
from tests.conftest import ROOT

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


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["search", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


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


RESULTS = (
    *("--results", str(ROOT / "benchmarks" / "cifar" / "compare.csv")),
    *(
        part
        for spec in (ROOT / "benchmarks" / "cifar").glob("*.ctc")
        for part in ("--trained", str(spec))
    ),
)
SMALL = """
input 3x24x24
classes 10
let k = 2 | 3
let w = 16..64 by 16
let d = 2..8
where k != 2 or d%2 == 0
(3,16) 2/2 (3,32) 2/2 (k,w)x(d)
head: gap fc
"""


def test_a_column_of_predicted_errors(capsys: pytest.CaptureFixture[str]) -> None:
    Path("small.ctc").write_text(SMALL, encoding="utf-8")
    arguments = ["search", "small.ctc", "--macs", "4M..6M", *RESULTS]
    assert run([*arguments, "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    specs = sorted((ROOT / "benchmarks" / "cifar").glob("*.ctc"))
    model = ctcdsl.fit_results(RESULTS[1], specs)
    for design in data["front"]:
        assert design["prediction"] == model.predict(ctcdsl.loads(design["spec"]))._asdict()
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].endswith("predicted top-1 %  choices")
    said = " ".join(out.split())
    assert (
        "a model of 10 results. Leaving one out, it is wrong by 1.47 points, and the mean" in said
    )
    assert "Extrapolated, beyond the results in" in said


def test_the_front_may_compare_predictions(capsys: pytest.CaptureFixture[str]) -> None:
    Path("small.ctc").write_text(SMALL, encoding="utf-8")
    arguments = ["search", "small.ctc", "--macs", "3M..6M", "--rank", "predicted,macs"]
    assert "CTC725" in failure(capsys, *arguments[1:])
    assert run([*arguments, *RESULTS, "--format", "json", "--limit", "99"]) == 0
    data = json.loads(capsys.readouterr().out)
    front = [(design["prediction"]["mean"], design["macs"]) for design in data["front"]]
    assert [error for error, _ in front] == [design["predicted"] for design in data["front"]]
    every = [(design["predicted"], design["macs"]) for design in data["designs"]]
    assert len(every) == data["count"] > len(front) > 1
    best = {
        (error, macs)
        for error, macs in every
        if not any(
            one <= error and other <= macs and (one, other) != (error, macs) for one, other in every
        )
    }
    assert sorted(front) == sorted(best)
    assert run([*arguments, *RESULTS, "--plot", "front.svg"]) == 0
    assert "predicted top-1 %" in Path("front.svg").read_text(encoding="utf-8")


def test_the_best_have_estimates_too(capsys: pytest.CaptureFixture[str]) -> None:
    Path("small.ctc").write_text(SMALL, encoding="utf-8")
    arguments = ["search", "small.ctc", "--macs", "3M..6M", "--rank", "predicted", "--best", "3"]
    arguments += [*RESULTS, "--score", "synflow"]
    assert run([*arguments, "--format", "json", "--limit", "99"]) == 0
    data = json.loads(capsys.readouterr().out)
    errors = [design["prediction"]["mean"] for design in data["best"]]
    assert errors == sorted(design["predicted"] for design in data["designs"])[:3]
    for design in data["best"]:
        score = ctcdsl.score(ctcdsl.loads(design["spec"]), "synflow")
        assert design["scores"]["synflow"]["mean"] == pytest.approx(score.mean)
    assert not any("scores" in design for design in data["front"])
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert "log synflow  predicted top-1 %  choices" in out
    said = " ".join(out.split())
    assert "3 networks of the least predicted top-1 %" in said
    assert "Scores rise with layers that make networks worse" in said


def test_results_that_cannot_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    Path("small.ctc").write_text(SMALL, encoding="utf-8")
    assert "CTC743" in failure(capsys, "small.ctc", *RESULTS[:2])
    Path("few.csv").write_text("network,top-1 %\nA,37.4\nB,35.7\n", encoding="utf-8")
    assert "2 results are too few" in failure(capsys, "small.ctc", "--results", "few.csv")
    assert "CTC751" in failure(capsys, "small.ctc", "--results", "none.csv")
    other = SMALL.replace("classes 10", "classes 100")
    Path("small.ctc").write_text(other, encoding="utf-8")
    assert "CTC743" in failure(capsys, "small.ctc", "--macs", "4M..6M", *RESULTS)
    assert run(["search", "small.ctc", *RESULTS[2:]]) == 2
    assert "--trained is for --results" in capsys.readouterr().err


def test_too_many_to_predict_each(capsys: pytest.CaptureFixture[str]) -> None:
    text = SMALL.replace("16..64 by 16", "16..4096")
    Path("small.ctc").write_text(text, encoding="utf-8")
    error = failure(capsys, "small.ctc", "--rank", "predicted,macs", *RESULTS)
    assert "CTC722" in error and "predicted has a value for whole networks alone" in error
