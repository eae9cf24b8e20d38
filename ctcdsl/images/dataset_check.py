"""Check every image of a data set: which are corrupt, odd, or there twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from PIL import Image

from ctcdsl.images.decode import open_content, pixels_of
from ctcdsl.images.image_set import FileBacked, images_per_class
from ctcdsl.images.packs import PackedImages
from ctcdsl.images.skipped_files import SkippedFiles
from ctcdsl.images.threads import prefetch_each
from ctcdsl.text import UserError

# Of the formats of suffixes, others that are as good: MPO is JPEG with more pictures after it.
_EQUIVALENT: Final = frozenset({("JPEG", "MPO"), ("DIB", "BMP")})
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

    def add(self, name: str, image: _ImageInfo, crop: int) -> None:
        """Note what is odd about an image."""
        if image.failure:
            self.corrupt.append((name, image.failure))
            return
        if image.mode in _GREY:
            self.greyscale.append(name)
        elif image.mode == "CMYK":
            self.cmyk.append(name)
        if min(image.size) < crop:
            self.tiny.append((name, *image.size))
        expected = Image.registered_extensions().get(os.path.splitext(name)[1].lower())
        equivalent = expected == image.format or (expected, image.format) in _EQUIVALENT
        if image.format and expected and not equivalent:
            self.mislabelled.append((name, image.format))


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
        return SkippedFiles.of((*(split.skipped for split in self.splits.values()), self.outside))

    @property
    def corrupt(self) -> int:
        """The number of images that cannot be read."""
        return sum(len(split.corrupt) for split in self.splits.values())


@dataclass(frozen=True, slots=True)
class _ImageInfo:
    """One image, decoded."""

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
    """Decode every image of `splits`; `progress` gets the images done and the images in all."""
    reports = {
        split: SplitReport(len(images), images_per_class(images), images.skipped, images.empty)
        for split, images in splits.items()
    }
    by_digest: dict[bytes, list[tuple[str, int]]] = {}
    for (split, at), image in prefetch_each(
        lambda item: _decode(splits[item[0]], item[1]),
        [(split, at) for split, images in splits.items() for at in range(len(images))],
        threads=workers,
        progress=progress,
    ):
        reports[split].add(splits[split].name(at), image, crop)
        if image.digest:
            by_digest.setdefault(image.digest, []).append((split, at))
    groups = [group for group in by_digest.values() if len(group) > 1]
    return DatasetReport(
        reports,
        tuple(
            tuple(f"{split}/{splits[split].name(at)}" for split, at in group) for group in groups
        ),
        sum(len({(split, splits[split].label(at)) for split, at in group}) > 1 for group in groups),
        outside,
    )


def _decode(images: FileBacked, at: int) -> _ImageInfo:
    name = images.name(at)
    try:
        content = images.content(at)
        digest = hashlib.blake2b(content, digest_size=16).digest()
        if isinstance(images, PackedImages) and images.encoding == "raw":
            return _ImageInfo(digest=digest, mode="RGB", size=images.size(at))
        opened = open_content(content, name)
        kind, mode = opened.format or "", opened.mode
        height, width, _ = pixels_of(opened, content, name).shape
    except UserError as cause:
        return _ImageInfo(failure=cause.diagnostics[0].message)
    return _ImageInfo(digest=digest, format=kind, mode=mode, size=(width, height))
