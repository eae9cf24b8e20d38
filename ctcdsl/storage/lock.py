"""Locks between processes: one trains a run, one writes a pack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ctcdsl.storage.atomic import write_error
from ctcdsl.text import UserError


@contextmanager
def locked(file: Path, held: UserError) -> Iterator[None]:
    """Within this, no other process of this machine can lock `file`, which is made for that.

    The system releases the lock when the process ends, however it ends.

    Raises:
        UserError: `held` where another process has the lock; CTC608 where the file cannot be made.
    """
    lock = FileLock(file)
    try:
        file.touch()  # FileLock would make its folder, too
        lock.acquire(blocking=False)
    except Timeout:
        raise held from None
    except OSError as cause:
        raise write_error(cause, file) from None
    try:
        yield
    finally:
        lock.release()
