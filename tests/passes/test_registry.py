"""A third party's pass: the little package of tests/plugin, installed and used."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import ROOT

PLUGIN = ROOT / "tests" / "plugin"


def package(folder: Path, name: str, module: str, text: str, entries: dict[str, str]) -> None:
    """Put a package where Python finds it, as an installer would."""
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(text, encoding="utf-8")
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    lines = "".join(f"{key} = {value}\n" for key, value in entries.items())
    (info / "entry_points.txt").write_text(f"[ctcdsl.passes]\n{lines}", encoding="utf-8")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plug-in in it, put there by pip where its builder is at hand."""
    folder = tmp_path_factory.mktemp("plugins") / "installed"
    if find_spec("hatchling"):
        source = shutil.copytree(PLUGIN, folder.parent / "source")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run(
            [*pip, "--no-build-isolation", "--target", str(folder), str(source)],
            check=True,
            env={**os.environ, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
    else:
        project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        (module,) = PLUGIN.glob("*.py")
        text = module.read_text(encoding="utf-8")
        entries = project["entry-points"]["ctcdsl.passes"]
        package(folder, project["name"], module.stem, text, entries)
    return folder


def ctcdsl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from ctcdsl.cli.main import main; main()", *arguments],
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )


def test_it_is_listed_with_its_origin(installed: Path) -> None:
    result = ctcdsl(installed, "passes")
    assert result.returncode == 0
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("bottleneck "))
    assert "ctcdsl-bottleneck" in line and "stage=…, [multiple=32]" in line
    (data,) = json.loads(ctcdsl(installed, "passes", "bottleneck", "--format", "json").stdout)
    assert data["package"] == "ctcdsl-bottleneck" and data["preserves"] == "complexity"
    stage, multiple = data["options"]
    assert stage == {"name": "stage", "type": "str", "default": None, "required": True}
    assert multiple == {"name": "multiple", "type": "int", "default": "32", "required": False}


def test_it_tells_about_itself(installed: Path) -> None:
    said = ctcdsl(installed, "passes", "bottleneck").stdout
    assert said.startswith(
        "bottleneck, of ctcdsl-bottleneck; section He et al. 2016, Figure 5; keeps: complexity\n"
    )
    assert "\n    (7,64)/2 3/3 (5,128) 2/2 (3,256)x2\n" in said
    assert said.endswith("  stage: str\n  multiple: int, default 32\n")


def test_it_is_applied(installed: Path) -> None:
    result = ctcdsl(installed, "rewrite", "specs/A.ctc", "--pass", "bottleneck:stage=2,multiple=8")
    assert result.stdout.splitlines()[-1] == ("(7,64)/2 3/3 (1,88)+(5,88)+(1,128) 2/2 (3,256)x3")
    assert "network 1.009 of A" in result.stderr
    refused = ctcdsl(installed, "rewrite", "specs/A.ctc", "--pass", "bottleneck:stage=4")
    assert refused.returncode == 1 and "CTC403" in refused.stderr


def test_its_docstring_is_tested_as_ours_are(installed: Path) -> None:
    tests = "tests/passes/test_base.py"
    result = subprocess.run(
        [sys.executable, "-m", "pytest", tests, "-k", "bottleneck", "-p", "no:cacheprovider"],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert "2 passed" in result.stdout, result.stdout


# ----------------------------------------------------------------- what goes wrong


SOURCE = (PLUGIN / "ctcdsl_bottleneck.py").read_text(encoding="utf-8")
ENTRY = {"bottleneck": "theirs:Bottleneck"}


def test_two_packages_with_a_pass_of_one_name(installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "both"
    shutil.copytree(installed, folder)
    package(folder, "their-passes", "theirs", SOURCE, ENTRY)
    result = ctcdsl(folder, "passes")
    assert result.returncode == 1
    assert result.stderr.splitlines()[0] == (
        "error[CTC502]: two passes are named `bottleneck`: one of ctcdsl-bottleneck, one of"
        " their-passes"
    )
    rewrite = ctcdsl(folder, "rewrite", "specs/E.ctc", "--pass", "add-pool")
    assert rewrite.returncode == 1 and "CTC502" in rewrite.stderr
    assert ctcdsl(folder, "check", "specs/E.ctc").returncode == 0


def test_a_pass_with_the_name_of_ours(tmp_path: Path) -> None:
    package(tmp_path, "their-passes", "theirs", SOURCE, {"add-pool": "theirs:Bottleneck"})
    result = ctcdsl(tmp_path, "passes")
    assert "two passes are named `add-pool`: one of ctcdsl, one of their-passes" in result.stderr


@pytest.mark.parametrize(
    ("text", "entry", "why"),
    [
        ("import no_such_module", ENTRY, "cannot be loaded: ModuleNotFoundError: No module named"),
        ("x = 1", ENTRY, "cannot be loaded: AttributeError"),
        ("class Bottleneck: name = 'bottleneck'", ENTRY, "is not a dataclass"),
        (SOURCE.replace("run(", "walk("), ENTRY, "lacks run"),
        (SOURCE.replace('"bottleneck"', '"neck"'), ENTRY, "calls itself `neck`"),
        (SOURCE.replace("Guarantee.COMPLEXITY", "'complexity'"), ENTRY, "other than a `Guarantee`"),
        (SOURCE.replace("stage: str", "stage: Missing"), ENTRY, "NameError"),
    ],
)  # fmt: skip
def test_a_broken_module(text: str, entry: dict[str, str], why: str, tmp_path: Path) -> None:
    package(tmp_path, "their-passes", "theirs", text, entry)
    result = ctcdsl(tmp_path, "passes")
    assert result.returncode == 1 and "add-pool" in result.stdout  # the others are listed
    assert result.stderr.startswith("error[CTC503]: the pass `bottleneck` of their-passes ")
    assert why in result.stderr


def test_a_broken_module_harms_no_other_command(tmp_path: Path) -> None:
    package(tmp_path, "their-passes", "theirs", "import no_such_module", ENTRY)
    assert ctcdsl(tmp_path, "check", "specs/E.ctc").returncode == 0
    assert ctcdsl(tmp_path, "rewrite", "specs/E.ctc", "--pass", "add-pool").returncode == 0
    assert ctcdsl(tmp_path, "passes", "add-pool").returncode == 0
    result = ctcdsl(tmp_path, "rewrite", "specs/E.ctc", "--pass", "bottleneck:stage=2")
    assert result.returncode == 1 and "CTC503" in result.stderr and result.stdout == ""


def test_a_pass_that_fails_is_not_a_bug_of_ours(tmp_path: Path) -> None:
    package(tmp_path, "their-passes", "theirs", SOURCE.replace("size == 1", "1 / 0"), ENTRY)
    result = ctcdsl(tmp_path, "rewrite", "specs/E.ctc", "--pass", "bottleneck:stage=2")
    assert result.returncode == 1 and result.stdout == ""
    first = (
        "error[CTC504]: the pass `bottleneck` of theirs fails: ZeroDivisionError: division by zero"
    )
    assert result.stderr.splitlines()[0] == first
    assert re.search(r"theirs\.py:\d+, in run", result.stderr)


# ------------------------------------------------------------------------ its page


def test_the_guide_shows_the_plug_in_as_it_is() -> None:
    guide = (ROOT / "docs" / "writing-a-pass.md").read_text(encoding="utf-8")
    shown = re.findall(r"```(?:python|toml)\n(.*?)```", guide, flags=re.DOTALL)
    files = [
        path.read_text(encoding="utf-8") for path in sorted(PLUGIN.iterdir()) if path.is_file()
    ]
    assert shown
    for block in shown:
        assert any(block in file for file in files), block
    whole = "".join(shown)
    for file in files:
        for line in filter(None, file.splitlines()):
            assert line in whole, line
