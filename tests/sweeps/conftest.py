from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sweeps import WIDTHS, Call
from tests.support.tiny import write_folder_atomic


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six designs and a folder of images, in the working directory."""
    for width in WIDTHS:
        text = f"net W{width}\ninput 3x12x12\n(3,{width})/2 2/2 (3,8)\nhead: gap drop(0.2) fc\n"
        (tmp_path / f"w{width}.ctc").write_text(text, encoding="utf-8")
    write_folder_atomic(tmp_path / "data" / "train", each=7)
    write_folder_atomic(tmp_path / "data" / "test", each=5)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(ctcdsl: Call) -> Call:
    """The command line; tests of sweeps import the library by the fixture's own name."""
    return ctcdsl
