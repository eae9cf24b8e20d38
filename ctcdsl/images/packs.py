"""Packs: many images in one file, decoded already or small enough to be decoded fast.

A pack is a header of 64 bytes, the images one after another, and the index. The header says
where the index lies and what its SHA-256 is, and is written last: a file without it is no pack.
The index has a row an image (`ROW`), with a CRC-32 of its bytes.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
import weakref
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ctcdsl.images.decode import decode_content, unreadable
from ctcdsl.images.image_set import Pixels
from ctcdsl.text.diagnostic import Diagnostic, UserError

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


@dataclass(frozen=True, slots=True, eq=False)
class PackedImages:
    """The images of one split of a pack."""

    file: _File
    encoding: Encoding
    classes: tuple[str, ...]
    names: Sequence[str]
    rows: NDArray[Any]

    def __len__(self) -> int:
        return len(self.rows)

    def label(self, index: int) -> int:
        """The label of image `index`."""
        return int(self.rows["label"][index])

    def pixels(self, index: int) -> Pixels:
        """Image `index`. Raises `UserError` CTC603 where its bytes are damaged.

        Raw pixels are as they are in memory, and not verified: a CRC of all of an image would
        take longer than reading the crop that is wanted.
        """
        if self.encoding == "jpeg":
            return decode_content(self.content(index), self._place(index))
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
        except OSError as error:
            raise unreadable(self._place(index), (error.strerror or str(error)).lower()) from None
        if zlib.crc32(content) != row["crc"]:
            raise unreadable(self._place(index), "its bytes in the pack are damaged")
        return content

    def size(self, index: int) -> tuple[int, int]:
        """Width and height of image `index`."""
        return int(self.rows["width"][index]), int(self.rows["height"][index])

    def name(self, index: int) -> str:
        """What image `index` was called before it was packed."""
        return self.names[index]

    def _place(self, index: int) -> str:
        return f"{self.file.path}:{self.names[index]}"


class _File:
    """An open pack; closed when nobody has it any more."""

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
    """The image sets in a pack: ``train`` and ``test``, one of them, or ``all``.

    Raises `UserError` CTC633 where the pack is unfinished, cut short or damaged. The index is
    verified; an image is when it is read (see `PackedImages.pixels`).
    """
    try:
        file = _File(path)
        magic, start, length, digest = HEADER.unpack_from(file.memory)
    except (OSError, struct.error) as error:
        raise _damaged(path, f"cannot read it: {error}") from None
    if magic != MAGIC or not length:
        raise _damaged(path, "it is not finished")
    if start + length != len(file.memory):
        raise _damaged(path, f"it has {len(file.memory)} bytes and should have {start + length}")
    index = file.memory[start : start + length]
    if hashlib.sha256(index).digest() != digest:
        raise _damaged(path, "its index is damaged")
    try:
        with np.load(BytesIO(index), allow_pickle=False) as arrays:
            texts, rows = json.loads(arrays["text"].tobytes()), arrays["rows"]
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _damaged(path, f"cannot read its index: {error}") from None
    if texts["format"] != FORMAT:
        raise _damaged(path, f"its format is {texts['format']}, this version reads {FORMAT}")
    return {
        split: PackedImages(
            file,
            texts["encoding"],
            tuple(part["classes"]),
            part["names"],
            rows[part["start"] : part["start"] + len(part["names"])],
        )
        for split, part in texts["parts"].items()
    }


def index_bytes(texts: Mapping[str, Any], rows: NDArray[Any]) -> bytes:
    """The index of a pack: what `open_pack` reads."""
    text = np.frombuffer(json.dumps({"format": FORMAT, **texts}).encode(), dtype=np.uint8)
    file = BytesIO()
    np.savez(file, text=text, rows=rows)
    return file.getvalue()


def _damaged(path: Path, why: str) -> UserError:
    return UserError(
        Diagnostic(
            code="CTC633",
            message=f"cannot use the pack: {why}",
            path=str(path),
            hints=("make it anew with `ctcdsl data pack`",),
        )
    )
