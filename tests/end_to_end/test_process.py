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


PROGRAM = f"{sys.executable} -m ctcdsl"


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True)


def test_light_commands_load_nothing_heavy() -> None:
    program = (
        "import sys; from ctcdsl.cli.main import run; run(sys.argv[1:]); "
        "print(sorted({'torch', 'numpy', 'jinja2', 'networkx', 'rich', 'PIL', 'matplotlib', "
        "'ctcdsl.drawing'}"
        " & sys.modules.keys()), file=sys.stderr)"
    )
    for arguments, loaded in (
        (["cost", "specs/A.ctc"], "[]"),
        (["check", "specs/A.ctc"], "[]"),
        (["fmt", "--check", "specs/A.ctc"], "[]"),
        (["draw", "specs/A.ctc"], "['ctcdsl.drawing']"),
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


@pytest.mark.parametrize(
    "command",
    [
        "cost specs/A.ctc",
        "check specs/A.ctc",
        "compile specs/A.ctc",
        "fmt -",
        "passes",
        "explain CTC203",
        "rewrite specs/E.ctc --pass add-pool",
        "--help",
        "--version",
    ],
)
def test_a_full_disk_at_standard_output_is_an_error_of_the_user(command: str) -> None:
    result = shell(f"{PROGRAM} {command} < specs/A.ctc > /dev/full")
    assert result.returncode == 1 and "error[CTC608]" in result.stderr
    assert "cannot write to standard output: no space left on device" in result.stderr
    assert "Traceback" not in result.stderr and "a bug" not in result.stderr


def test_standard_streams_that_are_closed() -> None:
    result = shell(f"{PROGRAM} cost specs/A.ctc >&-")
    assert result.returncode == 1 and "standard output: it is closed" in result.stderr
    assert shell(f"{PROGRAM} check - <&-").returncode == 1
    for messages in ("2>&-", "2>/dev/full"):
        assert shell(f"{PROGRAM} cost specs/A.ctc {messages}").stdout.startswith("network")
        assert shell(f"{PROGRAM} cost specs/none.ctc {messages}").returncode == 1


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    result = shell(f"cat {pipe} & {PROGRAM} compile specs/A.ctc -o {pipe}; wait")
    assert result.returncode == 0 and "class A(nn.Module)" in result.stdout
    assert pipe.is_fifo()


def test_a_home_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    for home in (blocked, tmp_path / "new"):
        result = process("check", "specs/A.ctc", env={**os.environ, "XDG_CACHE_HOME": str(home)})
        assert result.returncode == 0 and "A ok" in result.stdout


def test_a_damaged_parser_cache_is_rebuilt(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    assert process("check", "specs/A.ctc", env=environment).returncode == 0
    (cache,) = (tmp_path / "ctcdsl").iterdir()
    cache.write_bytes(cache.read_bytes()[:100])
    result = process("check", "specs/A.ctc", env=environment)
    assert result.returncode == 0 and "A ok" in result.stdout


def test_a_bug_is_reported_as_a_bug(ctcdsl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("an invariant broke")

    monkeypatch.setattr("ctcdsl.cli.check.check_sweep", broken)
    result = ctcdsl("check", "specs/A.ctc")
    assert result.code == 70 and "a bug of ctcdsl" in result.err
    report = Path(result.err.split("details are in ")[1].split(";")[0])
    assert "an invariant broke" in report.read_text(encoding="utf-8")
    report.unlink()
