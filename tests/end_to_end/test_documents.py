"""Documents tell the truth: their commands are run, outputs and figures compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ctcdsl.metrics import network_cost
from ctcdsl.metrics.tables import conv_maps
from tests.conftest import ROOT, SPECS, load

README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
SPEC = re.compile(r"```ctc\n(.*?)```\n```text\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
TRAINS = re.compile(r"^\$ ctcdsl (train|compare)\b", re.MULTILINE)
"""Blocks that take a minute or more: `make documented` runs them, `make test` leaves them out."""
ANYTHING = "…"


class Example:
    """A command of the README and the output it shows."""

    def __init__(self, command: str, output: str) -> None:
        self.command, self.output = command, output


def examples(block: str) -> list[Example]:
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    assert parts[0] == ""
    return [Example(*pair) for pair in zip(parts[1::2], parts[2::2], strict=True)]


def run(command: str, folder: Path) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ).stdout


def pattern(expected: str) -> re.Pattern[str]:
    """What an output must look like: `…` stands for anything, on a line of its own for lines."""
    parts = []
    for line in expected.splitlines(keepends=True):
        if line.strip() == ANYTHING:
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append("[^\n]*?".join(map(re.escape, line.split(ANYTHING))))
    return re.compile("".join(parts))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place like the checkout, in which commands may write."""
    for name in ("specs", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def each(pattern: re.Pattern[str]) -> list[object]:
    """Every place in a document that matches, with the document and a number."""
    return [
        pytest.param(path, found, id=f"{path.stem}-{index}", marks=documented(str(found)))
        for path in DOCUMENTS
        for index, found in enumerate(pattern.findall(path.read_text(encoding="utf-8")))
    ]


def documented(block: str) -> tuple[pytest.MarkDecorator, ...]:
    """The mark of a block that trains."""
    return (pytest.mark.documented,) if TRAINS.search(block) else ()


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(("path", "block"), each(BLOCK))
def test_commands_print_what_is_shown(
    path: Path, block: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    update = request.config.getoption("--update-golden") and ANYTHING not in block
    shown = ""
    for example in examples(block):
        # A full training takes minutes: one epoch shows that the command works as written.
        command = example.command + (" --epochs 1" if "ctcdsl train" in example.command else "")
        printed = run(command, folder)
        shown += f"$ {example.command}\n{printed}"
        if not update:
            assert pattern(example.output).fullmatch(printed), f"{command}\n{printed}"
    if update:
        rewrite(path, block, shown)


@pytest.mark.parametrize(("path", "example"), each(SPEC))
def test_specs_are_checked_as_shown(
    path: Path, example: tuple[str, str], ctcdsl: Any, request: pytest.FixtureRequest
) -> None:
    spec, expected = example
    result = ctcdsl("check", "-", stdin=spec)
    said = result.out + result.err
    if request.config.getoption("--update-golden"):
        rewrite(path, f"{spec}```\n```text\n{expected}```", f"{spec}```\n```text\n{said}```")
    else:
        assert said == expected


def test_the_table_of_models_is_computed() -> None:
    text = README.read_text(encoding="utf-8")
    costs = {load(path).name: network_cost(load(path)) for path in SPECS}
    rows = re.findall(r"^\| ([A-J]'?) \|(.*)\|$", text, flags=re.MULTILINE)
    table = {name: [c.strip() for c in rest.split("|")] for name, rest in rows if "/" in rest}
    table |= {name: [c.strip() for c in rest.split("|")] for name, rest in rows[-14:]}
    assert set(table) == set(costs)
    for name, cost in costs.items():
        assert table[name][2:] == [
            f"{cost.macs / costs['A'].macs:.4f}",
            str(cost.depth),
            f"{cost.macs:,}",
            f"{cost.params:,}",
            conv_maps(cost.network),
        ]


def test_files_that_are_named_exist() -> None:
    text = README.read_text(encoding="utf-8")
    for path in re.findall(r"\]\(([^)#]+)\)", text):
        if not path.startswith("http"):
            assert (ROOT / path).exists(), path
