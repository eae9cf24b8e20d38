"""`ctcdsl search`: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ctcdsl.cli.main import run

SPACE = """
let k = 2 | 3 | 5
let w = 32..128 by 32
let d = 1..6
where k != 2 or d%2 == 0
(7,64)/2 3/3 (k,w)x(d-1)+(k,128) 2/2 (3,256)x3
"""


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("space.ctc").write_text(SPACE, encoding="utf-8")


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["search", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "space.ctc", "--macs", "0.95..1.0*A", "--depth", ">=8"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split("  ")[0] == "#"
    assert "2 of 54 networks are within the budget" in out
    assert "No accuracy was measured" in out


def test_checking_a_space(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "space.ctc"]) == 0
    assert "space ok: a space of 54 networks: 5 to 10 layers" in capsys.readouterr().out
    assert run(["check", "space.ctc", "-D", "w=64", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["spaces"][0]["designs"] == 15
    Path("space.ctc").write_text(SPACE.replace("(3,256)", "(3,silo)"), encoding="utf-8")
    assert run(["check", "space.ctc"]) == 1
    error = capsys.readouterr().err
    assert "CTC112" in error
    assert "CTC119" not in error


def test_counting(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "space.ctc", "--macs", "0.95..1.0*A", "--count"]) == 0
    assert capsys.readouterr().out == "4 of 54 networks\n"
    assert run(["search", "space.ctc", "--count", "--format", "json", "-D", "k=3|5"]) == 0
    assert json.loads(capsys.readouterr().out) == {"space": {"designs": 42}, "count": 42}


def test_json_has_every_design_within_the_budget(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["search", "space.ctc", "--macs", "0.95..1.0*A", "--format", "json"]
    assert run(arguments) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["space"]["designs"] == 54
    assert data["count"] == len(data["designs"]) == 4
    assert {design["spec"] for design in data["front"]} <= {d["spec"] for d in data["designs"]}
    assert set(data["designs"][0]["choices"]) <= {"k", "w", "d"}
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out) == data  # the same again


def test_a_picked_network_costs_what_the_table_says(capsys: pytest.CaptureFixture[str]) -> None:
    bounds = ["--macs", "<=1.0*A", "--depth", ">=8"]
    assert run(["search", "space.ctc", *bounds, "--format", "json"]) == 0
    first = json.loads(capsys.readouterr().out)["front"][0]
    assert run(["search", "space.ctc", *bounds, "--pick", "1", "-o", "net.ctc"]) == 0
    capsys.readouterr()
    assert run(["cost", "net.ctc", "--format", "json"]) == 0
    (network,) = json.loads(capsys.readouterr().out)["networks"]
    assert (network["macs"], network["params"]) == (first["macs"], first["params"])
    assert "CTC726" in failure(capsys, "space.ctc", *bounds, "--pick", "999")


def test_a_budget_of_a_file_and_options_hold_together(capsys: pytest.CaptureFixture[str]) -> None:
    Path("budget.toml").write_text('macs = "0.95..1.0*A"\n', encoding="utf-8")
    arguments = ["search", "space.ctc", "--budget", "budget.toml", "--count"]
    assert run([*arguments, "--depth", ">=8"]) == 0
    assert capsys.readouterr().out == "2 of 54 networks\n"
    assert "CTC715" in failure(capsys, *arguments[1:], "--macs", "<=0.5*A")


def test_each_bound_of_an_option_given_twice_holds(capsys: pytest.CaptureFixture[str]) -> None:
    counts = []
    for bounds in (["--depth", "8..10"], ["--depth", ">=8", "--depth", "<=10"]):
        assert run(["search", "space.ctc", *bounds, "--count"]) == 0
        counts.append(capsys.readouterr().out)
    assert counts[0] == counts[1] != "54 of 54 networks\n"
    assert "CTC715" in failure(capsys, "space.ctc", "--macs", ">=5M", "--macs", "<=1M")


@pytest.mark.parametrize("option", [("--plot", "x.svg"), ("--pick", "1"), ("--best", "2")])
def test_a_count_refuses_what_it_would_ignore(
    option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", "space.ctc", "--count", *option]) == 2
    assert option[0] in capsys.readouterr().err


def test_a_device_without_a_bound_on_memory_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "space.ctc", "--device", "mcu", "--macs", "<=6M"]) == 2
    assert "--device is for --memory" in capsys.readouterr().err


def test_what_only_whole_networks_have_is_checked_of_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["search", "space.ctc", "--macs", "0.95..1.0*A", "--count"]
    assert run([*arguments, "--memory", "<=304.6MB"]) == 0
    some = int(capsys.readouterr().out.split()[0])
    assert some == 2


def test_rails_hold_for_networks_that_are_checked_one_by_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["search", "space.ctc", "--memory", "<=1GB", "--format", "json"]
    for depth in (10, 7):
        assert run([*arguments, "--max-depth", str(depth)]) == 0
        front = json.loads(capsys.readouterr().out)["front"]
        assert max(design["depth"] for design in front) == depth


def test_where_the_rails_leave_nothing_they_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["search", "space.ctc", "--max-depth", "2"]) == 0
    assert "None keeps to these: --min-width, --max-depth" in capsys.readouterr().out


def test_a_picture_as_png(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "space.ctc", "--macs", "0.95..1.0*A", "--plot", "front.png"]) == 0
    assert "front drawn in front.png" in capsys.readouterr().err
    assert Path("front.png").read_bytes().startswith(b"\x89PNG")
    assert run(["search", "space.ctc", "--plot", "front.gif"]) == 2
    assert "FILE.svg, FILE.png" in capsys.readouterr().err


def test_nothing_fits(capsys: pytest.CaptureFixture[str]) -> None:
    error = failure(capsys, "space.ctc", "--macs", "<=0.2*A")
    assert "CTC721" in error
    assert "`--macs <=0.2*A` binds: it takes at least" in error
    assert "the nearest network: d=2 k=2 w=32" in error
    error = failure(capsys, "space.ctc", "--depth", ">=10", "--macs", "<=0.5*A")
    assert "binds" in error
    assert "CTC122" in failure(capsys, "space.ctc", "-D", "k=2", "-D", "d=3")


def test_a_memory_that_is_too_small_names_the_block(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mobile.ctc").write_text(
        "style conv-bn-relu6\ninput 3x96x96 | 3x128x128\n"
        "def ir(t,n) = [ (1,t*c) (3,dw) (1,n,linear) | id? ]\n"
        "(3,16)/2 ir(<4|6>,24)x2/2\nhead: gap fc(10)\n",
        encoding="utf-8",
    )
    arguments = ("mobile.ctc", "--device", "mcu", "--memory", "<=64KB")
    error = failure(capsys, *arguments)
    assert "its stage1.ir1 is too large" in error


def test_wrong_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert "CTC727" in failure(capsys, "space.ctc", "-D", "k=2,")
    assert "CTC111" in failure(capsys, "space.ctc", "-D", "q=2")
    assert "CTC714" in failure(capsys, "space.ctc", "--macs", "1G")
    assert "CTC725" in failure(capsys, "space.ctc", "--rank", "latency")
    assert "CTC701" in failure(capsys, "space.ctc", "--rank", "beauty")
    assert "CTC732" in failure(capsys, "space.ctc", "--latency", "<=5ms")
    assert run(["search", "space.ctc", "-o", "net.ctc"]) == 2
    assert "--pick" in capsys.readouterr().err
    assert run(["search", "space.ctc", "-D", "k"]) == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("maps 30\nlet d = 2..3\n(7,64)/2 3/3 (3,64)x(d)\nhead: none", "CTC203"),
        ("(7,64)/2 3/3 < (3,64) gap | (3,32) gap > fc", "CTC723"),
        ("let w = 1..9999\n(7,64)/2 [ (1,w) (3,<1..9999>) (1,64) ]", "CTC722"),
        ("let w = 1..\n(3,w)", "CTC002"),
        ("let w = 9..1\n(3,w)", "CTC120"),
        ("let w = 8 | v\n(3,w)", "CTC112"),
    ],
)
def test_spaces_that_cannot_be_searched(
    text: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("wrong.ctc").write_text(text, encoding="utf-8")
    assert code in failure(capsys, "wrong.ctc", "--macs", "<=1.0*A")


def test_an_interrupted_search_shows_what_it_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ctcdsl.spaces.join import Join

    pairs = Join.pairs

    def interrupted(join: Join, most: int = 0) -> object:
        for _ in range(2):
            yield next(pairs(join, 10**9))
        raise KeyboardInterrupt

    monkeypatch.setattr(Join, "pairs", interrupted)
    assert run(["search", "space.ctc", "--macs", "<=1.0*A"]) == 130
    out = capsys.readouterr().out
    assert out.startswith("#")
    assert "Interrupted: the best of the networks that were seen." in out

    def at_once(join: Join, most: int = 0) -> object:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(Join, "pairs", at_once)
    assert run(["search", "space.ctc", "--macs", "<=1.0*A", "--format", "json"]) == 130
    data = json.loads(capsys.readouterr().out)
    assert data["front"]
    assert data["notes"] == ["interrupted: the best of the networks that were seen"]


def test_a_count_that_is_interrupted_leaves_the_front(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ctcdsl.spaces.within import Within

    def interrupted(within: Within) -> object:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(Within, "designs", interrupted)
    assert run(["search", "space.ctc", "--memory", "<=1GB", "--macs", "<=1.0*A"]) == 130
    out = capsys.readouterr().out
    assert out.startswith("#")
    assert "An unknown number of " in out


def test_the_best_are_listed_picked_and_given_as_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    best = ["search", "space.ctc", "--macs", "<=1.0*A", "--rank", "params", "--best", "3"]
    assert run(best) == 0
    out = capsys.readouterr().out
    assert "3 networks of the fewest parameters" in out
    assert run([*best, "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    params = [design["params"] for design in data["best"]]
    assert len(params) == 3
    assert params == sorted(params)
    assert params[0] <= min(design["params"] for design in data["front"])
    assert run([*best, "--pick", "2"]) == 0
    assert capsys.readouterr().out == data["best"][1]["spec"]
    assert run([*best, "--pick", "4"]) == 1
    assert "the table has 3 networks, and no row 4" in capsys.readouterr().err
    assert run([*best, "--format", "chart"]) == 2
    assert "draws what two of them trade" in " ".join(capsys.readouterr().err.split())
    assert run([*best, "--params", "<=10"]) == 1
    assert "CTC721" in capsys.readouterr().err
