"""Which files are images, by suffix or content; those that are not read, counted by kind."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from ctcdsl.text import Diagnostic, Severity
from ctcdsl.text.plural import plural

SUFFIXES: Final = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp", ".dib"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
    }
)
"""A file of one of these is meant to be an image: one that cannot be read is an error."""
HEAD: Final = 32
"""Bytes that tell what a file is."""

HIDDEN, SYSTEM_FOLDER, LOOSE = "hidden", "system folder", "outside of class folders"
DANGLING, LOOP, SPECIAL = "dangling link", "link to a folder already read", "not a regular file"
OTHER_FOLDER, OTHER_SPLIT = "folder beside the splits", "of another split"

# Folders, in lower case, that programs leave behind; some hold small copies of the images.
_SYSTEM_FOLDERS: Final = frozenset(
    {
        *("__macosx", "@eadir", "__pycache__", "lost+found", "$recycle.bin"),
        "system volume information",
    }
)
_LEFTOVERS: Final = frozenset({".bak", ".tmp", ".part", ".partial", ".crdownload", ".download"})
_TIFF: Final = (b"II*\0", b"MM\0*")  # raw photographs begin so too, with a thumbnail inside
_PORTABLE: Final = re.compile(rb"P[1-6]\s+[\d#]")  # .ppm and the like
_STARTS: Final = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"),
    *(b"\0\0\0\x0cjP  \r\n\x87\n", b"qoif"),
)
_EXAMPLES = 3  # names of each kind


def hidden_kind(name: str) -> str | None:
    """The kind of a file or folder that users do not see or did not make; None for others."""
    if name.lower() in _SYSTEM_FOLDERS:
        return SYSTEM_FOLDER
    return HIDDEN if name.startswith(".") else None


def other_kind(name: str, head: Callable[[], bytes]) -> str | None:
    """The kind of the file `name`, ``.txt`` or ``no suffix``; None where it is meant as an image.

    `head` reads its first `HEAD` bytes.
    """
    suffix = os.path.splitext(name)[1].lower()
    if suffix in SUFFIXES:
        return None
    leftover = suffix in _LEFTOVERS or name.endswith("~")
    return suffix or "no suffix" if leftover or not begins_as_image(head(), suffix) else None


def begins_as_image(head: bytes, suffix: str = "") -> bool:
    """Whether the first `HEAD` bytes of a file with a suffix are those of an image."""
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


@dataclass(slots=True)
class SkippedFiles:
    """How many files were skipped, by kind, with some of their names."""

    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, *names: str, count: int = 1) -> None:
        """Count a file, a link or a folder that is not searched; or `count` with some `names`."""
        self.counts[kind] = self.counts.get(kind, 0) + count
        self.names[kind] = [*self.names.get(kind, ()), *names][:_EXAMPLES]

    @classmethod
    def of(cls, counted: Iterable[SkippedFiles]) -> Self:
        """All of several together, each once: splits of one tar file share theirs."""
        total = cls()
        for skipped in {id(skipped): skipped for skipped in counted}.values():
            for kind, count in skipped.counts.items():
                total.add(kind, *skipped.names[kind], count=count)
        return total

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        kinds = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        by_kind = ", ".join(f"{count} {kind}" for kind, count in kinds)
        return f"{plural(self.total, 'file')} skipped: {by_kind}"

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Counts and some names by kind."""
        return {
            kind: {"count": count, "examples": self.names[kind]}
            for kind, count in sorted(self.counts.items())
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Mapping[str, Any]]) -> Self:
        """What `as_json` wrote."""
        return cls(
            {kind: int(entry["count"]) for kind, entry in values.items()},
            {kind: list(map(str, entry["examples"])) for kind, entry in values.items()},
        )


def skipped_notes(skipped: SkippedFiles) -> tuple[Diagnostic, ...]:
    """The note CTC916, where anything was skipped."""
    if not skipped.total:
        return ()
    return (Diagnostic(code="CTC916", message=str(skipped), severity=Severity.NOTE),)
