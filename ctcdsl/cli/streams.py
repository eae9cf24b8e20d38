"""Standard streams that fail: a full disk, a closed pipe, a closed terminal."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from ctcdsl.storage.atomic import write_error

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class PipeClosed(Exception):
    """Whoever read standard output has enough. Not an OSError: click would take it for its own."""


class _Output(io.FileIO):
    """Standard output; what cannot be written raises an error for the user."""

    lost = False
    """Whether it was closed before ctcdsl started."""

    def write(self, content: ReadableBuffer, /) -> int:
        try:
            if self.lost:
                raise OSError(errno.EBADF, "it is closed")
            return super().write(content)
        except OSError as error:
            # What is still buffered must not fail once more when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            self.lost = False
            if error.errno == errno.EPIPE:
                raise PipeClosed from None
            raise write_error(error) from None


class _Messages(io.FileIO):
    """Standard error. Where nobody can read it, that must not end what runs, such as a training."""

    def write(self, content: ReadableBuffer, /) -> int:
        try:
            return super().write(content)
        except OSError:
            return memoryview(content).nbytes


def guard() -> None:
    """Let this process's standard output and error fail as the classes above say."""
    closed = [number for number in range(3) if not _is_open(number)]
    for _ in closed:  # else the next file to be opened would get the number
        os.open(os.devnull, os.O_RDWR)
    if 0 in closed:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0)))
    output, messages = _Output(1, "wb", closefd=False), _Messages(2, "wb", closefd=False)
    output.lost = 1 in closed
    sys.stdout, sys.stderr = _text(output, sys.stdout), _text(messages, sys.stderr)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _text(raw: io.FileIO, before: TextIO | None) -> io.TextIOWrapper:
    """`raw` for text, encoded as Python had decided."""
    is_error = isinstance(raw, _Messages)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(before, "encoding", None) or "utf-8",
        errors=getattr(before, "errors", None) or "backslashreplace",
        line_buffering=is_error or raw.isatty(),
    )
