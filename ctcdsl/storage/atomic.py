"""Files and folders that are written completely or not at all, with errors that help."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from typing import IO

from ctcdsl.text import UserError, error, reason

Content = bytes | Callable[[IO[bytes]], object]
"""The bytes of a file, or a function that writes them to the file it is passed."""

_TEMPORARY, _REMOVED = ".tmp", ".gone"


def write_atomic(path: str | os.PathLike[str], content: Content) -> None:
    """Write a file so that it is never seen half-written: temporary file, fsync, rename.

    When that fails, or is interrupted, the temporary file is removed.

    Raises:
        UserError: CTC608 where it cannot be written; what was there is untouched.
    """
    target = os.fspath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}{_TEMPORARY}")
    try:
        if _is_stream(target):
            _write(target, content)
            return
        _write(temporary, content, durable=True)
        os.replace(temporary, target)
        sync_folder(folder)
    except OSError as cause:
        raise write_error(cause, target) from cause
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def write_folder_atomic(path: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write a folder so that it is never seen half-written; `path` must not exist yet.

    The files go to a temporary folder beside it and are synchronised, then the folder is renamed
    and its parent synchronised. When that fails, or is interrupted, the temporary folder is
    removed; one that a killed process left is removed by `remove_stale`.

    Raises:
        UserError: CTC608 where it cannot be written; the folders beside it are untouched.
    """
    target = os.fspath(path)
    parent, name = os.path.split(target)
    temporary = os.path.join(parent, f".{name}.{os.getpid()}{_TEMPORARY}")
    failed = target
    try:
        os.makedirs(temporary)
        for file_name, content in files.items():
            failed = os.path.join(target, file_name)
            _write(os.path.join(temporary, file_name), content, durable=True)
        failed = target
        sync_folder(temporary)
        os.rename(temporary, target)
        sync_folder(parent)
    except OSError as cause:
        raise write_error(cause, failed) from cause
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_folder(path: str | os.PathLike[str]) -> None:
    """Remove a folder so that it is never seen half-removed.

    One that cannot be removed stays, and nothing is raised: this makes room, and results that
    were written before it count for more.
    """
    parent, name = os.path.split(os.fspath(path))
    removed = os.path.join(parent, f".{name}.{os.getpid()}{_REMOVED}")
    with contextlib.suppress(OSError):
        os.rename(path, removed)
        shutil.rmtree(removed, ignore_errors=True)


def remove_stale(folder: str | os.PathLike[str]) -> None:
    """Remove what a killed process left half-written or half-removed in `folder`."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(".") and name.endswith((_TEMPORARY, _REMOVED)):
                path = os.path.join(folder, name)
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    os.unlink(path)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make a rename in `folder` durable, where the system lets folders be synchronised."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(os.fspath(folder) or os.curdir, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write(path: str, content: Content, *, durable: bool = False) -> None:
    with open(path, "wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            content(file)
        if durable:
            file.flush()
            os.fsync(file.fileno())


def _is_stream(path: str) -> bool:
    """Whether `path` is a device or a pipe, or leads to one that is open: no file to replace."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    open_already = path in ("/dev/stdout", "/dev/stderr") or path.startswith(("/dev/fd/", "/proc/"))
    return open_already or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


_HINTS = {
    errno.ENOSPC: "free some space, or write elsewhere",
    errno.EDQUOT: "free some of your quota, or write elsewhere",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder on a disk that can be written",
    errno.ENOENT: "make its folder first",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "that is a folder: name a file in it",
}


def write_error(cause: OSError, path: str | os.PathLike[str] | None = None) -> UserError:
    """CTC608 for a file that could not be written; without `path`, for standard output."""
    if path is None:
        message, hint = "cannot write to standard output", "redirect it to a pipe or a file"
    else:
        message, hint = "cannot write the file", "make room there, or write elsewhere"
    untouched = path is not None and os.path.isfile(path)
    return error(
        "CTC608",
        f"{message}: {reason(cause)}",
        path=path,
        notes=("what was there before is untouched",) if untouched else (),
        hint=_HINTS.get(cause.errno or 0, hint),
    )
