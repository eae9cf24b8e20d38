"""Folders of results: written whole or not at all, removed whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping

from ctcdsl.text.diagnostic import UserError
from ctcdsl.text.files import sync_folder, unwritable

_TEMPORARY, _REMOVED = ".tmp", ".gone"


def write_folder_atomic(path: str | os.PathLike[str], files: Mapping[str, bytes]) -> None:
    """Write a folder so that it is never seen half-written; `path` must not exist yet.

    The files go to a temporary folder beside it and are synchronised, then the folder is renamed
    and the one around it synchronised. When that fails, or is interrupted, the temporary folder
    is removed; one that a killed process left is removed by `sweep`.

    Raises:
        UserError: CTC608 where it cannot be written; the folders beside it are untouched.
    """
    target = os.fspath(path)
    around, name = os.path.split(target)
    temporary = os.path.join(around, f".{name}.{os.getpid()}{_TEMPORARY}")
    writing = temporary
    try:
        os.makedirs(temporary)
        for file_name, content in files.items():
            writing = os.path.join(temporary, file_name)
            with open(writing, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        writing = temporary
        sync_folder(temporary)
        os.rename(temporary, target)
        sync_folder(around or os.curdir)
    except OSError as error:
        within = os.path.relpath(writing, temporary)
        where = target if within == os.curdir else os.path.join(target, within)
        raise UserError(unwritable(where, error)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_folder(path: str | os.PathLike[str]) -> None:
    """Remove a folder so that it is never seen half-removed.

    One that cannot be removed stays, and nothing is raised: this makes room, and results that
    were written before it count for more.
    """
    around, name = os.path.split(os.fspath(path))
    going = os.path.join(around, f".{name}.{os.getpid()}{_REMOVED}")
    with contextlib.suppress(OSError):
        os.rename(path, going)
        shutil.rmtree(going, ignore_errors=True)


def remove_stale(folder: str | os.PathLike[str]) -> None:
    """Remove what a killed process left half-written or half-removed in `folder`."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(".") and name.endswith((_TEMPORARY, _REMOVED)):
                left = os.path.join(folder, name)
                if os.path.isdir(left) and not os.path.islink(left):
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    os.unlink(left)
