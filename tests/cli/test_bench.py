"""`ctcdsl bench`: its tables, its JSON, its options."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from ctcdsl.metrics.latency_table import HeldOut
from ctcdsl.timing import table
from tests.support.latency import linear_table

# torch's own modules use what torch itself calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")

SMALL = "net Small\ninput 3x24x24\nclasses 3\n(3,8)/2 2/2\nhead: gap fc\n"


def test_a_table_of_tasks(ctcdsl: Any) -> None:
    result = ctcdsl("bench", "-", "--runs", "3", stdin=SMALL)
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].split() == ["network", "task", "batch", "ms", "spread", "images/s", "GMACs/s"]
    assert [line.split()[1] for line in lines[2:5]] == ["forward", "training", "ten"]
    text = " ".join(lines)
    assert "1 thread, torch" in text and "median processor time" in text


def test_the_layers_of_a_pass(ctcdsl: Any) -> None:
    options = ("--runs", "3", "--tasks", "forward", "--layers")
    result = ctcdsl("bench", "-", *options, stdin=SMALL)
    assert "\nSmall, forward pass of 1 image\n" in result.out
    assert [
        line.split()[0] for line in result.out.splitlines() if line.startswith(("stage", "head"))
    ] == ["stage1.conv", "stage1.pool", "head.gap", "head.fc"]
    rows = list(
        csv.DictReader(
            io.StringIO(ctcdsl("bench", "-", *options, "--format", "csv", stdin=SMALL).out)
        )
    )
    assert rows[0]["layer"] == "stage1.conv" and float(rows[0]["seconds"]) > 0


def test_results_for_programs(ctcdsl: Any) -> None:
    options = ("--runs", "3", "--tasks", "forward,train", "--batch", "1,2")
    report = json.loads(ctcdsl("bench", "-", *options, "--format", "json", stdin=SMALL).out)
    assert set(report["device"]) == {"processor", "threads", "torch", "precision", "compiled"}
    first = report["timings"][0]
    assert (first["name"], first["task"], first["batch"]) == ("Small", "forward", 1)
    assert len(first["runs"]) == 3 and min(first["runs"]) <= first["median"] <= max(first["runs"])
    result = ctcdsl("bench", "-", *options, "--format", "csv", stdin=SMALL)
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert [(row["task"], row["batch"]) for row in rows] == [
        *(("forward", "1"), ("train", "1")),
        *(("forward", "2"), ("train", "2")),
    ]
    assert "median processor time" in " ".join(result.err.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tasks", "test"), "'test': write forward, train, views, or several: forward,train"),
        (("--batch", "0"), "'0': write a number of images, or several: 1,8,32"),
        (("--batch", "8,"), "'8,': write a number of images"),
        (("--runs", "2"), "2 is not in the range x>=3"),
    ],
)
def test_options_that_say_nothing(ctcdsl: Any, arguments: tuple[str, ...], message: str) -> None:
    result = ctcdsl("bench", "-", *arguments, stdin=SMALL)
    assert result.code == 2 and message in result.err


def test_what_cannot_be_timed(ctcdsl: Any, tmp_path: Path) -> None:
    result = ctcdsl("bench", tmp_path / "none.ctc")
    assert result.code == 1 and "CTC" in result.err
    result = ctcdsl("bench", "-", "--layers", "--tasks", "train", stdin=SMALL)
    assert result.code == 1
    assert "error[CTC736]: layers are timed in a forward pass\n" in result.err
    assert "--tasks forward" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--table",), "--table needs a file to write: -o device.json"),
        (("-o", "x.json"), "-o is the file of a table: add --table"),
        (("A", "--table", "-o", "x.json"), "--table is of the device, not of A: leave that out"),
        (("--table", "-o", "x.json", "--runs", "9"), "--table does not take --runs"),
        (("--table", "-o", "x.json", "--batch", "1,2"), "a table is of one --batch"),
    ],
)
def test_options_that_a_table_does_not_take(
    ctcdsl: Any, arguments: tuple[str, ...], message: str
) -> None:
    result = ctcdsl("bench", *arguments)
    assert result.code == 2 and message in result.err


def test_a_table_that_could_not_be_written_is_not_measured(ctcdsl: Any, tmp_path: Path) -> None:
    result = ctcdsl("bench", "--table", "-o", tmp_path / "no" / "x.json")
    assert result.code == 1 and "CTC608" in result.err


def test_a_table_is_written_and_shown(
    ctcdsl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "device.json"
    monkeypatch.setattr(table, "build_table", lambda *_: linear_table())
    result = ctcdsl("bench", "--table", "-o", path)
    assert result.code == 0 and f"table written to {path}" in result.err
    assert result.out.splitlines()[0].split() == ["network", "measured", "predicted", "error"]
    text = " ".join(result.out.split())
    assert "Peaks: 50.0 GMACs/s, 10.0 GB/s." in text
    assert ctcdsl("cost", "A", "--latency", path).code == 0
    bad = linear_table(held_out=(HeldOut("One", 1.0, 2.0),))
    monkeypatch.setattr(table, "build_table", lambda *_: bad)
    result = ctcdsl("bench", "--table", "-o", path)
    assert result.code == 1 and "error[CTC733]: the latency table is not good enough" in result.err


def test_measured_and_predicted_side_by_side(ctcdsl: Any, tmp_path: Path) -> None:
    path = tmp_path / "device.json"
    table.write_table(linear_table(), path)
    options = ("--tasks", "forward", "--runs", "3", "--latency", path)
    result = ctcdsl("bench", "-", *options, stdin=SMALL)
    assert result.out.splitlines()[0].split()[-2:] == ["predicted", "error"]
    result = ctcdsl("bench", "-", *options, "--threads", "2", stdin=SMALL)
    assert result.code == 1 and "it is of 1 thread, and this is 2 threads" in result.err
