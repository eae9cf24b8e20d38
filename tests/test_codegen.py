"""Generated modules: their text, its form, and that nothing in a spec becomes code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT, SPECS, check, load, one
from ctcdsl.codegen import class_name, generate

GOLDEN = ROOT / "tests" / "golden"
TEXTS = {
    "every_layer": "net every-layer\ninput 3x64x80\nclasses 10\nstem: (7,16)/2 lrn 3/2\n"
    "mid: max(3,p1,ceil)/2 (3,24)x2/2 avg(2)/1 drop(0.1)\nhead: gap fc(32) drop(0.5) fc",
    "not_square": "net 'x'".replace("'x'", "Wide") + "\ninput 3x96x160\npad paper\n(7,8)/2 3/3"
    " (2,8)x2 spp(3,2,1) fc",
    "trunk": "net Trunk\ninput 1x32x32\n(3,8) 2/2 (3,8)\nhead: none",
    "long": f"net {'Long' * 12}\ninput 3x32x32\nclasses 999999\n{'very' * 10}_long_stage:"
    " (3,999999) max(3,p1,ceil)/2 (3,8)\nhead: gap fc(999999) fc",
}


def generated(name: str) -> str:
    if name in TEXTS:
        return generate(one(TEXTS[name]))
    return generate(load(ROOT / "specs" / f"{name}.ctc"))


@pytest.mark.parametrize("name", ["J_prime", *TEXTS])
def test_text(name: str, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / f"{name}.py", generated(name))


def test_modules_are_formatted_linted_and_typed(tmp_path: Path) -> None:
    for name in [*TEXTS, *(path.stem for path in SPECS)]:
        (tmp_path / f"{name}.py").write_text(generated(name), encoding="utf-8")
    for command in (
        ["ruff", "format", "--isolated", "--check", "."],
        ["ruff", "check", "--isolated", "--select=E,F,I,UP,B,SIM", "--ignore=E501,E742", "."],
        ["mypy", "--strict", "--no-incremental", "."],
    ):
        result = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_text_is_deterministic_and_names_no_place(path: Path) -> None:
    text = generate(load(path))
    assert text == generate(load(path))
    assert str(ROOT) not in text and ".ctc" not in text


def test_a_module_needs_torch_alone(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(generated("every_layer"), encoding="utf-8")
    program = (
        "import sys, torch, model\n"
        "net = model.EveryLayer(init='he').eval()\n"
        "print(tuple(net(torch.zeros(2, 3, 64, 80)).shape), 'ctcdsl' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "(2, 10) False"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A", "A"),
        ("J'", "JPrime"),
        ("D+2", "D2"),
        ("every-layer", "EveryLayer"),
        ("ResNet_50", "ResNet50"),
        ("7x7", "Net7x7"),
        ("None", "NoneNet"),
        ("Tensor", "TensorNet"),
        ('"""; import os', "ImportOs"),
        ("___", "Net"),
    ],
)
def test_class_names_are_identifiers(name: str, expected: str) -> None:
    assert class_name(name) == expected
    assert expected.isidentifier()


def test_names_are_data() -> None:
    """What could end a string or a line never gets past the lexer into a name."""
    for name in ('"""', "a\\", "a;b", "a#b", "a(b)", 'x"y'):
        report = check(f"net {name}\n(3,8)")
        assert report.failed or report.networks[0].name in ("a",), name


def test_stage_names_that_torch_uses_are_refused() -> None:
    from torch import nn

    for name in dir(nn.Module):
        if not name.startswith("_") and name not in ("T_destination", "dump_patches"):
            (error, *_) = check(f"{name}: (3,8)").errors
            assert error.code == "CTC110", name
