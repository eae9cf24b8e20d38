"""Making a pack: whole in the end, and gone on with after whatever stopped it.

Images go to ``OUT.part`` (see `unfinished`), and OUT itself appears at once, when all is done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ctcdsl.images.augment import resize_shorter
from ctcdsl.images.corrupt import CorruptImages, OnReplaced, ReadResult
from ctcdsl.images.decode import is_plain_jpeg, open_content, pixels_of
from ctcdsl.images.image_set import FileBacked
from ctcdsl.images.pack_writer import PackItem, PackWriter, pack_error
from ctcdsl.images.packs import FORMAT, Encoding, index_bytes
from ctcdsl.images.threads import prefetch
from ctcdsl.storage.atomic import write_error
from ctcdsl.text.diagnostic import Diagnostic, UserError

_GROUP = 64  # images that are written together
_AHEAD = 4  # groups in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class PackOptions:
    """How images lie in a pack."""

    encoding: Encoding = "jpeg"
    shorter: int = 256
    """Longer than this, the shorter side is scaled to it; smaller images stay as they are."""
    quality: int = 95
    """Of JPEG images that are encoded; one that is RGB, upright and small enough is copied."""


@dataclass(frozen=True, slots=True)
class PackResult:
    """A pack that was made."""

    images: int
    skipped: int
    resumed: int
    """Images that were there from before."""
    size: int
    """Bytes."""


def pack(
    splits: Mapping[str, FileBacked],
    out: Path,
    options: PackOptions,
    *,
    workers: int,
    max_corrupt: float,
    on_skipped: OnReplaced,
    progress: Callable[[int, int], object],
) -> PackResult:
    """Write the images of all `parts` to the pack `out`, with their names, labels and classes.

    What an interrupted call left in ``out.part`` is gone on with. An image that cannot be read
    is left out, and `replaced` hears of it. `progress` hears images done and images in all. The
    same images and form give the same bytes, whatever the number of `workers`.

    Raises `UserError`: CTC604 an image may not be read; CTC608 `out` cannot be written; CTC631
    more than `max_corrupt` of a part cannot be read; CTC634 `out` exists, another process
    packs there, or ``out.part`` is of other images or another form.
    """
    if out.exists():
        raise pack_error(
            out, "there is something of that name", "remove it, or choose another name"
        )
    identity = _identity(splits, options)
    try:
        with PackWriter(out, identity) as unfinished:
            resumed = len(unfinished.rows)
            ledgers = {
                split: CorruptImages(
                    images, num_images=len(images), limit=max_corrupt, on_replaced=on_skipped
                )
                for split, images in splits.items()
            }
            every = [(split, at) for split, images in splits.items() for at in range(len(images))]
            for (split, at), row in zip(every, unfinished.rows, strict=False):
                if not row["length"]:
                    ledgers[split].add(_failed(at, splits[split].name(at)))
            todo = every[resumed:]
            works = (
                _Group(splits, todo[start : start + _GROUP], options)
                for start in range(0, len(todo), _GROUP)
            )
            done = resumed
            for work in prefetch(works, threads=workers, depth=_AHEAD):
                for (split, at), (item, failure) in zip(work.places, work.made, strict=True):
                    if failure is not None:
                        ledgers[split].add(ReadResult(at, ((at, failure),)))
                    unfinished.add(item)
                done += len(work.places)
                progress(done, len(every))
            return _finish(unfinished, splits, options, resumed)
    except OSError as error:
        raise write_error(error, out) from error


class _Group:
    """Some images on their way into the pack."""

    def __init__(
        self, parts: Mapping[str, FileBacked], places: list[tuple[str, int]], form: PackOptions
    ) -> None:
        self.places = places
        self._parts, self._form = parts, form
        self._made: dict[int, tuple[PackItem, Diagnostic | None]] = {}

    @property
    def tasks(self) -> list[Callable[[], object]]:
        """A call for each image."""
        return [partial(self._make, slot) for slot in range(len(self.places))]

    def _make(self, slot: int) -> None:
        split, at = self.places[slot]
        images = self._parts[split]
        label = images.label(at)
        try:
            content, size = encode_image(images.content(at), images.name(at), self._form)
        except UserError as error:
            if error.diagnostics[0].code != "CTC603":
                raise
            self._made[slot] = PackItem(b"", (0, 0), label), error.diagnostics[0]
        else:
            self._made[slot] = PackItem(content, size, label), None

    @property
    def made(self) -> Iterator[tuple[PackItem, Diagnostic | None]]:
        """The images in their order, and why one is left out."""
        return (self._made[slot] for slot in range(len(self.places)))


def encode_image(content: bytes, name: str, form: PackOptions) -> tuple[bytes, tuple[int, int]]:
    """An image file's bytes in a pack, and its width and height there.

    Raises `UserError` CTC603 where it cannot be read.
    """
    opened = open_content(content, name)
    as_it_is = is_plain_jpeg(opened)
    pixels = pixels_of(opened, content, name)
    if min(pixels.shape[:2]) > form.shorter:
        pixels, as_it_is = resize_shorter(pixels, form.shorter), False
    height, width, _ = pixels.shape
    if form.encoding == "raw":
        return pixels.tobytes(), (width, height)
    if as_it_is:
        return content, (width, height)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=form.quality)
    return file.getvalue(), (width, height)


def _finish(
    unfinished: PackWriter, parts: Mapping[str, FileBacked], form: PackOptions, resumed: int
) -> PackResult:
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
    return PackResult(first, left_out, resumed, unfinished.finish(index))


def _identity(parts: Mapping[str, FileBacked], form: PackOptions) -> str:
    """A digest of what is packed and how: a packing goes on only with the same."""
    digest = hashlib.sha256(repr((FORMAT, form)).encode())
    for split, images in parts.items():
        digest.update(json.dumps([split, images.classes]).encode())
        for at in range(len(images)):
            digest.update(
                f"{images.label(at)} {images.name(at)}\0".encode(errors="surrogateescape")
            )
    return digest.hexdigest()


def _failed(at: int, name: str) -> ReadResult:
    hint = ("replace the file, or take it out of the data",)
    diagnostic = Diagnostic("CTC603", "could not be read before", path=name, hints=hint)
    return ReadResult(at, ((at, diagnostic),))
