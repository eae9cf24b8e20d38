"""Images in tar shards, as WebDataset writes them: read at any place, without unpacking."""

from __future__ import annotations

import contextlib
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctcdsl.images.decode import read_file
from ctcdsl.images.file_backed import FileBacked
from ctcdsl.images.folders import entries
from ctcdsl.images.split_names import split_of, split_of_shard
from ctcdsl.text import UserError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TarShards(FileBacked):
    """The images of some tar files, in the order of the files' names and of their members."""

    shards: tuple[Path, ...]
    places: NDArray[np.int64]
    """A row an image: number of its shard, first byte and length."""

    def content(self, index: int) -> bytes:
        """The member of image `index` as it is. Raises `UserError` CTC603 or CTC604."""
        shard, offset, size = self.places[index].tolist()
        # Opened each time: thousands of shards would be too many open files.
        return read_file(self.shards[shard], self.path(index), offset, size)

    def path(self, index: int) -> str:
        """Where image `index` is, for messages: its shard and its name there."""
        return f"{self.shards[self.places[index][0]]}:{self.names[index]}"


def find_shards(root: Path) -> dict[str, tuple[Path, ...]]:
    """The tar files of each split at `root`, sorted; ``all`` where no name says a split.

    They are ``root/SPLIT/*.tar`` or ``root/SPLIT*.tar``, where no letter may follow the split's
    name, or all in `root`, or `root` itself.
    """
    if os.path.isfile(root):
        return {"all": (root,)} if root.suffix.lower() == ".tar" or tarfile.is_tarfile(root) else {}
    found: dict[str, list[Path]] = {}
    for path in _paths(root) if os.path.isdir(root) else ():
        inner = [path] if _is_shard(path) else []
        split = split_of_shard(path.name)
        if not inner and (split := split_of(path.name)) is not None:
            with contextlib.suppress(UserError):
                inner = list(filter(_is_shard, _paths(path)))
        if inner:
            found.setdefault(split or "all", []).extend(inner)
    if len(found) > 1:
        found.pop("all", None)
    return {split: tuple(paths) for split, paths in found.items()}


def _paths(folder: Path) -> list[Path]:
    return [folder / entry.name for entry in entries(folder)]


def _is_shard(path: Path) -> bool:
    return path.suffix.lower() == ".tar" and not path.name.startswith(".") and path.is_file()
