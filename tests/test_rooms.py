"""The rooms: the import contract, the contributor's map and the tests all know the same ones."""

import re
import tomllib
from pathlib import Path

import ctcdsl as package
from tests.conftest import ROOT

PACKAGE = Path(package.__file__).parent
ROOMS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
MODULES = {path.stem for path in PACKAGE.glob("*.py")}
OUTSIDE = {"__init__", "__main__", "resources"}
"""Modules without a place in the order: the package's names, `python -m ctcdsl`, its data files."""


def layers() -> list[str]:
    """The rooms of the import contract, from the top down."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (order,) = (
        contract
        for contract in contracts["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    )
    return [name.removeprefix("ctcdsl.") for row in order["layers"] for name in row.split(" | ")]


def test_every_room_has_its_place_in_the_import_contract() -> None:
    assert len(set(layers())) == len(layers())
    assert set(layers()) == ROOMS | (MODULES - OUTSIDE)


def test_the_contributors_map_shows_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?`) \|", text, flags=re.MULTILINE)
    shown = re.findall(r"`(\w+)(?:\.py)?`", " ".join(rows))
    assert sorted(shown) == sorted(layers())


def test_no_room_has_the_name_of_a_public_function() -> None:
    """An imported package would hide the function: `ctcdsl.cost` would be a module."""
    assert not (ROOMS | MODULES) & set(package.__all__)


def test_the_tests_mirror_the_rooms() -> None:
    ours = {"errors", "golden", "plugin", "specs", "support", "end_to_end"}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert folders - ours - {"__pycache__"} <= ROOMS
    loose = {path.stem.removeprefix("test_") for path in (ROOT / "tests").glob("test_*.py")}
    assert loose - {"rooms"} <= MODULES
