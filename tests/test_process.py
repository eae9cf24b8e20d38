"""The command as a process: what it loads, closed pipes, caches, bugs of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    program = "import sys; from ctcdsl.cli.main import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, **options
    )


def test_light_commands_load_nothing_heavy() -> None:
    program = (
        "import sys; from ctcdsl.cli.main import run; run(sys.argv[1:]); "
        "print(sorted({'torch', 'numpy', 'jinja2', 'networkx', 'rich', 'PIL', 'matplotlib'}"
        " & sys.modules.keys()), file=sys.stderr)"
    )
    for arguments, loaded in (
        (["cost", "specs/A.ctc"], "[]"),
        (["check", "specs/A.ctc"], "[]"),
        (["fmt", "--check", "specs/A.ctc"], "[]"),
        (["compile", "specs/A.ctc"], "['jinja2']"),
    ):
        result = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True
        )
        assert result.stderr.splitlines()[-1] == loaded, arguments


def test_a_closed_pipe_is_no_error() -> None:
    program = "import sys; from ctcdsl.cli.main import main; main(sys.argv[1:])"
    command = f"{sys.executable} -c '{program}' cost specs/*.ctc --layers | head -n 1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert result.stdout.startswith("A  (input") and "Traceback" not in result.stderr


def test_a_home_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    for home in (blocked, tmp_path / "new"):
        result = process("check", "specs/A.ctc", env={**os.environ, "XDG_CACHE_HOME": str(home)})
        assert result.returncode == 0 and "A is fine" in result.stdout


def test_a_damaged_parser_cache_is_rebuilt(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    assert process("check", "specs/A.ctc", env=environment).returncode == 0
    (cache,) = (tmp_path / "ctcdsl").iterdir()
    cache.write_bytes(cache.read_bytes()[:100])
    result = process("check", "specs/A.ctc", env=environment)
    assert result.returncode == 0 and "A is fine" in result.stdout


def test_a_bug_is_reported_as_a_bug(ctcdsl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("an invariant broke")

    monkeypatch.setattr("ctcdsl.cli.check.check_files", broken)
    result = ctcdsl("check", "specs/A.ctc")
    assert result.code == 70 and "a bug of ctcdsl" in result.err
    report = Path(result.err.split("details are in ")[1].split(";")[0])
    assert "an invariant broke" in report.read_text(encoding="utf-8")
    report.unlink()
