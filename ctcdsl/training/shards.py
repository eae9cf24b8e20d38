"""Images in tar shards, as WebDataset writes them: read at any place, without unpacking."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.training.data import Pixels
from ctcdsl.training.decode import decode_content, unreadable
from ctcdsl.training.shard_index import Index, index_of

_MOST_NUMBERS = 1_000_000  # a higher number is a name made of digits


@dataclass(frozen=True, slots=True, eq=False)
class TarShards:
    """The images of some tar files, in the order of the files' names and of their members."""

    shards: tuple[Path, ...]
    classes: tuple[str, ...]
    index: Index
    labels: NDArray[np.int64]

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


def find(root: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """The tar files of a split that has one of these names, sorted; of the first that has any.

    They are ``root/NAME/*.tar`` or ``root/NAME*.tar``, where no letter may follow the name. The
    empty name means all in `root`, or `root` itself.
    """
    if root.is_file() and root.suffix == ".tar":
        return (root,) if "" in names else ()
    for name in names:
        for folder, start in ((root / name, ""), (root, name)):
            found = [
                path
                for path in folder.glob("*.tar")
                if path.name.startswith(start) and not path.name[len(start)].isalpha() * bool(start)
            ]
            if found:
                return tuple(sorted(found))
    return ()


def open_shards(root: Path, parts: Mapping[str, tuple[Path, ...]]) -> dict[str, TarShards]:
    """The image sets in the shards of each split.

    A sample is ``KEY.jpg`` (or another image) with its class in ``KEY.cls``, a number or a name,
    or ``CLASS/KEY.jpg``. Numbers are labels as they are, over all splits; the classes are called
    after them. The shards are gone through once, and what was found is kept in `root`, or in the
    user's cache where that cannot be written, until a shard's size or time changes.

    Raises `UserError`: CTC604 a shard may not be read; CTC632 one is no tar file or has an image
    without a class.
    """
    indices = {split: index_of(root, split, paths) for split, paths in parts.items()}
    highest = max(map(_highest, indices.values()), default=-1)
    numbered = all(_highest(index) >= 0 for index in indices.values()) and highest < _MOST_NUMBERS
    sets = {}
    for split, index in indices.items():
        classes, labels = index.classes, index.codes
        if numbered:
            classes = tuple(map(str, range(highest + 1)))
            labels = np.array([int(name) for name in index.classes], dtype=np.int64)[index.codes]
        sets[split] = TarShards(parts[split], classes, index, labels)
    return sets


def _highest(index: Index) -> int:
    """The highest class number, -1 where a class is no number."""
    if all(name.isascii() and name.isdecimal() for name in index.classes):
        return max(map(int, index.classes))
    return -1
