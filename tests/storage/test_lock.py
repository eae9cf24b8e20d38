"""Locks between processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctcdsl.storage.lock import locked
from ctcdsl.text import error
from tests.support.tiny import refused

HELD = error("CTC621", "another process has it", hint="wait")

HOLD = """
import sys, time
from pathlib import Path
from ctcdsl.storage.lock import locked
from ctcdsl.text import error
with locked(Path(sys.argv[1]), error("CTC621", "another process has it")):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def held_elsewhere(file: Path) -> Iterator[None]:
    """Another process has the lock, until it is killed."""
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield
        finally:
            holder.kill()


def test_one_process_has_a_lock(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    with held_elsewhere(file), refused("CTC621"), locked(file, HELD):
        pass
    with locked(file, HELD):
        pass  # a killed process holds nothing


def test_one_process_does_not_lock_twice(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    with locked(file, HELD), refused("CTC621"), locked(file, HELD):
        pass
    with locked(file, HELD):
        pass


def test_a_forked_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    """One that decodes images may end after the one that trains."""
    file = tmp_path / ".lock"
    with locked(file, HELD):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with locked(file, HELD):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_lock_that_is_unavailable_is_an_error(tmp_path: Path) -> None:
    with refused("CTC608") as errors, locked(tmp_path / "nowhere" / ".lock", HELD):
        pass
    assert errors[0].path == str(tmp_path / "nowhere" / ".lock")


def test_a_read_only_folder_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    user = os.geteuid()
    os.seteuid(user or 65534)  # root may write everywhere
    try:
        with refused("CTC608") as errors, locked(tmp_path / ".lock", HELD):
            pass
    finally:
        os.seteuid(user)
    assert "permission denied" in errors[0].message
