"""Making a pack: whole in the end, and gone on with after whatever stopped it.

Images go to ``OUT.part``, and once they are surely on the disk their rows go to
``OUT.part.rows``. So what the rows speak of is there, a killed packing goes on after the last
row, and OUT itself appears at once, when all is done.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.text.files import sync_folder, unwritable
from ctcdsl.training.augment import scaled
from ctcdsl.training.corrupt import Found, Ledger, Told
from ctcdsl.training.data import Stored
from ctcdsl.training.decode import open_content, rgb
from ctcdsl.training.packs import FORMAT, HEADER, MAGIC, ROW, Encoding, index_bytes
from ctcdsl.training.threads import done_ahead

_GROUP = 64  # images that are written together
_AHEAD = 4  # groups in memory
_SYNC = 64 << 20  # bytes between synchronisations: what a kill may cost
_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How images lie in a pack."""

    encoding: Encoding = "jpeg"
    shorter: int = 256
    """Longer than this, the shorter side is scaled to it; smaller images stay as they are."""
    quality: int = 95
    """Of JPEG images that are encoded; one that is RGB, upright and small enough is copied."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack that was made."""

    images: int
    left_out: int
    resumed: int
    """Images that were there from before."""
    size: int
    """Bytes."""


def pack(
    parts: Mapping[str, Stored],
    out: Path,
    form: Form,
    *,
    workers: int,
    max_corrupt: float,
    replaced: Told,
    progress: Callable[[int, int], object],
) -> Packed:
    """Write the images of all `parts` to the pack `out`, with their names, labels and classes.

    What an interrupted call left in ``out.part`` is gone on with. An image that cannot be read
    is left out, and `replaced` hears of it. `progress` hears images done and images in all. The
    same images and form give the same bytes, whatever the number of `workers`.

    Raises `UserError`: CTC604 an image may not be read; CTC608 `out` cannot be written; CTC631
    more than `max_corrupt` of a part cannot be read; CTC634 `out` exists, another process
    packs there, or ``out.part`` is of other images or another form.
    """
    if out.exists():
        raise _refused(out, "there is something of that name", "remove it, or choose another name")
    identity = _identity(parts, form)
    try:
        with _Unfinished(out, identity) as unfinished:
            resumed = len(unfinished.rows)
            ledgers = {
                split: Ledger(images, share=len(images), limit=max_corrupt, told=replaced)
                for split, images in parts.items()
            }
            every = [(split, at) for split, images in parts.items() for at in range(len(images))]
            for (split, at), row in zip(every, unfinished.rows, strict=False):
                if not row["length"]:
                    ledgers[split].enter(_failed(at, parts[split].name(at)))
            todo = every[resumed:]
            works = (
                _Group(parts, todo[start : start + _GROUP], form)
                for start in range(0, len(todo), _GROUP)
            )
            done = resumed
            for work in done_ahead(works, threads=workers, depth=_AHEAD):
                for (split, at), item in zip(work.places, work.items, strict=True):
                    if item.failure is not None:
                        ledgers[split].enter(Found(at, ((at, item.failure),)))
                    unfinished.add(item)
                done += len(work.places)
                progress(done, len(every))
            return _finish(unfinished, parts, form, resumed)
    except OSError as error:
        raise UserError(unwritable(str(out), error)) from error


@dataclass(frozen=True, slots=True)
class _Item:
    content: bytes
    size: tuple[int, int]
    label: int
    failure: Diagnostic | None = None


class _Group:
    """Some images on their way into the pack."""

    def __init__(
        self, parts: Mapping[str, Stored], places: list[tuple[str, int]], form: Form
    ) -> None:
        self.places = places
        self._parts, self._form = parts, form
        self._items: dict[int, _Item] = {}

    @property
    def parts(self) -> list[Callable[[], object]]:
        """A call for each image."""
        return [partial(self._make, slot) for slot in range(len(self.places))]

    def _make(self, slot: int) -> None:
        split, at = self.places[slot]
        images = self._parts[split]
        label = images.label(at)
        try:
            content, size = packed(images.content(at), images.name(at), self._form)
        except UserError as error:
            if error.diagnostics[0].code != "CTC603":
                raise
            self._items[slot] = _Item(b"", (0, 0), label, error.diagnostics[0])
        else:
            self._items[slot] = _Item(content, size, label)

    @property
    def items(self) -> Iterator[_Item]:
        """The images in their order."""
        return (self._items[slot] for slot in range(len(self.places)))


def packed(content: bytes, name: str, form: Form) -> tuple[bytes, tuple[int, int]]:
    """An image file's bytes in a pack, and its width and height there.

    Raises `UserError` CTC603 where it cannot be read.
    """
    opened = open_content(content, name)
    upright = opened.getexif().get(_ORIENTATION, 1) == 1
    as_it_is = opened.format == "JPEG" and opened.mode in ("RGB", "L") and upright
    image = rgb(opened, name)
    if min(image.size) > form.shorter:
        image, as_it_is = Image.fromarray(scaled(image, form.shorter)), False
    if form.encoding == "raw":
        return image.tobytes(), image.size
    if as_it_is:
        return content, image.size
    file = BytesIO()
    image.save(file, "JPEG", quality=form.quality)
    return file.getvalue(), image.size


class _Unfinished:
    """``OUT.part`` and its rows, open for one process."""

    def __init__(self, out: Path, identity: str) -> None:
        self.out = out
        self.part, self.journal = Path(f"{out}.part"), Path(f"{out}.part.rows")
        self._identity = identity
        self.rows: NDArray[Any] = np.empty(0, ROW)
        self._new: list[tuple[int, ...]] = []
        self._synced = self._end = HEADER.size

    def __enter__(self) -> _Unfinished:
        self._data = os.open(self.part, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._log = os.open(self.journal, os.O_RDWR | os.O_CREAT, 0o666)
            self._take_up()
        except BaseException:
            os.close(self._data)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):  # a full disk was said already
            self.sync()
        os.close(self._data)
        os.close(self._log)

    def _take_up(self) -> None:
        """Find out how far an earlier process came, and cut off what is not surely whole."""
        try:
            fcntl.flock(self._data, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _refused(
                self.out, "another process is packing there", "wait for it, or end it"
            ) from None
        head = f"{self._identity}\n".encode()
        self._head = len(head)
        log = os.pread(self._log, os.fstat(self._log).st_size, 0)
        if log[: len(head)] not in (b"", head):
            raise _refused(
                self.part,
                "it was begun with other images or options",
                f"go on with those, or remove {self.part} and {self.journal}",
            )
        if not log:
            os.pwrite(self._log, head, 0)
            os.ftruncate(self._data, 0)
            os.pwrite(self._data, HEADER.pack(MAGIC, 0, 0, b""), 0)
        count = max(len(log) - len(head), 0) // ROW.itemsize
        rows = np.frombuffer(log, ROW, count, len(head)) if count else self.rows
        whole = rows["offset"] + rows["length"] <= os.fstat(self._data).st_size
        self.rows = rows[: int(np.argmin(whole)) if not whole.all() else count]
        if len(self.rows):
            self._end = int(self.rows["offset"][-1]) + int(self.rows["length"][-1])
        self._synced = self._end
        os.ftruncate(self._log, len(head) + len(self.rows) * ROW.itemsize)
        os.ftruncate(self._data, self._end)

    def add(self, item: _Item) -> None:
        """Write an image after the others; an empty one is left out in the end."""
        write_at(self._data, item.content, self._end)
        width, height = item.size
        crc = zlib.crc32(item.content)
        self._new.append((self._end, len(item.content), height, width, item.label, crc))
        self._end += len(item.content)
        if self._end - self._synced >= _SYNC:
            self.sync()

    def sync(self) -> None:
        """Bring all images to the disk, and then their rows."""
        os.fsync(self._data)
        rows = np.array(self._new, ROW)
        write_at(self._log, rows.tobytes(), self._head + self.rows.nbytes)
        os.fsync(self._log)
        self.rows = np.concatenate([self.rows, rows])
        self._new, self._synced = [], self._end

    def finish(self, index: bytes) -> int:
        """Add the index, then the header, then take the name OUT. Returns the size."""
        write_at(self._data, index, self._end)
        os.fsync(self._data)
        digest = hashlib.sha256(index).digest()
        os.pwrite(self._data, HEADER.pack(MAGIC, self._end, len(index), digest), 0)
        os.fsync(self._data)
        os.rename(self.part, self.out)
        sync_folder(str(self.out.parent))
        self.journal.unlink(missing_ok=True)
        return self._end + len(index)


def _finish(
    unfinished: _Unfinished, parts: Mapping[str, Stored], form: Form, resumed: int
) -> Packed:
    unfinished.sync()
    kept = unfinished.rows["length"] > 0
    described: dict[str, Any] = {}
    start, first = 0, 0
    for split, images in parts.items():
        mine = kept[start : start + len(images)]
        names = [images.name(at) for at in np.flatnonzero(mine).tolist()]
        described[split] = {"classes": images.classes, "names": names, "start": first}
        start, first = start + len(images), first + len(names)
    texts = {"encoding": form.encoding, "shorter": form.shorter, "quality": form.quality}
    index = index_bytes({**texts, "parts": described}, unfinished.rows[kept])
    left_out = int((~kept).sum())
    return Packed(first, left_out, resumed, unfinished.finish(index))


def _identity(parts: Mapping[str, Stored], form: Form) -> str:
    """A digest of what is packed and how: a packing goes on only with the same."""
    digest = hashlib.sha256(repr((FORMAT, form)).encode())
    for split, images in parts.items():
        digest.update(json.dumps([split, images.classes]).encode())
        for at in range(len(images)):
            digest.update(
                f"{images.label(at)} {images.name(at)}\0".encode(errors="surrogateescape")
            )
    return digest.hexdigest()


def _failed(at: int, name: str) -> Found:
    hint = ("replace the file, or take it out of the data",)
    diagnostic = Diagnostic("CTC603", "could not be read before", path=name, hints=hint)
    return Found(at, ((at, diagnostic),))


def _refused(path: Path, why: str, hint: str) -> UserError:
    message = f"cannot pack into this: {why}"
    return UserError(Diagnostic(code="CTC634", message=message, path=str(path), hints=(hint,)))


def write_at(file: int, content: bytes, start: int) -> None:
    """Write all of `content` from byte `start` on: a system call may take a part of it."""
    view = memoryview(content)
    while view:
        written = os.pwrite(file, view, start)
        view, start = view[written:], start + written
