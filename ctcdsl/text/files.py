"""Reading specs and writing results: whole or not at all, with errors that help."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable
from typing import IO

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.text.source import Source

STDIN = "-"


def read_source(path: str) -> Source:
    """Read a spec; `-` is standard input. Line ends become one newline, a BOM is dropped.

    Raises:
        UserError: CTC005 where the file cannot be read, CTC007 where it is not text.
    """
    name = "<stdin>" if path == STDIN else path
    try:
        data = sys.stdin.buffer.read() if path == STDIN else _read(path)
    except OSError as error:
        raise UserError(_unreadable(name, error)) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            Diagnostic(
                code="CTC007",
                message=f"the text is not UTF-8: byte 0x{data[error.start]:02x} in line {line}",
                path=name,
                hints=("save it as UTF-8, or write ASCII `x` for `×`",),
            )
        ) from error
    return Source(name, text.replace("\r\n", "\n").replace("\r", "\n"))


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _unreadable(name: str, error: OSError) -> Diagnostic:
    hints: tuple[str, ...] = ()
    if isinstance(error, IsADirectoryError):
        hints = (f"name the specs in it: `{name.rstrip('/')}/*.ctc`",)
    elif isinstance(error, FileNotFoundError) and not name.endswith(".ctc"):
        hints = ("specs end in .ctc; `-` reads standard input",)
    return Diagnostic(
        code="CTC005",
        message=f"cannot read the spec: {(error.strerror or str(error)).lower()}",
        path=name,
        hints=hints,
    )


def write_atomic(
    path: str | os.PathLike[str], content: bytes | Callable[[IO[bytes]], object]
) -> None:
    """Write a file so that it is never seen half-written: temporary file, fsync, rename.

    `content` is the bytes, or a function that writes them to the file it is given. When it
    fails, or is interrupted, the temporary file is removed.

    Raises:
        UserError: CTC608 where it cannot be written; what stood there is untouched.
    """
    target = os.fspath(path)
    if _is_stream(target):
        _write_stream(target, content)
        return
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                content(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        sync_folder(folder or os.curdir)
    except OSError as error:
        raise UserError(unwritable(target, error)) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _is_stream(path: str) -> bool:
    """Whether `path` is a device or a pipe, or leads to one that is open: no file to replace."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    open_already = path in ("/dev/stdout", "/dev/stderr") or path.startswith(("/dev/fd/", "/proc/"))
    return open_already or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _write_stream(path: str, content: bytes | Callable[[IO[bytes]], object]) -> None:
    try:
        with open(path, "wb") as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                content(file)
    except OSError as error:
        raise UserError(unwritable(path, error)) from error


def sync_folder(folder: str) -> None:
    """Make a rename durable, where the system lets folders be synchronised."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


_WRITE_HINTS = {
    errno.ENOSPC: "free some space, or write elsewhere",
    errno.EDQUOT: "free some of your quota, or write elsewhere",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder on a disk that can be written",
    errno.ENOENT: "make its folder first",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "that is a folder: name a file in it",
}


def unprintable(error: OSError) -> Diagnostic:
    """CTC608 for standard output that could not be written."""
    hint = "let it lead to a terminal, a pipe or a file"
    return Diagnostic(
        code="CTC608",
        message=f"cannot write to standard output: {(error.strerror or str(error)).lower()}",
        hints=(_WRITE_HINTS.get(error.errno or 0, hint),),
    )


def unwritable(path: str, error: OSError) -> Diagnostic:
    """CTC608 for a file that could not be written."""
    hint = _WRITE_HINTS.get(error.errno or 0, "make room there, or write elsewhere")
    return Diagnostic(
        code="CTC608",
        message=f"cannot write the file: {(error.strerror or str(error)).lower()}",
        path=path,
        notes=("what was there before is untouched",) if os.path.isfile(path) else (),
        hints=(hint,),
    )
