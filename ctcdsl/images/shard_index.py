"""What lies where in tar shards: found once, then kept in a file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctcdsl.images.skipped_files import LOOSE, OTHER_FOLDER, OTHER_SPLIT, SkippedFiles
from ctcdsl.images.tar_members import LABEL, Member, parse_paths, read_members, shard_error
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text.diagnostic import UserError

_FORMAT = 2  # of the file; another one is not read but made anew


@dataclass(frozen=True, slots=True, eq=False)
class ShardIndex:
    """The samples of some shards, in their order."""

    names: tuple[str, ...]
    places: NDArray[np.int64]
    """A row a sample: number of its shard, first byte and length of its image."""
    classes: tuple[str, ...]
    """The names of the classes, each once, sorted."""
    codes: NDArray[np.int64]
    """For each sample the number of its class in `classes`."""


@dataclass(frozen=True, slots=True, eq=False)
class ShardIndices:
    """What is in a group of shards: an index for each split, and what is not read."""

    splits: dict[str, ShardIndex]
    skipped: SkippedFiles


def load_indices(root: Path, group: str, shards: Sequence[Path]) -> ShardIndices:
    """The indices of `shards`, from their file where the shards are as they were, else made anew.

    The shards' names say that they are of the split `group`, or nothing (``all``): then the
    folders in them may say the split of each image. The file is in `root`, or in the user's cache
    where that cannot be written to.
    Raises `UserError` CTC604, CTC632 where a shard cannot be gone through.
    """
    state = _state(shards)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    unique = hashlib.sha256(os.fsencode(root.absolute())).hexdigest()[:16]
    beside = (root.parent if root.is_file() else root) / f".ctcdsl-{group}.index"
    files = [beside, Path(cache) / "ctcdsl" / f"shards-{unique}-{group}.index"]
    for file in files:
        if (found := _load(file, state)) is not None:
            return found
    found = _scan(group, shards)
    content = _pack(found, state)
    for file in files:
        with contextlib.suppress(UserError, OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, content)
            break
    return found


def _scan(group: str, shards: Sequence[Path]) -> ShardIndices:
    passed_over = SkippedFiles()
    numbers: list[int] = []
    members: list[Member] = []
    for number, shard in enumerate(shards):
        found = read_members(shard, passed_over)
        members += found
        numbers += [number] * len(found)
    rows: dict[str, list[tuple[int, Member, str]]] = {}
    places = parse_paths(members)
    splits = any(each.split for each in places)
    for number, member, place in zip(numbers, members, places, strict=True):
        split = place.split or group
        if not (label := member.label or place.folder):
            passed_over.add(LOOSE, member.name)
        elif group != "all" and split != group:
            passed_over.add(OTHER_SPLIT, member.name)
        elif splits and split == "all":
            passed_over.add(OTHER_FOLDER, member.name)
        else:
            rows.setdefault(split, []).append((number, member, label))
    if not rows:
        name = members[0].name
        raise shard_error(shards[0], f"{name} has no class: neither a {LABEL} file nor a folder")
    return ShardIndices({split: _index(found) for split, found in rows.items()}, passed_over)


def _index(rows: Sequence[tuple[int, Member, str]]) -> ShardIndex:
    classes = sorted({label for _, _, label in rows})
    codes = {name: code for code, name in enumerate(classes)}
    places = [(number, member.offset, member.size) for number, member, _ in rows]
    return ShardIndex(
        tuple(member.name for _, member, _ in rows),
        np.array(places, dtype=np.int64).reshape(-1, 3),
        tuple(classes),
        np.array([codes[label] for _, _, label in rows], dtype=np.int64),
    )


def _state(shards: Sequence[Path]) -> list[list[str | int]]:
    """What changes when the shards do."""
    state: list[list[str | int]] = []
    for shard in shards:
        try:
            found = shard.stat()
        except OSError as error:
            raise shard_error(shard, (error.strerror or str(error)).lower()) from None
        state.append([str(shard.absolute()), found.st_size, found.st_mtime_ns])
    return state


def _pack(indices: ShardIndices, state: list[list[str | int]]) -> bytes:
    texts = {
        "format": _FORMAT,
        "shards": state,
        "passed_over": indices.skipped.as_json(),
        "parts": {
            split: {"names": index.names, "classes": index.classes}
            for split, index in indices.splits.items()
        },
    }
    arrays: dict[str, NDArray[np.int64]] = {}
    for split, index in indices.splits.items():
        arrays |= {f"{split} places": index.places, f"{split} codes": index.codes}
    file = BytesIO()
    text = np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8)
    np.savez(file, allow_pickle=False, text=text, **arrays)
    return file.getvalue()


def _load(file: Path, state: list[list[str | int]]) -> ShardIndices | None:
    """The indices in `file`, None where it is missing, damaged or of other shards."""
    try:
        with np.load(file, allow_pickle=False) as arrays:  # a zip file, whose checksums are tested
            texts = json.loads(arrays["text"].tobytes())
            if texts["format"] != _FORMAT or texts["shards"] != state:
                return None
            parts = {
                split: ShardIndex(
                    tuple(part["names"]),
                    arrays[f"{split} places"],
                    tuple(part["classes"]),
                    arrays[f"{split} codes"],
                )
                for split, part in texts["parts"].items()
            }
            found = ShardIndices(parts, SkippedFiles.from_json(texts["passed_over"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
        return None
    fine = all(len(each.names) == len(each.places) == len(each.codes) for each in parts.values())
    return found if fine else None
