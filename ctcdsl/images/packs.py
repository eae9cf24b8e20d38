"""Packs: many images in one file, decoded already or small enough to be decoded fast.

A pack is a header of 64 bytes, the images one after another, and the index. The header says
where the index is and its SHA-256, and is written last: a file without it is not a pack.
The index has a row an image (`ROW`), with a CRC-32 of its bytes.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import weakref
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ctcdsl.images.decode import Pixels, unreadable
from ctcdsl.images.image_set import FileBacked
from ctcdsl.images.index_file import DAMAGED, read_index
from ctcdsl.text import UserError, error, reason

Encoding = Literal["jpeg", "raw"]

MAGIC: Final = b"ctcpack\n"
HEADER: Final = struct.Struct("<8sQQ32s8x")
"""Magic, first byte and length of the index, SHA-256 of the index."""
ROW: Final = np.dtype(
    [
        ("offset", "<u8"),
        ("length", "<u4"),
        ("height", "<u4"),
        ("width", "<u4"),
        ("label", "<u4"),
        ("crc", "<u4"),
    ]
)
FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedImages(FileBacked):
    """The images of one split of a pack."""

    file: _File
    encoding: Encoding
    rows: NDArray[Any]
    """A `ROW` an image."""

    def pixels(self, index: int) -> Pixels:
        """Image `index`. Raises `UserError` CTC603 where its bytes are damaged.

        Raw pixels are as they are in memory, and not verified: a CRC of the full image would
        take longer than reading a crop of it.
        """
        if self.encoding == "jpeg":
            return FileBacked.pixels(self, index)
        width, height = self.size(index)
        start = int(self.rows["offset"][index])
        pixels = np.frombuffer(self.file.memory, np.uint8, 3 * width * height, start)
        return pixels.reshape(height, width, 3)

    def content(self, index: int) -> bytes:
        """The bytes of image `index`, verified. Raises `UserError` CTC603."""
        row = self.rows[index]
        try:
            # Not by memory: a page that is not there yet would make all threads wait.
            content = os.pread(self.file.descriptor, int(row["length"]), int(row["offset"]))
        except OSError as cause:
            raise unreadable(self.path(index), reason(cause)) from None
        if zlib.crc32(content) != row["crc"]:
            raise unreadable(self.path(index), "its bytes in the pack are damaged")
        return content

    def size(self, index: int) -> tuple[int, int]:
        """Width and height of image `index`."""
        return int(self.rows["width"][index]), int(self.rows["height"][index])

    def path(self, index: int) -> str:
        """Where image `index` is, for messages: the pack and its name there."""
        return f"{self.file.path}:{self.names[index]}"


class _File:
    """An open pack; closed when it is no longer referenced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.descriptor)
        self.memory = mmap.mmap(self.descriptor, 0, access=mmap.ACCESS_READ)


def is_pack(path: Path) -> bool:
    """Whether `path` is a file that begins as packs do, finished or not."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def open_pack(path: Path) -> dict[str, PackedImages]:
    """The image sets in a pack: some of ``train``, ``val`` and ``test``, or ``all``.

    Raises `UserError` CTC633 where the pack is unfinished, cut short or damaged. The index is
    verified; an image is when it is read (see `PackedImages.pixels`).
    """
    try:
        file = _File(path)
        magic, start, length, digest = HEADER.unpack_from(file.memory)
    except (OSError, struct.error) as cause:
        raise _damaged(path, f"cannot read it: {cause}") from None
    if magic != MAGIC or not length:
        raise _damaged(path, "it is not finished")
    if start + length != len(file.memory):
        raise _damaged(path, f"it has {len(file.memory)} bytes and should have {start + length}")
    index = file.memory[start : start + length]
    if hashlib.sha256(index).digest() != digest:
        raise _damaged(path, "its index is damaged")
    try:
        texts, arrays = read_index(BytesIO(index))
    except DAMAGED as cause:
        raise _damaged(path, f"cannot read its index: {cause}") from None
    if texts["format"] != FORMAT:
        raise _damaged(path, f"its format is {texts['format']}, this version reads {FORMAT}")
    splits = {}
    for split, entry in texts["parts"].items():
        rows = arrays["rows"][entry["start"] : entry["start"] + len(entry["names"])]
        splits[split] = PackedImages(
            file=file,
            encoding=texts["encoding"],
            classes=tuple(entry["classes"]),
            names=entry["names"],
            labels=rows["label"],
            rows=rows,
        )
    return splits


def _damaged(path: Path, why: str) -> UserError:
    hint = "pack the images again with `ctcdsl data pack`"
    return error("CTC633", f"cannot use the pack: {why}", path=path, hint=hint)
