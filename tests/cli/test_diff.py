"""`ctcdsl diff`: which two networks it takes, and what it prints."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

TWO = "net One\npad same\n(3,8)\n\nnet Two\npad same\n(5,8)\n"
WIDTH = "let w = 8\npad same\n(3,w) (3,w)\n"


def test_two_built_in_networks(ctcdsl: Any) -> None:
    result = ctcdsl("diff", "A", "B")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].split() == ["layer", "A", "B", "map", "Δ", "MACs", "Δ", "parameters"]
    assert "+  stage3.conv4" in result.out and "… 4 equal layers" in result.out
    total = next(line for line in lines if line.startswith("MACs  "))
    assert total.split() == ["MACs", "854,954,688", "821,400,256", "-33,554,432", "0.9608"]
    assert "A MAC is two FLOPs" in result.out


def test_equal_networks_say_so(ctcdsl: Any) -> None:
    for other in ("A", "specs/A.ctc", "specs/table1.ctc"):
        result = ctcdsl("diff", "A", other, *(["--net", "A"] if "table" in other else []))
        name = "A" if other == "A" else other
        assert (result.code, result.err) == (0, "")
        assert result.out == f"A and {name} are equal: the same layers on the same maps\n"
    assert "stage1.conv" in ctcdsl("diff", "A", "A", "--all").out


def test_exit_code(ctcdsl: Any) -> None:
    assert ctcdsl("diff", "A", "A", "--exit-code").code == 0
    assert ctcdsl("diff", "A", "B", "--exit-code").code == 1
    assert ctcdsl("diff", "A", "B").code == 0


def test_the_two_networks_of_one_spec(ctcdsl: Any, tmp_path: Path) -> None:
    spec = tmp_path / "two.ctc"
    spec.write_text(TWO)
    for result in (ctcdsl("diff", spec), ctcdsl("diff", "-", stdin=TWO), ctcdsl("diff", stdin=TWO)):
        assert result.code == 0
        assert "(3,8,p1)" in result.out and "(5,8,p2)" in result.out and "One" in result.out
    backwards = ctcdsl("diff", spec, "--net", "Two", "--net", "One")
    assert backwards.out.splitlines()[0].split()[1:3] == ["Two", "One"]


def test_standard_input_and_another_spec(ctcdsl: Any) -> None:
    row = "(7,64)/2 3/3 (5,128) 2/2 (3,256)x3\n"
    assert ctcdsl("diff", "-", "A", stdin=row).out.startswith("stdin and A are equal")
    assert ctcdsl("diff", "-", "-", stdin=row).out.startswith("stdin and stdin are equal")


def test_a_spec_with_another_value(ctcdsl: Any, tmp_path: Path) -> None:
    spec = tmp_path / "wide.ctc"
    spec.write_text(WIDTH)
    for result in (ctcdsl("diff", spec, "-D", "w=16"), ctcdsl("diff", "-D", "w=16", stdin=WIDTH)):
        assert result.code == 0
        first, _, row, *_ = result.out.splitlines()
        assert "w=16" in first
        assert row.split()[:4] == ["~", "stage1.conv1", "(3,8,p1)", "(3,16,p1)"]


def test_a_network_before_and_after_a_pass(ctcdsl: Any) -> None:
    result = ctcdsl("diff", "A", "--pass", "depth-for-size:stage=3,to=2")
    rows, direct = (one.splitlines()[2:9] for one in (result.out, ctcdsl("diff", "A", "B").out))
    assert result.code == 0
    assert [row.split() for row in rows] == [row.split() for row in direct]
    assert result.out.splitlines()[0].split()[1:3] == ["before", "after"]


def test_networks_of_one_name_are_called_by_their_files(ctcdsl: Any, tmp_path: Path) -> None:
    files = []
    for name, row in (("old", "(3,8)"), ("new", "(5,8)")):
        file = tmp_path / f"{name}.ctc"
        file.write_text(f"net N\npad same\n{row}\n")
        files.append(file)
    assert f"{files[0]}" in ctcdsl("diff", *files).out.splitlines()[0]


def test_headers_that_differ(ctcdsl: Any, tmp_path: Path) -> None:
    file = tmp_path / "small.ctc"
    file.write_text("net Small\ninput 3x32x32 classes 10 pad same\n(3,8)\nhead: gap fc\n")
    lines = ctcdsl("diff", "A", file).out.splitlines()
    headers, blank = lines[:3], lines[3]
    assert headers == [
        *("input: 3x224x224 → 3x32x32", "classes: 1000 → 10", "pad: paper → same"),
    ]
    assert (blank, lines[4].split()[0]) == ("", "layer")


def test_json_and_csv_have_every_layer(ctcdsl: Any) -> None:
    data = json.loads(ctcdsl("diff", "A", "B", "--format", "json").out)
    assert (data["equal"], data["before"]["name"], data["after"]["file"]) == (False, "A", "B")
    assert data["ratio"]["macs"] == pytest.approx(0.960753, abs=1e-6)
    changes = [layer["change"] for layer in data["layers"]]
    assert changes.count("added") == 3 and changes.count("changed") == 3
    rows = list(csv.DictReader(io.StringIO(ctcdsl("diff", "A", "B", "--format", "csv").out)))
    assert [row["change"] for row in rows] == changes
    assert sum(int(row["MACs after"]) for row in rows) == data["after"]["macs"]
    assert data["layers"][-1]["before"]["spec"] == "fc(1000)"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["A", "B", "E"], 2, "Error: two networks are compared at a time"),
        (["A"], 2, "Error: A is one network: name a second spec or `--net`"),
        (["A", "B", "--pass", "x"], 2, "Error: --pass compares one network with its rewrite"),
        (["A", "-D", "w=3"], 2, "Error: -D w: no spec has a `let w`"),
        (["specs/table2.ctc"], 1, "= hint: choose two: `--net NAME --net NAME`"),
        (["specs/table2.ctc", "A"], 1, "= hint: choose one: `--net NAME`"),
        (["A", "resnet5"], 1, "= hint: did you mean `resnet50`?"),
        (["A", "B", "--metrics", "mac"], 1, "= hint: did you mean `macs`?"),
        (["A", "--pass", "depth-for-siz:stage=3"], 1, "depth-for-size"),
    ],
)
def test_mistakes(ctcdsl: Any, arguments: list[str], code: int, message: str) -> None:
    result = ctcdsl("diff", *arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
