"""Which files are images: by their suffix, else by how their content begins."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final

SUFFIXES: Final = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp", ".dib"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
    }
)
"""A file of one of these is meant to be an image: one that cannot be read is an error."""
HEAD: Final = 32
"""Bytes that tell what a file is."""
SYSTEM_FOLDERS: Final = frozenset(
    {
        *("__macosx", "@eadir", "__pycache__", "lost+found", "$recycle.bin"),
        "system volume information",
    }
)
"""Folders, in lower case, that programs leave behind; some hold small copies of the images."""

_LEFTOVERS: Final = frozenset({".bak", ".tmp", ".part", ".partial", ".crdownload", ".download"})
_TIFF: Final = (b"II*\0", b"MM\0*")  # raw photographs begin so too, with a thumbnail inside
_PORTABLE: Final = re.compile(rb"P[1-6]\s+[\d#]")  # .ppm and the like
_STARTS: Final = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"),
    *(b"\0\0\0\x0cjP  \r\n\x87\n", b"qoif"),
)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one that people do not see or did not make."""
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS


def is_image(name: str, head: Callable[[], bytes]) -> bool:
    """Whether the file `name`, whose first `HEAD` bytes `head` reads, is meant to be an image."""
    suffix = suffix_of(name)
    if suffix in SUFFIXES:
        return True
    if suffix in _LEFTOVERS or name.endswith("~"):
        return False
    return _begins_as_image(head(), suffix)


def suffix_of(name: str) -> str:
    """The suffix of a file's name in lower case, with its dot; empty without one."""
    return os.path.splitext(name)[1].lower()


def kind_of(name: str) -> str:
    """What a file that is no image is called where it is counted: ``.txt``, ``no suffix``."""
    return suffix_of(name) or "no suffix"


def _begins_as_image(head: bytes, suffix: str) -> bool:
    if head.startswith(_STARTS):
        return True
    if head.startswith(_TIFF):
        return not suffix
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    if head[4:8] == b"ftyp":
        return head[8:12] in (b"avif", b"avis")
    if head[:2] == b"BM":
        return head[6:10] == bytes(4)
    return _PORTABLE.match(head) is not None
