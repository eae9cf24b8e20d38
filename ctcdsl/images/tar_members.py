"""The images in one tar file, with their classes and splits."""

from __future__ import annotations

import os
import posixpath
import tarfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ctcdsl.images.decode import permission_error
from ctcdsl.images.skipped_files import (
    DANGLING,
    HEAD,
    SPECIAL,
    SkippedFiles,
    hidden_kind,
    other_kind,
)
from ctcdsl.images.split_names import split_of, splits_among
from ctcdsl.images.unsupported import unsupported_error
from ctcdsl.text import UserError, error

LABEL = ".cls"


class Member(NamedTuple):
    """An image in a tar file."""

    name: str
    """Its path there, without ``./``."""
    offset: int
    size: int
    label: str
    """The content of the file ``KEY.cls`` beside it; empty without one."""


class MemberPath(NamedTuple):
    """What the folders of an image's path say."""

    split: str
    """Empty where they name none."""
    folder: str
    """The folder that is the class; empty where there is none."""


def read_members(shard: Path, skipped: SkippedFiles) -> list[Member]:
    """The images of a shard in their order; the other files are `skipped`.

    Links lead to the member they name. Raises `UserError`: CTC604 no permission; CTC632 it is not
    a tar file, or ends too early; CTC635 it is compressed.
    """
    images: list[tuple[str, int, int]] = []
    links: list[tuple[str, str]] = []
    labels: dict[str, str] = {}
    if cause := unsupported_error(shard):
        raise cause
    try:
        length = shard.stat().st_size
        with shard.open("rb") as file, tarfile.open(shard, "r:") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # else it keeps all of them
                name = posixpath.normpath(member.name).lstrip("/")
                if member.isdir():
                    continue
                if kind := next(filter(None, map(hidden_kind, name.split("/"))), None):
                    skipped.add(kind, name)
                    continue
                if member.isreg() and member.offset_data + member.size > length:
                    raise shard_error(shard, "it ends too early")
                key, suffix = os.path.splitext(name)
                if suffix == LABEL and (label := tar.extractfile(member)) is not None:
                    labels[key] = label.read().decode("utf-8", errors="replace").strip()
                elif member.islnk() or member.issym():
                    here = posixpath.dirname(name) if member.issym() else ""
                    links.append((name, posixpath.normpath(posixpath.join(here, member.linkname))))
                elif not member.isreg():
                    skipped.add(SPECIAL, name)
                elif kind := other_kind(name, partial(_head, file, member.offset_data)):
                    skipped.add(kind, name)
                else:
                    images.append((name, member.offset_data, member.size))
            file.seek(tar.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise shard_error(shard, "it ends too early")  # tarfile ignores that
    except PermissionError:
        raise permission_error(shard) from None
    except (tarfile.TarError, OSError, EOFError) as cause:
        raise shard_error(shard, str(cause) or type(cause).__name__) from None
    locations = {name: (offset, size) for name, offset, size in images} if links else {}
    for name, target in links:
        if target in locations:
            images.append((name, *locations[target]))
        else:
            skipped.add(DANGLING, name)
    if not images:
        raise shard_error(shard, "no images in it")
    return [
        Member(name, offset, size, labels.get(os.path.splitext(name)[0], ""))
        for name, offset, size in images
    ]


def parse_paths(members: Sequence[Member]) -> list[MemberPath]:
    """Split and class of each member, as their folders say: ``TOP/SPLIT/CLASS/…/KEY``.

    Folders that contain all members and are not a class are ignored, as the one around all that a
    folder was packed with. A split has classes below it, or members with labels.
    """
    paths = [member.name.split("/")[:-1] for member in members]
    depths = [1 if member.label else 2 for member in members]  # a split, and a class without label
    top = 0
    while (
        all(len(path) >= top + depth for path, depth in zip(paths, depths, strict=True))
        and len({path[top] for path in paths}) == 1
        and split_of(paths[0][top]) is None
    ):
        top += 1
    candidates = {
        path[top] for path, depth in zip(paths, depths, strict=True) if len(path) >= top + depth
    }
    splits = splits_among(sorted(candidates))
    results = []
    for path in paths:
        split, *inner = path[top:] or [""]
        if split not in splits:
            inner = path[top:]
        results.append(MemberPath(splits.get(split, ""), inner[0] if inner else ""))
    return results


def _head(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    return file.read(HEAD)


def shard_error(shard: Path, why: str) -> UserError:
    """The error CTC632 for a shard."""
    hint = "shards are plain .tar files of KEY.jpg and KEY.cls, or of CLASS/KEY.jpg"
    return error("CTC632", f"cannot use the shard: {why}", path=shard, hint=hint)
