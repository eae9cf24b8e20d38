"""The extension for VS Code says what the server and the language say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ctcdsl.highlighting.patterns import PRIMED
from ctcdsl.lsp.inlay_hints import HintPlaces
from tests.conftest import ROOT

FOLDER = ROOT / "editors" / "vscode"


def read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def test_settings_are_those_of_the_server() -> None:
    settings = read("package.json")["contributes"]["configuration"]["properties"]
    hints = settings["ctcdsl.inlayHints"]
    assert hints["enum"] == list(HintPlaces) and hints["default"] == HintPlaces.LAYERS
    assert len(hints["enumDescriptions"]) == len(hints["enum"])
    code = (FOLDER / "extension.js").read_text(encoding="utf-8")
    for setting in settings:
        assert f'"{setting.removeprefix("ctcdsl.")}"' in code, setting
        assert f"`{setting}`" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_commands_are_registered() -> None:
    code = (FOLDER / "extension.js").read_text(encoding="utf-8")
    for command in read("package.json")["contributes"]["commands"]:
        assert f'registerCommand("{command["command"]}"' in code


def test_files_are_there() -> None:
    contributes = read("package.json")["contributes"]
    (language,), (grammar,) = contributes["languages"], contributes["grammars"]
    assert (FOLDER / language["configuration"]).is_file()
    assert grammar["scopeName"] == "source.ctc" and grammar["language"] == language["id"]
    source = ROOT / "grammar" / str(grammar["path"]).rpartition("/")[2]
    assert source.is_file()
    assert f'"../../grammar/{source.name}"' in (FOLDER / "build.mjs").read_text(encoding="utf-8")


def test_versions_are_pinned() -> None:
    package, lock = read("package.json"), read("package-lock.json")
    wanted = package["devDependencies"]
    assert lock["packages"][""]["devDependencies"] == wanted
    assert all(re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version) for version in wanted.values())
    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert lock["version"] == package["version"]


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("table", True),
        ("  table  # it", True),
        ("def f(n) = {", True),
        ("(3,64) [ (3,64)  # it", True),
        ("(3,64) gap", False),
        ("tables gap", False),
        ("{ (3,64) }", False),
    ],
)
def test_lines_that_indent(line: str, more: bool) -> None:
    rules = read("language-configuration.json")
    increase = rules["indentationRules"]["increaseIndentPattern"]
    assert bool(re.search(increase, line)) is more
    begin = rules["folding"]["markers"]["start"]
    assert bool(re.search(begin, line)) is (line.split()[0] == "table")


def test_words_are_those_of_names() -> None:
    pattern = read("language-configuration.json")["wordPattern"]
    assert pattern == f"{PRIMED}|[0-9]+"
