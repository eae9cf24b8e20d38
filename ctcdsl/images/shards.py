"""Images in tar shards, as WebDataset writes them: read at any place, without unpacking."""

from __future__ import annotations

import contextlib
import os
import tarfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctcdsl.images.decode import decode_content, unreadable
from ctcdsl.images.image_set import Pixels
from ctcdsl.images.shard_index import ShardIndex, load_indices
from ctcdsl.images.skipped_files import SkippedFiles
from ctcdsl.images.split_names import split_of, split_of_shard
from ctcdsl.text.diagnostic import Diagnostic, UserError

_MOST_NUMBERS = 1_000_000  # a higher number is a name made of digits


@dataclass(frozen=True, slots=True, eq=False)
class TarShards:
    """The images of some tar files, in the order of the files' names and of their members."""

    shards: tuple[Path, ...]
    classes: tuple[str, ...]
    index: ShardIndex
    labels: NDArray[np.int64]
    skipped: SkippedFiles = field(default_factory=SkippedFiles)
    """Files in the shards that are not read."""

    def __len__(self) -> int:
        return len(self.labels)

    def label(self, index: int) -> int:
        """The label of image `index`."""
        return int(self.labels[index])

    def pixels(self, index: int) -> Pixels:
        """Image `index`. Raises `UserError` CTC603 or CTC604."""
        return decode_content(self.content(index), self._place(index))

    def content(self, index: int) -> bytes:
        """The member of image `index` as it is. Raises `UserError` CTC603 or CTC604."""
        shard, offset, size = self.index.places[index].tolist()
        path = self.shards[shard]
        try:
            # Opened each time: thousands of shards would be too many open files.
            file = os.open(path, os.O_RDONLY)
            try:
                content = os.pread(file, size, offset)
            finally:
                os.close(file)
        except PermissionError:
            raise UserError(
                Diagnostic(
                    code="CTC604",
                    message="no permission to read the shard",
                    path=str(path),
                    hints=("make the file readable for you",),
                )
            ) from None
        except OSError as error:
            raise unreadable(self._place(index), (error.strerror or str(error)).lower()) from None
        if len(content) < size:
            raise unreadable(self._place(index), "the shard ends too early")
        return content

    def name(self, index: int) -> str:
        """The name of image `index`'s member."""
        return self.index.names[index]

    def _place(self, index: int) -> str:
        return f"{self.shards[self.index.places[index][0]]}:{self.index.names[index]}"


def find_shards(root: Path) -> dict[str, tuple[Path, ...]]:
    """The tar files of each split at `root`, sorted; ``all`` where no name says a split.

    They are ``root/SPLIT/*.tar`` or ``root/SPLIT*.tar``, where no letter may follow the split's
    name, or all in `root`, or `root` itself.
    """
    if root.is_file():
        return {"all": (root,)} if root.suffix.lower() == ".tar" or tarfile.is_tarfile(root) else {}
    found: dict[str, list[Path]] = {}
    for entry in sorted(root.iterdir()) if root.is_dir() else ():
        inner = [entry] if is_shard(entry) else []
        split = split_of_shard(entry.name)
        if not inner and (split := split_of(entry.name)) is not None:
            with contextlib.suppress(OSError):
                inner = sorted(filter(is_shard, entry.iterdir()))
        if inner:
            found.setdefault(split or "all", []).extend(inner)
    if len(found) > 1:
        found.pop("all", None)
    return {split: tuple(paths) for split, paths in found.items()}


def is_shard(path: Path) -> bool:
    """Whether `path` is called as a tar file is."""
    return path.suffix.lower() == ".tar" and not path.name.startswith(".") and path.is_file()


def open_shards(root: Path, group: str, paths: tuple[Path, ...]) -> dict[str, TarShards]:
    """The image sets in the shards of the split `group`: that alone, or of ``all`` those in them.

    A sample is ``KEY.jpg`` (or another image) with its class in ``KEY.cls``, a number or a name,
    or ``CLASS/…/KEY.jpg``; shards whose names say no split may have ``SPLIT/CLASS/…/KEY.jpg``.
    Numbers are labels as they are; the classes are called after them. The shards are gone through
    once, and what was found is kept in `root`, or in the user's cache where that cannot be
    written, until a shard's size or time changes.

    Raises `UserError`: CTC604 a shard may not be read; CTC632 one is no tar file or has no image
    with a class.
    """
    found = load_indices(root, group, paths)
    return {
        split: _with_numeric_labels(
            TarShards(paths, index.classes, index, index.codes, found.skipped)
        )
        for split, index in found.splits.items()
    }


def _with_numeric_labels(images: TarShards) -> TarShards:
    """The same images with their classes' numbers as labels, where all classes are numbers."""
    highest = _max_class_number(images.index)
    if not 0 <= highest < _MOST_NUMBERS:
        return images
    numbers = np.array([int(name) for name in images.classes], dtype=np.int64)
    classes = tuple(map(str, range(highest + 1)))
    return replace(images, classes=classes, labels=numbers[images.labels])


def _max_class_number(index: ShardIndex) -> int:
    """The highest class number, -1 where a class is no number."""
    if all(name.isascii() and name.isdecimal() for name in index.classes):
        return max(map(int, index.classes))
    return -1
