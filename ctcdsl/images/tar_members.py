"""The images in one tar file, with their classes; and in which split each is."""

from __future__ import annotations

import os
import posixpath
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ctcdsl.images.image_files import HEAD, SYSTEM_FOLDERS, is_image, kind_of
from ctcdsl.images.skipped_files import DANGLING, HIDDEN, SPECIAL, SYSTEM_FOLDER, SkippedFiles
from ctcdsl.images.split_names import split_of, splits_among
from ctcdsl.images.unsupported import unsupported_error, unsupported_format
from ctcdsl.text.diagnostic import Diagnostic, UserError

LABEL = ".cls"


class Member(NamedTuple):
    """An image in a tar file."""

    name: str
    """Its path there, without ``./``."""
    offset: int
    size: int
    label: str
    """What the file ``KEY.cls`` beside it holds; empty without one."""


class MemberPath(NamedTuple):
    """What the folders of an image's path say."""

    split: str
    """Empty where they name none."""
    folder: str
    """The folder that is the class; empty where there is none."""


def read_members(shard: Path, passed_over: SkippedFiles) -> list[Member]:
    """The images of a shard in their order; the other files are `passed_over`.

    Links lead to the member they name. Raises `UserError`: CTC604 no permission; CTC632 it is no
    tar file, or ends too early; CTC635 it is compressed.
    """
    images: list[tuple[str, int, int]] = []
    links: list[tuple[str, str]] = []
    labels: dict[str, str] = {}
    if (other := unsupported_format(shard)) is not None:
        raise unsupported_error(other)
    try:
        length = shard.stat().st_size
        with shard.open("rb") as file, tarfile.open(shard, "r:") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # else it keeps all of them
                name = posixpath.normpath(member.name).lstrip("/")
                if member.isdir() or _hidden(name, passed_over):
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
                    passed_over.add(SPECIAL, name)
                elif is_image(name, lambda at=member.offset_data: _head(file, at)):  # type: ignore[misc]
                    images.append((name, member.offset_data, member.size))
                else:
                    passed_over.add(kind_of(name), name)
            file.seek(tar.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise shard_error(shard, "it ends too early")  # tarfile passes over that
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
        raise shard_error(shard, str(error) or type(error).__name__) from None
    if links:
        places = {name: (offset, size) for name, offset, size in images}
        for name, target in links:
            if target in places:
                images.append((name, *places[target]))
            else:
                passed_over.add(DANGLING, name)
    if not images:
        raise shard_error(shard, "it holds no images")
    return [
        Member(name, offset, size, labels.get(os.path.splitext(name)[0], ""))
        for name, offset, size in images
    ]


def parse_paths(members: Sequence[Member]) -> list[MemberPath]:
    """Split and class of each member, as their folders say: ``TOP/SPLIT/CLASS/…/KEY``.

    Folders that hold all members and are no class are passed by, as the one around all that a
    folder was packed with. A split has classes below it, or members with labels.
    """
    folders = [each.name.split("/")[:-1] for each in members]
    need = [1 if each.label else 2 for each in members]  # a folder, and a class where it is one
    top = 0
    while (
        all(len(path) >= top + least for path, least in zip(folders, need, strict=True))
        and len({path[top] for path in folders}) == 1
        and split_of(folders[0][top]) is None
    ):
        top += 1
    holders = {
        path[top] for path, least in zip(folders, need, strict=True) if len(path) >= top + least
    }
    splits = splits_among(sorted(holders))
    result = []
    for path in folders:
        rest = path[top:]
        split = splits.get(rest[0], "") if rest else ""
        inner = rest[1:] if split else rest
        result.append(MemberPath(split, inner[0] if inner else ""))
    return result


def _hidden(name: str, passed_over: SkippedFiles) -> bool:
    for part in name.split("/"):
        if part.lower() in SYSTEM_FOLDERS:
            passed_over.add(SYSTEM_FOLDER, name)
            return True
        if part.startswith("."):
            passed_over.add(HIDDEN, name)
            return True
    return False


def _head(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    return file.read(HEAD)


def shard_error(shard: Path, why: str) -> UserError:
    """The error CTC632 for a shard."""
    return UserError(
        Diagnostic(
            code="CTC632",
            message=f"cannot use the shard: {why}",
            path=str(shard),
            hints=("shards are plain .tar files of KEY.jpg and KEY.cls, or of CLASS/KEY.jpg",),
        )
    )
