"""`ctcdsl report`: what it writes, and what it says of wrong input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

RUNS = "network,top-1 %\nA,37.4\nB,35.7\n"
NOTE = "(and 1 more like it)\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs.csv").write_text(RUNS, encoding="utf-8")
    return tmp_path


def told(result: Any) -> str:
    """Standard error without the note on heads."""
    assert "Traceback" not in result.err
    return str(result.err.partition(NOTE)[2] if NOTE in result.err else result.err)


def test_a_report_in_a_file_and_on_standard_output(ctcdsl: Any, place: Path) -> None:
    result = ctcdsl("report", "A", "B", "--results", "runs.csv", "-o", "report.html")
    assert result.code == 0 and result.out == ""
    assert told(result) == "A, B reported in report.html\n"
    html = (place / "report.html").read_text(encoding="utf-8")
    assert "Complexity against error" in html and html.startswith("<!DOCTYPE html>")
    assert ctcdsl("report", "A", "B", "--results", "runs.csv").out == html


def test_values_name_the_networks(ctcdsl: Any, place: Path) -> None:
    result = ctcdsl("report", "mobilenet_v2", "-D", "w=0.5,1", "--metrics", "params")
    assert "MobileNetV2 w=0.5" in result.out and "MobileNetV2 w=1" in result.out
    assert "fc MACs" not in result.out


def test_a_name_that_the_results_spell_otherwise(ctcdsl: Any, place: Path) -> None:
    result = ctcdsl("report", "A", "C", "--results", "runs.csv", "-o", "report.html")
    assert result.code == 0
    assert told(result) == (
        "warning[CTC961]: the report has no network `B`: left out\n --> runs.csv\n"
        " = hint: the networks are `A`, `C`\n"
        "warning[CTC962]: no result for `C`: missing in the picture of errors\n --> runs.csv\n"
        "2 warnings\n"
        "A, C reported in report.html\n"
    )


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (
            "network,MACs\nA,1\n",
            "error[CTC751]: the results have no column `top-1 %`: the columns are `network`,"
            " `MACs`\n --> runs.csv\n"
            " = hint: `ctcdsl compare … --format csv` writes such a table\n1 error\n",
        ),
        (
            "network,top-1 %\nX,3\n",
            "error[CTC752]: no network of the report has a result: these are of `X`\n"
            " --> runs.csv\n = hint: the networks are `A`, `B`\n1 error\n",
        ),
    ],
)
def test_results_that_cannot_be_used(ctcdsl: Any, place: Path, results: str, expected: str) -> None:
    (place / "runs.csv").write_text(results, encoding="utf-8")
    result = ctcdsl("report", "A", "B", "--results", "runs.csv", "-o", "report.html")
    assert (result.code, result.out, told(result)) == (1, "", expected)
    assert not (place / "report.html").exists()


def test_results_that_are_not_there(ctcdsl: Any, place: Path) -> None:
    result = ctcdsl("report", "A", "B", "--results", "none.csv")
    assert result.code == 1 and result.out == ""
    assert "CTC751" in told(result) and "no such file or directory\n --> none.csv" in told(result)


def test_a_path_that_cannot_be_written(ctcdsl: Any, place: Path) -> None:
    result = ctcdsl("report", "A", "B", "-o", "none/report.html")
    assert result.code == 1
    assert "error[CTC608]: cannot write the file: no such file or directory" in told(result)
    (place / "folder").mkdir()
    result = ctcdsl("report", "A", "B", "-o", "folder")
    assert result.code == 1 and "that is a folder: name a file in it" in told(result)


def test_a_metric_that_is_unknown(ctcdsl: Any, place: Path) -> None:
    result = ctcdsl("report", "A", "--metrics", "parms")
    assert result.code == 1 and "did you mean `params`?" in result.err
