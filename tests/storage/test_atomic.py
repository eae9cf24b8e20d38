"""Files that are written completely or not at all; folders are tested with checkpoints."""

import errno
import os
import threading
from pathlib import Path

import pytest

from ctcdsl.storage.atomic import remove_stale, write_atomic
from tests.support.tiny import refused, said


def _no_space(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "log.csv"
    write_atomic(path, lambda file: file.write(b"before"))
    with monkeypatch.context() as patch:
        if call == "fsync":
            patch.setattr(os, "fsync", _no_space)
        if call == "replace":
            patch.setattr(os, "replace", _no_space)
        with refused("CTC608") as problems:
            write_atomic(path, _no_space if call == "write" else lambda file: file.write(b"after"))
    assert "no space left on device" in problems[0].message
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["log.csv"]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with refused("CTC608") as problems:
        write_atomic(tmp_path / "nowhere" / "x", lambda file: file.write(b"x"))
    assert "no such file" in problems[0].message
    assert "untouched" not in said(problems[0])


def test_a_pipe_is_written_in_place(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=write_atomic, args=(pipe, b"content"))
    writer.start()
    assert pipe.read_bytes() == b"content"
    writer.join()
    assert pipe.is_fifo()


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".000001.99.tmp").mkdir()
    (tmp_path / ".000001.99.tmp" / "weights").touch()
    (tmp_path / ".log.csv.99.tmp").touch()
    (tmp_path / ".000000.98.gone").mkdir()
    (tmp_path / "notes.tmp").touch()
    remove_stale(tmp_path)
    assert os.listdir(tmp_path) == ["notes.tmp"]
    remove_stale(tmp_path / "nowhere")
