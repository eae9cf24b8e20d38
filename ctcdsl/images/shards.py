"""Images in tar shards, as WebDataset writes them: read at any place, without unpacking.

The images are listed once; the list is kept in a file beside the shards.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctcdsl.images.decode import read_file
from ctcdsl.images.folders import entries
from ctcdsl.images.image_set import FileBacked
from ctcdsl.images.index_file import DAMAGED, index_bytes, read_index
from ctcdsl.images.skipped_files import LOOSE, OTHER_FOLDER, OTHER_SPLIT, SkippedFiles
from ctcdsl.images.split_names import split_of, split_of_shard
from ctcdsl.images.tar_members import LABEL, Member, parse_paths, read_members, shard_error
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text import UserError, reason

_FORMAT = 3  # of the file; another one is not read, the shards are listed again
_MAX_NUMBER = 1_000_000  # a class called by a higher number is a name made of digits

State = list[tuple[str, int, int]]
"""Path, size and time of each shard: what changes when a shard does."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TarShards(FileBacked):
    """The images of some tar files, in the order of the files' names and of their members."""

    shards: tuple[Path, ...]
    locations: NDArray[np.int64]
    """A row an image: number of its shard, first byte and length."""

    def content(self, index: int) -> bytes:
        """The member of image `index` as it is. Raises `UserError` CTC603 or CTC604."""
        shard, offset, size = self.locations[index].tolist()
        # Opened each time: thousands of shards would be too many open files.
        return read_file(self.shards[shard], self.path(index), offset, size)

    def path(self, index: int) -> str:
        """Where image `index` is, for messages: its shard and its name there."""
        return f"{self.shards[self.locations[index][0]]}:{self.names[index]}"


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
    return path.suffix.lower() == ".tar" and not path.name.startswith(".") and os.path.isfile(path)


def open_shards(root: Path, group: str, shards: tuple[Path, ...]) -> dict[str, TarShards]:
    """The image sets in the shards of the split `group`: that alone, or of ``all`` those in them.

    A sample is ``KEY.jpg`` (or another image) with its class in ``KEY.cls``, a number or a name,
    or ``CLASS/…/KEY.jpg``; in shards whose names do not say a split, ``SPLIT/CLASS/…/KEY.jpg`` too.
    Where all classes are numbers, these are the labels. The shards are listed once, and the list
    is kept in `root`, or in the user's cache where that cannot be written, until a shard's size or
    time changes.

    Raises `UserError`: CTC604 no permission to read a shard; CTC632 one is not a tar file or has
    no image with a class.
    """
    state = _state(shards)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    unique = hashlib.sha256(os.fsencode(root.absolute())).hexdigest()[:16]
    folder = root.parent if os.path.isfile(root) else root
    files = [
        folder / f".ctcdsl-{group}.index",
        Path(cache) / "ctcdsl" / f"shards-{unique}-{group}.index",
    ]
    for file in files:
        if (stored := _load(file, shards, state)) is not None:
            return stored
    listed = _scan(group, shards)
    content = _to_bytes(listed, state)
    for file in files:
        with contextlib.suppress(UserError, OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, content)
            break
    return listed


def _scan(group: str, shards: tuple[Path, ...]) -> dict[str, TarShards]:
    skipped = SkippedFiles()
    members = [
        (number, member)
        for number, shard in enumerate(shards)
        for member in read_members(shard, skipped)
    ]
    paths = parse_paths([member for _, member in members])
    has_splits = any(path.split for path in paths)
    samples: dict[str, list[tuple[int, Member, str]]] = {}
    for (number, member), path in zip(members, paths, strict=True):
        split = path.split or group
        if not (label := member.label or path.folder):
            skipped.add(LOOSE, member.name)
        elif group != "all" and split != group:
            skipped.add(OTHER_SPLIT, member.name)
        elif has_splits and split == "all":
            skipped.add(OTHER_FOLDER, member.name)
        else:
            samples.setdefault(split, []).append((number, member, label))
    if not samples:
        name = members[0][1].name
        raise shard_error(shards[0], f"{name} has no class: neither a {LABEL} file nor a folder")
    return {split: _images(shards, rows, skipped) for split, rows in samples.items()}


def _images(
    shards: tuple[Path, ...], samples: Sequence[tuple[int, Member, str]], skipped: SkippedFiles
) -> TarShards:
    classes = sorted({label for _, _, label in samples})
    labels = {name: code for code, name in enumerate(classes)}
    if all(map(_is_number, classes)):
        labels = {name: int(name) for name in classes}
        classes = list(map(str, range(max(labels.values()) + 1)))
    locations = [(number, member.offset, member.size) for number, member, _ in samples]
    return TarShards(
        shards=shards,
        classes=tuple(classes),
        names=tuple(member.name for _, member, _ in samples),
        labels=np.array([labels[label] for _, _, label in samples], dtype=np.int64),
        locations=np.array(locations, dtype=np.int64).reshape(-1, 3),
        skipped=skipped,
    )


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 20 and int(name) < _MAX_NUMBER


def _state(shards: Sequence[Path]) -> State:
    state = []
    for shard in shards:
        try:
            status = shard.stat()
        except OSError as cause:
            raise shard_error(shard, reason(cause)) from None
        state.append((str(shard.absolute()), status.st_size, status.st_mtime_ns))
    return state


def _to_bytes(listed: Mapping[str, TarShards], state: State) -> bytes:
    skipped = next(iter(listed.values())).skipped
    texts = {
        "format": _FORMAT,
        "shards": state,
        "skipped": skipped.as_json(),
        "splits": {
            split: {"names": images.names, "classes": images.classes}
            for split, images in listed.items()
        },
    }
    arrays: dict[str, NDArray[Any]] = {}
    for split, images in listed.items():
        arrays |= {
            f"{split} locations": images.locations,
            f"{split} labels": np.asarray(images.labels),
        }
    return index_bytes(texts, arrays)


def _load(file: Path, shards: tuple[Path, ...], state: State) -> dict[str, TarShards] | None:
    """The image sets that `file` lists; None where it is missing, damaged or of other shards."""
    try:
        texts, arrays = read_index(file)
        if texts["format"] != _FORMAT or texts["shards"] != list(map(list, state)):
            return None
        skipped = SkippedFiles.from_json(texts["skipped"])
        listed = {
            split: TarShards(
                shards=shards,
                classes=tuple(entry["classes"]),
                names=tuple(entry["names"]),
                labels=arrays[f"{split} labels"],
                locations=arrays[f"{split} locations"],
                skipped=skipped,
            )
            for split, entry in texts["splits"].items()
        }
    except DAMAGED:
        return None
    intact = all(
        len(images.names) == len(images.locations) == len(images.labels)
        for images in listed.values()
    )
    return listed if intact else None
