"""A look at every image of a set: which are corrupt, odd, or there twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from ctcdsl.images.datasets import skipped_files_of
from ctcdsl.images.decode import open_content, pixels_of
from ctcdsl.images.folders import ImageFolder
from ctcdsl.images.image_set import FileBacked, images_per_class
from ctcdsl.images.packs import PackedImages
from ctcdsl.images.skipped_files import SkippedFiles
from ctcdsl.images.threads import prefetch
from ctcdsl.text.diagnostic import UserError

_GROUP = 64
_AHEAD = 4

# What Pillow calls the formats that suffixes stand for; MPO is JPEG with more pictures behind it.
_FORMATS: Final[dict[str, frozenset[str]]] = {
    ".jpg": frozenset({"JPEG", "MPO"}),
    ".jpeg": frozenset({"JPEG", "MPO"}),
    ".jpe": frozenset({"JPEG", "MPO"}),
    ".jfif": frozenset({"JPEG", "MPO"}),
    ".png": frozenset({"PNG"}),
    ".webp": frozenset({"WEBP"}),
    ".bmp": frozenset({"BMP"}),
    ".gif": frozenset({"GIF"}),
    ".tif": frozenset({"TIFF"}),
    ".tiff": frozenset({"TIFF"}),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), frozenset({"PPM"})),
    ".avif": frozenset({"AVIF"}),
    ".dib": frozenset({"DIB", "BMP"}),
}
_GREY: Final = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F"})


@dataclass(slots=True)
class SplitReport:
    """What was found in one split."""

    images: int
    per_class: dict[str, int]
    skipped: SkippedFiles = field(default_factory=SkippedFiles)
    """Files that are not read."""
    empty: tuple[str, ...] = ()
    """Folders without images."""
    corrupt: list[tuple[str, str]] = field(default_factory=list)
    """Names and reasons."""
    greyscale: list[str] = field(default_factory=list)
    cmyk: list[str] = field(default_factory=list)
    tiny: list[tuple[str, int, int]] = field(default_factory=list)
    """Names, widths and heights of images whose shorter side is below the crop."""
    mislabelled: list[tuple[str, str]] = field(default_factory=list)
    """Names, and the format that the content is in."""


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What was found in all splits."""

    splits: dict[str, SplitReport]
    duplicates: tuple[tuple[str, ...], ...]
    """Groups of images with equal content, as SPLIT/NAME."""
    cross_split: int
    """How many of the groups have images of several splits or classes."""
    outside: SkippedFiles
    """Files that are in no split, and not read."""

    @property
    def skipped(self) -> SkippedFiles:
        """All files that are not read."""
        return SkippedFiles.of((*(part.skipped for part in self.splits.values()), self.outside))

    @property
    def corrupt(self) -> int:
        """The number of images that cannot be read."""
        return sum(len(part.corrupt) for part in self.splits.values())


@dataclass(frozen=True, slots=True)
class _ImageInfo:
    """One image, looked at."""

    failure: str = ""
    digest: bytes = b""
    format: str = ""
    mode: str = ""
    size: tuple[int, int] = (0, 0)


def check_dataset(
    splits: Mapping[str, FileBacked],
    *,
    outside: SkippedFiles,
    crop: int,
    workers: int,
    progress: Callable[[int, int], object],
) -> DatasetReport:
    """Decode every image of `parts`; `progress` hears images done and images in all."""
    places = [(split, at) for split, images in splits.items() for at in range(len(images))]
    found = {split: _part(images) for split, images in splits.items()}
    by_digest: dict[bytes, list[tuple[str, int]]] = {}
    works = (
        _Group(splits, places[start : start + _GROUP]) for start in range(0, len(places), _GROUP)
    )
    done = 0
    for work in prefetch(works, threads=workers, depth=_AHEAD):
        for (split, at), look in zip(work.places, work.looks, strict=True):
            _enter(found[split], splits[split].name(at), look, crop)
            if look.digest:
                by_digest.setdefault(look.digest, []).append((split, at))
        done += len(work.places)
        progress(done, len(places))
    groups = [group for group in by_digest.values() if len(group) > 1]
    return DatasetReport(
        found,
        tuple(
            tuple(f"{split}/{splits[split].name(at)}" for split, at in group) for group in groups
        ),
        sum(len({(split, splits[split].label(at)) for split, at in group}) > 1 for group in groups),
        outside,
    )


class _Group:
    """Some images on their way to be looked at."""

    def __init__(self, parts: Mapping[str, FileBacked], places: list[tuple[str, int]]) -> None:
        self.places, self._parts = places, parts
        self._looks: dict[int, _ImageInfo] = {}

    @property
    def tasks(self) -> list[Callable[[], object]]:
        """A call for each image."""
        return [partial(self._look, slot) for slot in range(len(self.places))]

    def _look(self, slot: int) -> None:
        split, at = self.places[slot]
        self._looks[slot] = _look(self._parts[split], at)

    @property
    def looks(self) -> list[_ImageInfo]:
        """What was seen, in the order of the places."""
        return [self._looks[slot] for slot in range(len(self.places))]


def _look(images: FileBacked, at: int) -> _ImageInfo:
    name = images.name(at)
    try:
        content = images.content(at)
        digest = hashlib.blake2b(content, digest_size=16).digest()
        if isinstance(images, PackedImages) and images.encoding == "raw":
            return _ImageInfo(digest=digest, mode="RGB", size=images.size(at))
        opened = open_content(content, name)
        kind, mode = opened.format or "", opened.mode
        height, width, _ = pixels_of(opened, content, name).shape
    except UserError as error:
        return _ImageInfo(failure=error.diagnostics[0].message)
    return _ImageInfo(digest=digest, format=kind, mode=mode, size=(width, height))


def _enter(part: SplitReport, name: str, look: _ImageInfo, crop: int) -> None:
    if look.failure:
        part.corrupt.append((name, look.failure))
        return
    suffix = os.path.splitext(name)[1].lower()
    if look.mode in _GREY:
        part.greyscale.append(name)
    elif look.mode == "CMYK":
        part.cmyk.append(name)
    if min(look.size) < crop:
        part.tiny.append((name, *look.size))
    if look.format and suffix in _FORMATS and look.format not in _FORMATS[suffix]:
        part.mislabelled.append((name, look.format))


def _part(images: FileBacked) -> SplitReport:
    empty = images.empty if isinstance(images, ImageFolder) else ()
    return SplitReport(len(images), images_per_class(images), skipped_files_of(images), empty)
