"""The playground: its answers are the commands' own, in Python here and in a browser."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ctcdsl
from ctcdsl.cli.main import run
from ctcdsl.loading import built_in_specs
from ctcdsl.text import Source

FOLDER = Path(__file__).parents[2] / "docs" / "playground"
PAGE = FOLDER.parents[1] / "build" / "playground.html"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def bridge() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bridge", FOLDER / "bridge.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask(bridge: ModuleType, question: str, **arguments: object) -> Any:
    return json.loads(bridge.ask(question, json.dumps(arguments)))


def test_a_mistake_shows_the_text_of_the_command_line(
    bridge: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    text = "(7,64)/2 3/3 (2 128)x4 gap fc\n"
    monkeypatch.chdir(tmp_path)
    Path("playground.ctc").write_text(text)
    assert run(["check", "playground.ctc"]) == 1
    answer = ask(bridge, "check", text=text)
    assert not answer["ok"] and answer["costs"] == {}
    (diagnostic,) = answer["diagnostics"]
    assert diagnostic["shown"] in capsys.readouterr().err
    (fix,) = diagnostic["fixes"]
    corrected = text[: fix["from"]] + fix["insert"] + text[fix["to"] :]
    assert ask(bridge, "check", text=corrected)["ok"]


def test_costs_are_those_of_the_command(bridge: ModuleType, capsys: Any) -> None:
    text = ask(bridge, "spec", name="E")["text"]
    costs = ask(bridge, "check", text=text, baseline="A")["costs"]
    assert run(["cost", "E", "A", "--relative-to", "A", "--format", "markdown"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [[cell.strip() for cell in row.strip("|").split("|")] for row in rows] == [
        list(costs["titles"]),
        *costs["rows"],
    ]


def test_offsets_count_units_of_utf_16(bridge: ModuleType) -> None:
    answer = ask(bridge, "check", text="# 🙂🙂\n(3,8) (3,16\n")
    (diagnostic,) = answer["diagnostics"]
    plain = ask(bridge, "check", text="# ab\n(3,8) (3,16\n")["diagnostics"][0]
    assert diagnostic["from"] == plain["from"] + 2
    ask(bridge, "check", text="# 🙂🙂\n(3,8) (3,16) gap fc\n")
    hover = ask(bridge, "hover", at=len("# abcd\n(3,8) (3"))
    assert "3" in hover["markdown"] and hover["from"] > len("# abcd\n(3,8)")


def test_a_rewrite_is_the_commands_and_keeps_the_text_around_it(bridge: ModuleType) -> None:
    text = "# mine\n" + ask(bridge, "spec", name="A")["text"]
    ask(bridge, "check", text=text)
    found = ask(bridge, "rewrites", name="A")["rewrites"]
    assert "depth-for-size:stage=3,to=2" in [each["pass"] for each in found]
    for each in found[:5]:
        taken = ask(bridge, "rewrite", name="A", applied=each["pass"])
        assert taken["text"].startswith("# mine\n") and taken["equation"] == each["equation"]
        network = ctcdsl.loads(taken["text"])
        assert network == ctcdsl.rewrite("A", each["pass"]).network
        assert f"{network.macs / ctcdsl.load('A').macs:.3f}" == each["relative"]


def test_a_pass_that_does_not_apply_is_its_message(bridge: ModuleType) -> None:
    ask(bridge, "check", text="net N\n(3,8) gap fc\n")
    answer = ask(bridge, "rewrite", name="N", applied="depth-for-size:stage=9,to=2")
    assert answer["error"].startswith("error[CTC4")


def test_a_space_is_counted_and_its_choices_can_be_pinned(bridge: ModuleType) -> None:
    text = "net S\nlet w = 16..96 by 16\nlet d = 2 | 3\n(7,64)/2 3/3 (3,w)x(d) gap fc\n"
    answer = ask(bridge, "check", text=text)
    assert answer["space"] and answer["diagnostics"] == [] and answer["costs"] == {}
    space = ask(bridge, "space")
    found = ctcdsl.search(Source("space", text))
    assert space["designs"] == found.total == 12
    macs = [design.network.macs for design in found.designs()]
    assert ["macs", min(macs), max(macs)] in space["extremes"]
    for choice in reversed(space["choices"]):
        text = text[: choice["from"]] + choice["options"][-1] + text[choice["to"] :]
    assert text == "net S\nlet w = 96\nlet d = 3\n(7,64)/2 3/3 (3,w)x(d) gap fc\n"
    assert ask(bridge, "check", text=text)["ok"]
    wrong = ask(bridge, "check", text="let w = 16 | 32\n(3,w) (3,v) gap fc\n")
    assert wrong["space"] and not wrong["ok"]


def test_the_front_of_a_space(bridge: ModuleType) -> None:
    text = "net S\nlet w = 16..96 by 16\nlet d = 2 | 3\n(7,64)/2 3/3 (3,w)x(d) gap fc\n"
    ask(bridge, "check", text=text)
    shown = ask(bridge, "front", millions=250)
    expected = ctcdsl.search(Source("space", text), budget={"macs": "<=250M"}).front
    assert {network["title"] for network in shown["networks"]} == {d.title for d in expected}
    assert shown["left"] == 0 and "widths from 16 on" in shown["rails"]
    assert ask(bridge, "check", text=shown["networks"][0]["spec"])["ok"]
    assert ask(bridge, "front", millions=0.5)["networks"] == []


def test_every_panel_of_every_network(bridge: ModuleType) -> None:
    for spec in built_in_specs()[::6]:
        text = ask(bridge, "spec", name=spec.name)["text"]
        costs = ask(bridge, "check", text=text)["costs"]
        for name in costs["names"][:1]:
            pictures = ask(bridge, "pictures", name=name, width=400)
            layers = ctcdsl.load_all(spec.name)[0].layers
            assert len(pictures["layers"]) == len(layers)
            assert pictures["memory"].startswith("<svg")


def is_built() -> bool:
    """Whether the page is there, and made of the present sources."""
    parts = [
        *(FOLDER.parents[1] / "ctcdsl").rglob("*.*"),
        *(FOLDER / "src").iterdir(),
        *FOLDER.glob("*.*"),
    ]
    sources = [path for path in parts if path.is_file() and "__pycache__" not in path.parts]
    newest = max(path.stat().st_mtime for path in sources)
    return PAGE.exists() and PAGE.stat().st_mtime > newest


@pytest.mark.skipif(not is_built(), reason="the page is not of these sources: make playground")
@pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")
def test_in_a_browser(bridge: ModuleType, tmp_path: Path) -> None:
    assert BROWSER is not None
    command = ["node", str(FOLDER / "test.mjs"), str(PAGE), BROWSER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads((tmp_path / "answers.json").read_text())
    assert len(answers) == len(built_in_specs())
    for name, (checked, *modules) in answers.items():
        text = ask(bridge, "spec", name=name)["text"]
        assert checked == ask(bridge, "check", text=text, baseline="A")
        for network, module in zip(checked["costs"]["names"], modules, strict=True):
            assert module == ask(bridge, "generate", name=network)
