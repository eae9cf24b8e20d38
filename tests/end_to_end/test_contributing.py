"""CONTRIBUTING.md's recipes do what they say: each is carried out in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from ctcdsl import __version__
from tests.conftest import ROOT

_COPIED = (
    "ctcdsl",
    "grammar",
    "specs",
    "docs/generate.py",
    "docs/words.md",
    "pyproject.toml",
    "tests/__init__.py",
    "tests/conftest.py",
    "tests/errors",
)
GENERATED = {"docs/words.md", "grammar/ctc.tmLanguage.json"}
"""What `make generate` writes, which no recipe counts."""
_EDIT = re.compile(r"^`([^`]+)`, (new|after|before|instead of)(?: `` ?(.+?) ?``| `(.+?)`)?:$")


class Recipe(NamedTuple):
    """A recipe: its title's number of files, its edits in order, and the commands at its end."""

    name: str
    files: int
    edits: tuple[tuple[str, str, str, str], ...]
    commands: tuple[tuple[str, str], ...]


def recipes() -> list[Recipe]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = []
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        title = re.match(r"(.+): (\d+) files?\n", section)
        assert title is not None, section[:80]
        edits = []
        for line, code in re.findall(r"^([^\n]*)\n\n```\w+\n(.*?)^```$", section, re.M | re.S):
            if (place := _EDIT.match(line)) is not None:
                edits.append((place[1], place[2], place[3] or place[4] or "", code))
        (console,) = re.findall(r"^```console\n(.*?)^```$", section, re.M | re.S)
        commands = re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", console, re.M)
        found.append(Recipe(title[1], int(title[2]), tuple(edits), tuple(commands)))
    return found


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
def test_a_recipe_works_and_touches_as_many_files_as_it_says(
    recipe: Recipe, tmp_path: Path
) -> None:
    _copy(tmp_path)
    before = _files(tmp_path)
    assert recipe.edits and recipe.commands
    for edit in recipe.edits:
        _apply(tmp_path, *edit)
    _register(tmp_path)
    for command, expected in recipe.commands:
        result = _run(tmp_path, command)
        assert " ".join(expected.split()) in " ".join(result.split()), result
    after = _files(tmp_path)
    touched = {path for path in after if after[path] != before.get(path)} - GENERATED
    assert len(touched) == recipe.files, sorted(touched)


def test_there_is_a_recipe_for_each_kind_of_contribution() -> None:
    assert [recipe.name for recipe in recipes()] == [
        *("A layer", "An activation", "A layer with weights", "A metric", "A pass"),
        *("A diagnostic", "A command"),
    ]


def _copy(folder: Path) -> None:
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(source, folder / name)


def _files(folder: Path) -> dict[str, bytes]:
    """What each file holds; what tools leave behind is none."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not re.search(r"__pycache__|\.dist-info|cache", str(path))
    }


def _apply(folder: Path, name: str, how: str, anchor: str, code: str) -> None:
    """One edit: a new file, or lines after, before or instead of the only line with an anchor."""
    path = folder / name
    if how == "new":
        assert not path.exists(), path
        path.write_text(code, encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if anchor in line]
    assert len(places) == 1, f"{name}: `{anchor}` is in {len(places)} lines"
    start = places[0] + (how == "after")
    lines[start : start + (how == "instead of")] = [code]
    path.write_text("".join(lines), encoding="utf-8")


def _register(folder: Path) -> None:
    """The metadata that an installation would write: entry points are read from there."""
    with open(folder / "pyproject.toml", "rb") as file:
        points = tomllib.load(file)["project"]["entry-points"]
    info = folder / f"ctcdsl-{__version__}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ctcdsl\nVersion: {__version__}\n")
    lines = []
    for group, values in points.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in values.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))


def _run(folder: Path, command: str) -> str:
    """The output of a recipe's command, both streams."""
    bin_folder = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(folder / "cache"),
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    result = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr
