"""One process trains a run: two would write over each other's checkpoints."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.text.files import unwritable

FILE = ".lock"


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Within this, no other process of this machine can lock the folder `run`.

    The system lets go of the lock when the process ends, however it ends. Where the file system
    knows no locks there is none. Raises `UserError` CTC621 where another process has it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with _opened(run / FILE) as file:
        try:
            # A record lock: unlike flock's it is not handed on to the processes that decode.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise UserError(
                    Diagnostic(
                        code="CTC621",
                        message="another process is training this run",
                        path=str(run),
                        hints=("wait for its end, or choose another folder with --run",),
                    )
                ) from None
        yield


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UserError(unwritable(str(path), error)) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)
