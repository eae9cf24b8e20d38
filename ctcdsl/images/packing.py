"""Making a pack: completely or not at all, and resumed after whatever stopped it.

Images go to ``OUT.part`` (see `pack_writer`), and OUT itself appears when all is done.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ctcdsl.images.corrupt import CorruptImages, Failure, OnReplaced, ReadResult, require_corrupt
from ctcdsl.images.decode import is_plain_jpeg, open_content, pixels_of, unreadable
from ctcdsl.images.image_set import FileBacked
from ctcdsl.images.index_file import index_bytes
from ctcdsl.images.pack_writer import PackItem, PackWriter, pack_error
from ctcdsl.images.packs import FORMAT, Encoding
from ctcdsl.images.resize import resize_shorter
from ctcdsl.images.threads import prefetch_each
from ctcdsl.storage.atomic import write_error
from ctcdsl.text import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class PackOptions:
    """How images are stored in a pack."""

    encoding: Encoding = "jpeg"
    shorter: int = 256
    """Longer sides are resized so that the shorter is this; smaller images stay as they are."""
    quality: int = 95
    """Of JPEG images that are encoded; one that is RGB, upright and small enough is copied."""


@dataclass(frozen=True, slots=True)
class PackResult:
    """A pack that was made."""

    images: int
    skipped: int
    resumed: int
    """Images that an earlier call had packed."""
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
    """Write the images of all `splits` to the pack `out`, with their names, labels and classes.

    What an interrupted call left in ``out.part`` is resumed. An image that cannot be read is
    skipped: `on_skipped` gets its name and the reason. `progress` gets the images done and the
    images in all. The same images and options give the same bytes, whatever the number of
    `workers`.

    Raises `UserError`: CTC604 no permission to read an image; CTC608 `out` cannot be written;
    CTC631 more than `max_corrupt` of a split cannot be read; CTC634 `out` exists, another process
    packs there, or ``out.part`` is of other images or other options.
    """
    if os.path.exists(out):
        raise pack_error(out, "it exists already", "remove it, or use another name")
    try:
        with PackWriter(out, _identity(splits, options)) as writer:
            resumed = len(writer.rows)
            corrupt = {
                split: CorruptImages(
                    images, num_images=len(images), limit=max_corrupt, on_replaced=on_skipped
                )
                for split, images in splits.items()
            }
            items = [(split, at) for split, images in splits.items() for at in range(len(images))]
            for (split, at), row in zip(items, writer.rows, strict=False):
                if not row["length"]:
                    cause = unreadable(splits[split].name(at), "it could not be read before")
                    corrupt[split].add(ReadResult(at, ((at, cause.diagnostics[0]),)))
            for (split, at), (item, failures) in prefetch_each(
                lambda item: _pack_item(splits[item[0]], item[1], options),
                items[resumed:],
                threads=workers,
                progress=progress,
                done=resumed,
            ):
                corrupt[split].add(ReadResult(at, failures))
                writer.add(item)
            return _finish(writer, splits, options, resumed)
    except OSError as cause:
        raise write_error(cause, out) from cause


def _pack_item(
    images: FileBacked, at: int, options: PackOptions
) -> tuple[PackItem, tuple[Failure, ...]]:
    try:
        content, size = encode_image(images.content(at), images.name(at), options)
    except UserError as cause:
        return PackItem(b"", (0, 0), images.label(at)), ((at, require_corrupt(cause)),)
    return PackItem(content, size, images.label(at)), ()


def encode_image(content: bytes, name: str, options: PackOptions) -> tuple[bytes, tuple[int, int]]:
    """An image file's bytes in a pack, and its width and height there.

    Raises `UserError` CTC603 where it cannot be read.
    """
    opened = open_content(content, name)
    copied = is_plain_jpeg(opened)
    pixels = pixels_of(opened, content, name)
    if min(pixels.shape[:2]) > options.shorter:
        pixels, copied = resize_shorter(pixels, options.shorter), False
    height, width, _ = pixels.shape
    if options.encoding == "raw":
        return pixels.tobytes(), (width, height)
    if copied:
        return content, (width, height)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=options.quality)
    return file.getvalue(), (width, height)


def _finish(
    writer: PackWriter, splits: Mapping[str, FileBacked], options: PackOptions, resumed: int
) -> PackResult:
    writer.sync()
    intact = writer.rows["length"] > 0
    described: dict[str, Any] = {}
    start, first = 0, 0
    for split, images in splits.items():
        of_split = intact[start : start + len(images)]
        names = [images.name(at) for at in np.flatnonzero(of_split).tolist()]
        described[split] = {"classes": images.classes, "names": names, "start": first}
        start, first = start + len(images), first + len(names)
    texts = {"format": FORMAT, **asdict(options), "parts": described}
    index = index_bytes(texts, {"rows": writer.rows[intact]})
    return PackResult(first, int((~intact).sum()), resumed, writer.finish(index))


def _identity(splits: Mapping[str, FileBacked], options: PackOptions) -> str:
    """A digest of what is packed and how: a packing resumes only with the same."""
    digest = hashlib.sha256(repr((FORMAT, options)).encode())
    for split, images in splits.items():
        digest.update(json.dumps([split, images.classes]).encode())
        for at in range(len(images)):
            digest.update(
                f"{images.label(at)} {images.name(at)}\0".encode(errors="surrogateescape")
            )
    return digest.hexdigest()
