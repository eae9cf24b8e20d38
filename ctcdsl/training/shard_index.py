"""What lies where in tar shards: found once, then kept in a file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.text.files import write_whole
from ctcdsl.training.decode import SUFFIXES

_FORMAT = 1  # of the file; another one is not read but made anew
_LABEL = ".cls"


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """The samples of some shards, in their order."""

    names: tuple[str, ...]
    places: NDArray[np.int64]
    """A row a sample: number of its shard, first byte and length of its image."""
    classes: tuple[str, ...]
    """The names of the classes, each once, sorted."""
    codes: NDArray[np.int64]
    """For each sample the number of its class in `classes`."""


def index_of(root: Path, split: str, shards: Sequence[Path]) -> Index:
    """The index of `shards`, from its file where the shards are as they were, else made anew.

    The file lies in `root`, or in the user's cache where that cannot be written to.
    Raises `UserError` CTC604, CTC632 where a shard cannot be gone through.
    """
    state = _state(shards)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    unique = hashlib.sha256(os.fsencode(root.absolute())).hexdigest()[:16]
    beside = (root.parent if root.is_file() else root) / f".ctcdsl-{split}.index"
    files = [beside, Path(cache) / "ctcdsl" / f"shards-{unique}-{split}.index"]
    for file in files:
        if (index := _load(file, state)) is not None:
            return index
    index = _scan(shards)
    content = _pack(index, state)
    for file in files:
        with contextlib.suppress(UserError, OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, content)
            break
    return index


def _scan(shards: Sequence[Path]) -> Index:
    names: list[str] = []
    places: list[tuple[int, int, int]] = []
    labels: list[str] = []
    for number, shard in enumerate(shards):
        for name, offset, size, label in _samples(shard):
            names.append(name)
            places.append((number, offset, size))
            labels.append(label)
    classes = sorted(set(labels))
    codes = {name: code for code, name in enumerate(classes)}
    return Index(
        tuple(names),
        np.array(places, dtype=np.int64).reshape(-1, 3),
        tuple(classes),
        np.array([codes[label] for label in labels], dtype=np.int64),
    )


def _samples(shard: Path) -> Iterator[tuple[str, int, int, str]]:
    """Name, first byte, length and class of each image in a shard."""
    images: list[tuple[str, int, int]] = []
    labels: dict[str, str] = {}
    try:
        length = shard.stat().st_size
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # else it keeps all of them
                name = member.name.removeprefix("./")
                key, suffix = os.path.splitext(name)
                if not member.isreg() or os.path.basename(name).startswith("."):
                    continue
                if member.offset_data + member.size > length:
                    raise _bad(shard, "it ends too early")
                if suffix == _LABEL and (label := tar.extractfile(member)) is not None:
                    labels[key] = label.read().decode("utf-8", errors="replace").strip()
                elif suffix.lower() in SUFFIXES:
                    images.append((name, member.offset_data, member.size))
            with shard.open("rb") as file:
                file.seek(tar.offset)
                if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                    raise _bad(shard, "it ends too early")  # tarfile passes over that
    except PermissionError:
        raise UserError(
            Diagnostic(
                code="CTC604",
                message="no permission to read the shard",
                path=str(shard),
                hints=("make the file readable for you",),
            )
        ) from None
    except (tarfile.TarError, OSError, EOFError) as error:
        raise _bad(shard, str(error) or type(error).__name__) from None
    if not images:
        raise _bad(shard, "it holds no images")
    for name, offset, size in images:
        known = labels.get(os.path.splitext(name)[0], os.path.basename(os.path.dirname(name)))
        if not known:
            raise _bad(shard, f"{name} has no class: neither a {_LABEL} file nor a folder")
        yield name, offset, size, known


def _bad(shard: Path, why: str) -> UserError:
    return UserError(
        Diagnostic(
            code="CTC632",
            message=f"cannot use the shard: {why}",
            path=str(shard),
            hints=("shards are plain .tar files of KEY.jpg and KEY.cls, or of CLASS/KEY.jpg",),
        )
    )


def _state(shards: Sequence[Path]) -> list[list[str | int]]:
    """What changes when the shards do."""
    state: list[list[str | int]] = []
    for shard in shards:
        try:
            found = shard.stat()
        except OSError as error:
            raise _bad(shard, (error.strerror or str(error)).lower()) from None
        state.append([str(shard.absolute()), found.st_size, found.st_mtime_ns])
    return state


def _pack(index: Index, state: list[list[str | int]]) -> bytes:
    texts = {"format": _FORMAT, "shards": state, "names": index.names, "classes": index.classes}
    file = BytesIO()
    text = np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8)
    np.savez(file, text=text, places=index.places, codes=index.codes)
    return file.getvalue()


def _load(file: Path, state: list[list[str | int]]) -> Index | None:
    """The index in `file`, None where it is missing, damaged or of other shards."""
    try:
        with np.load(file, allow_pickle=False) as arrays:  # a zip file, whose checksums are tested
            texts = json.loads(arrays["text"].tobytes())
            if texts["format"] != _FORMAT or texts["shards"] != state:
                return None
            names, classes = tuple(texts["names"]), tuple(texts["classes"])
            index = Index(names, arrays["places"], classes, arrays["codes"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    return index if len(names) == len(index.places) == len(index.codes) else None
