"""A whole process, from its start to its end: what it took and what it printed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """One process."""

    seconds: float
    """By the clock."""
    cpu_seconds: float
    """Of the processors, the kernel's work for it included."""
    megabytes: float
    """Largest resident set."""
    output: str


def run(command: Sequence[str], folder: Path) -> Run:
    """Run a process in `folder` to its end; exits with its last words where it fails."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},  # as where a package is installed
            stdout=output,
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        for file in (output, errors):
            file.seek(0)
        if process.returncode:
            sys.exit(f"failed: {' '.join(command)}\n{errors.read()[-2000:]}")
        cpu = usage.ru_utime + usage.ru_stime
        return Run(seconds, cpu, usage.ru_maxrss / 1024, output.read())
