"""The action for GitHub and the hook for pre-commit: what they run, run here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

ACTION = (ROOT / "action.yml").read_text(encoding="utf-8")
HOOKS = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "budgets.md").read_text(encoding="utf-8")


Run = Callable[..., subprocess.CompletedProcess[str]]


def script() -> str:
    """The lines that the action's step runs."""
    match = re.search(r"      run: \|\n((?:        .*\n)+)", ACTION)
    assert match is not None
    return textwrap.dedent(match[1])


def inputs() -> dict[str, str]:
    """The action's inputs with their defaults."""
    block = ACTION.split("\ninputs:\n")[1].split("\nruns:\n")[0]
    return dict(re.findall(r'^  ([\w-]+):\n    .*\n    default: "(.*)"$', block, re.MULTILINE))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the action's script in a folder with specs, as a runner does."""
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "small.ctc").write_text("classes 10 pad same\n(3,8) (5,8)\nhead: gap fc\n")
    (tmp_path / "wide.ctc").write_text("classes 10 pad same\n(3,64)\nhead: gap fc\n")
    (tmp_path / "budget.toml").write_text('macs = "<=90M"\n')

    def call(**given: str) -> subprocess.CompletedProcess[str]:
        values = {**inputs(), **given}
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            **{name.upper(): value for name, value in values.items() if "-" not in name},
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script()]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return call


def test_the_action_annotates_the_lines_that_cost_too_much(run: Run) -> None:
    result = run(budget="budget.toml")
    assert result.returncode == 1
    (line,) = result.stdout.splitlines()
    assert line.startswith("::error file=nets/small.ctc,line=2,col=7,")
    assert "title=CTC711::MACs of `small`" in line


@pytest.mark.parametrize(
    ("given", "code", "printed"),
    [
        ({}, 0, ""),
        ({"files": "wide.ctc", "budget": "budget.toml"}, 0, ""),
        ({"files": "nets/*.ctc wide.ctc", "arguments": "--max-macs 1.0*A"}, 0, ""),
        ({"files": "wide.ctc resnet18", "arguments": "--max-macs 0.1*A"}, 1, "file=resnet18,"),
        ({"files": "none/*.ctc"}, 1, "::error title=ctcdsl::no file matches none/*.ctc"),
        ({"files": "none.ctc"}, 1, "title=CTC005::cannot read the spec"),
    ],
)
def test_the_action(run: Run, given: dict[str, str], code: int, printed: str) -> None:
    result = run(**given)
    assert (result.returncode, result.stderr) == (code, "")
    assert printed in result.stdout and bool(printed) == bool(result.stdout)


def test_the_action_passes_inputs_as_variables() -> None:
    """A text of an input in a script would be run as one."""
    assert "${{" not in script()
    assert set(inputs()) == {"files", "budget", "arguments", "python-version"}
    names = re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", ACTION)
    assert sorted(names) == sorted(inputs())


def test_the_hook_runs_check_on_specs(tmp_path: Path) -> None:
    entry = re.search(r"^  entry: (.*)$", HOOKS, re.MULTILINE)
    files = re.search(r"^  files: (.*)$", HOOKS, re.MULTILINE)
    assert entry is not None and files is not None
    assert [bool(re.search(files[1], name)) for name in ("a/b.ctc", "a.ctcx", "ctc")] == [
        *(True, False, False),
    ]
    (tmp_path / "wide.ctc").write_text("classes 10 pad same\n(3,64)\nhead: gap fc\n")
    (tmp_path / "budget.toml").write_text('params = "<=1k"\n')
    command, *words = entry[1].split()
    assert command == "ctcdsl"
    result = subprocess.run(
        [sys.executable, "-m", "ctcdsl", *words, "--budget", "budget.toml", "wide.ctc"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1 and "error[CTC711]: parameters of `wide`" in result.stderr


def test_the_page_names_what_is_there() -> None:
    assert all(f"| `{name}` |" in PAGE for name in inputs())
    assert re.findall(r"- id: (.*)", PAGE) == re.findall(r"- id: (.*)", HOOKS)


def test_files_are_yaml() -> None:
    yaml = pytest.importorskip("yaml")
    action = yaml.safe_load(ACTION)
    assert action["runs"]["using"] == "composite"
    steps = action["runs"]["steps"]
    assert all("shell" in step for step in steps if "run" in step)
    assert {name: entry["default"] for name, entry in action["inputs"].items()} == inputs()
    (hook,) = yaml.safe_load(HOOKS)
    assert (hook["id"], hook["language"]) == ("ctcdsl-check", "python")
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        assert yaml.safe_load(block)
