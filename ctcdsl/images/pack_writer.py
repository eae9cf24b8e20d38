"""A pack that is being written: ``OUT.part``, and a journal of what in it is complete."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctcdsl.images.packs import HEADER, MAGIC, ROW
from ctcdsl.storage.atomic import sync_folder
from ctcdsl.storage.lock import locked
from ctcdsl.text import UserError, error

_SYNC = 64 << 20  # bytes between synchronisations: what a kill may cost


class PackItem(NamedTuple):
    """An image as it is in a pack."""

    content: bytes
    """Empty for one that is skipped."""
    size: tuple[int, int]
    """Width and height."""
    label: int


class PackWriter:
    """``OUT.part`` and ``OUT.part.rows``, open for one process.

    A row is written once its image is on the disk. So the images of all rows are there, and a
    killed packing resumes after the last row. `identity` says which images are packed and how.
    """

    def __init__(self, out: Path, identity: str) -> None:
        self.out = out
        self.part, self.journal = Path(f"{out}.part"), Path(f"{out}.part.rows")
        self._lock = Path(f"{out}.part.lock")
        self._identity = identity
        self.rows: NDArray[Any] = np.empty(0, ROW)
        self._new: list[tuple[int, ...]] = []
        self._synced = self._end = HEADER.size

    def __enter__(self) -> PackWriter:
        held = pack_error(self.out, "another process is writing it", "wait for it, or stop it")
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(self._lock, held))
            self._data = os.open(self.part, os.O_RDWR | os.O_CREAT, 0o666)
            stack.callback(os.close, self._data)
            self._log = os.open(self.journal, os.O_RDWR | os.O_CREAT, 0o666)
            stack.callback(os.close, self._log)
            self._resume()
            self._open = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        with self._open, contextlib.suppress(OSError):  # a full disk was reported already
            self.sync()

    def _resume(self) -> None:
        """Find out how far an earlier process came, and cut off what may be incomplete."""
        head = f"{self._identity}\n".encode()
        self._head = len(head)
        log = os.pread(self._log, os.fstat(self._log).st_size, 0)
        if log[: len(head)] not in (b"", head):
            raise pack_error(
                self.part,
                "it was started with other images or options",
                f"continue with those, or remove {self.part} and {self.journal}",
            )
        if not log:
            os.pwrite(self._log, head, 0)
            os.ftruncate(self._data, 0)
            os.pwrite(self._data, HEADER.pack(MAGIC, 0, 0, b""), 0)
        count = max(len(log) - len(head), 0) // ROW.itemsize
        rows = np.frombuffer(log, ROW, count, len(head)) if count else self.rows
        intact = rows["offset"] + rows["length"] <= os.fstat(self._data).st_size
        self.rows = rows[: count if intact.all() else int(np.argmin(intact))]
        if len(self.rows):
            self._end = int(self.rows["offset"][-1]) + int(self.rows["length"][-1])
        self._synced = self._end
        os.ftruncate(self._log, len(head) + len(self.rows) * ROW.itemsize)
        os.ftruncate(self._data, self._end)

    def add(self, item: PackItem) -> None:
        """Write an image after the others; an empty one is not in the finished pack."""
        _write_at(self._data, item.content, self._end)
        width, height = item.size
        crc = zlib.crc32(item.content)
        self._new.append((self._end, len(item.content), height, width, item.label, crc))
        self._end += len(item.content)
        if self._end - self._synced >= _SYNC:
            self.sync()

    def sync(self) -> None:
        """Write all images to the disk, and then their rows."""
        os.fsync(self._data)
        rows = np.array(self._new, ROW)
        _write_at(self._log, rows.tobytes(), self._head + self.rows.nbytes)
        os.fsync(self._log)
        self.rows = np.concatenate([self.rows, rows])
        self._new, self._synced = [], self._end

    def finish(self, index: bytes) -> int:
        """Add the index, then the header, then rename the file to OUT. Returns the size."""
        _write_at(self._data, index, self._end)
        os.fsync(self._data)
        digest = hashlib.sha256(index).digest()
        os.pwrite(self._data, HEADER.pack(MAGIC, self._end, len(index), digest), 0)
        os.fsync(self._data)
        os.rename(self.part, self.out)
        sync_folder(str(self.out.parent))
        self.journal.unlink(missing_ok=True)
        self._lock.unlink(missing_ok=True)
        return self._end + len(index)


def pack_error(path: Path, why: str, hint: str) -> UserError:
    """The error CTC634."""
    return error("CTC634", f"cannot write the pack: {why}", path=path, hint=hint)


def _write_at(file: int, content: bytes, start: int) -> None:
    """Write all of `content` from byte `start` on: a system call may write less."""
    view = memoryview(content)
    while view:
        written = os.pwrite(file, view, start)
        view, start = view[written:], start + written
