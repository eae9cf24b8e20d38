"""The picture of a front: which points it has, and that they are those of the table."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ctcdsl import designs
from ctcdsl.cli.chart import HEIGHT, WIDTH, chart
from ctcdsl.reporting import front as fronts
from ctcdsl.reporting.front import front_page, front_picture, trade
from ctcdsl.spaces.search import Search
from ctcdsl.text import Source, UserError

SPACE = """
let k = 2 | 3 | 5
let w = 32..128 by 32
let d = 1..6
where k != 2 or d%2 == 0
(7,64)/2 3/3 (k,w)x(d-1)+(k,128) 2/2 (3,256)x3
"""


def searched(**budget: str) -> Search:
    rank = ["params", "activation-bytes"]
    return designs.search(Source("space.ctc", SPACE), budget=budget or None, rank=rank)


def test_points_are_the_networks_within_the_budget() -> None:
    search = searched(macs="<=1.0*A")
    found = trade(search)
    costs = [(d.costs["params"], d.costs["activation-bytes"]) for d in search.designs()]
    assert sorted(found.others) == sorted(costs)
    assert found.front == tuple(
        (d.costs["params"], d.costs["activation-bytes"]) for d in search.front
    )
    assert set(found.front) == {  # by definition
        (x, y)
        for x, y in costs
        if not any((p <= x and q <= y) and (p, q) != (x, y) for p, q in costs)
    }
    assert sorted(found.best) == list(range(len(found.front)))  # two objectives: all of it


def test_of_three_objectives_the_line_is_that_of_two() -> None:
    space = SPACE.replace("(3,256)x3", "(3,v)x2+(3,256)").replace(
        "let d", "let v = 96..256 by 32\nlet d"
    )
    found = trade(designs.search(Source("space.ctc", space), budget={"macs": "0.9..1.0*A"}))
    assert 0 < len(found.best) < len(found.front)
    best = [found.front[k] for k in found.best]
    for x, y in found.front:  # more depth, less memory
        beaten = any(p >= x and q <= y and (p, q) != (x, y) for p, q in found.front)
        assert beaten is ((x, y) not in best)


def test_many_networks_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fronts, "MAX_POINTS", 10)
    assert 5 <= len(trade(searched()).others) <= 10
    monkeypatch.setattr(fronts, "MAX_LISTED", 20)
    assert trade(searched()).others == ()


def test_the_picture_has_a_number_for_each_row() -> None:
    search = searched(macs="<=1.0*A")
    svg = front_picture(search).svg()
    for number, design in enumerate(search.front, start=1):
        assert f"{number}: {design.title}" in svg
    assert "parameters" in svg and "activation bytes" in svg
    page = front_page(search)
    assert "<h2>parameters against activation bytes</h2>" in page.html
    assert page.html.count("<h3>") == min(len(search.front), fronts.MAX_ON_PAGE)


def test_nothing_fits() -> None:
    with pytest.raises(UserError) as caught:
        front_picture(searched(macs="<=1k"))
    assert caught.value.diagnostics[0].code == "CTC721"


def test_the_command(ctcdsl: Any, tmp_path: Path) -> None:
    file = tmp_path / "space.ctc"
    file.write_text(SPACE, encoding="utf-8")
    for name, begins in (("f.svg", "<svg"), ("f.html", "<!doctype html>")):
        result = ctcdsl("search", str(file), "--plot", str(tmp_path / name))
        assert result.code == 0 and f"front drawn in {tmp_path / name}" in result.err
        assert (tmp_path / name).read_text(encoding="utf-8").lower().startswith(begins)
    assert ctcdsl("search", str(file), "--plot", "f.pdf").code == 2
    assert "CTC608" in ctcdsl("search", str(file), "--plot", "gone/f.svg").err
    result = ctcdsl("search", str(file), "--format", "chart")
    assert result.code == 0 and "┤" in result.out and "choices" in result.out
    both = ctcdsl("search", str(file), "--plot", str(tmp_path / "f.svg"), "--format", "json")
    assert json.loads(both.out)["front"]


def test_a_chart_has_every_point_at_its_place() -> None:
    numbered = [(x, y) for x, y in product((0.0, 50.0, 100.0), (0.0, 10.0))]
    text = chart(numbered, [(25.0, 5.0), (100.0, 10.0)], ("across", "up"))
    lines = text.splitlines()
    assert lines[0].strip() == "up" and lines[-1].strip() == "across"
    grid = [line.partition("┤")[2] or line.partition("│")[2] for line in lines[1 : HEIGHT + 1]]
    grid = [line.ljust(WIDTH) for line in grid]
    assert (grid[-1][0], grid[0][0], grid[-1][-1], grid[0][-1]) == ("1", "2", "5", "6")
    assert sum(line.count("·") for line in grid) == 1  # a number is above a dot
