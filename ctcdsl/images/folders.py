"""Folders of images, one folder a class."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ctcdsl.images.decode import permission_error, read_file
from ctcdsl.images.image_set import FileBacked, first_names
from ctcdsl.images.skipped_files import (
    DANGLING,
    HEAD,
    LOOP,
    LOOSE,
    OTHER_FOLDER,
    SPECIAL,
    SkippedFiles,
    hidden_kind,
    other_kind,
)
from ctcdsl.text import UserError, error, reason
from ctcdsl.text.plural import plural

_LAYOUT = "images of a class are in a folder of its name: DIR/cat/1.jpg, DIR/dog/1.jpg"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageFolder(FileBacked):
    """Images in ``root/CLASS`` and in the folders below it, sorted by name, case-sensitively."""

    root: Path

    @classmethod
    def scan(cls, root: Path) -> Self:
        """The image folder at `root`; files that are not images are counted as skipped.

        Links are followed, but no folder is read twice for a class.

        Raises `UserError`: CTC601 `root` is missing, not a directory, empty, or has no class
        folder; CTC602 no folder has an image; CTC604 no permission.
        """
        names = subfolders(root)
        skipped = count_outside(root, names)
        if not names:
            raise _no_classes(root, skipped)
        files = {name: images_below(root / name, name, skipped) for name in names}
        classes = tuple(name for name in names if files[name])
        if not classes:
            raise error(
                "CTC602",
                f"no images in {plural(len(names), 'class folder')}: {first_names(names)}",
                path=root,
                notes=(str(skipped) if skipped.total else "",),
                hint=f"add images; {_LAYOUT}",
            )
        return cls(
            root=root,
            classes=classes,
            names=tuple(file for name in classes for file in files[name]),
            labels=tuple(label for label, name in enumerate(classes) for _ in files[name]),
            skipped=skipped,
            empty=tuple(name for name in names if not files[name]),
        )

    def content(self, index: int) -> bytes:
        """The file of image `index` as it is. Raises `UserError` CTC603 or CTC604."""
        return read_file(self.root / self.names[index])

    def path(self, index: int) -> str:
        """Where image `index` is, for messages."""
        return str(self.root / self.names[index])


def subfolders(root: Path) -> tuple[str, ...]:
    """The names of the visible folders in `root`, sorted. Raises `UserError` CTC601, CTC604."""
    return tuple(entry.name for entry in entries(root) if _is_visible_folder(entry))


def count_outside(root: Path, used: Collection[str]) -> SkippedFiles:
    """What is in `root` besides the files and folders that are `used`."""
    skipped = SkippedFiles()
    for entry in entries(root) if os.path.isdir(root) else ():
        if entry.name not in used:
            if _is_visible_folder(entry):
                skipped.add(OTHER_FOLDER, entry.name)
            elif not _skip(entry, entry.name, skipped):
                skipped.add(LOOSE, entry.name)
    return skipped


def images_below(folder: Path, name: str, skipped: SkippedFiles) -> list[str]:
    """The images in `folder` and below it as ``NAME/…``, sorted; all else is `skipped`.

    Raises `UserError` CTC604 where a folder may not be read.
    """
    images: list[str] = []
    resolved = folder.resolve()
    seen = {_identity(path) for path in (resolved, *resolved.parents)}
    pending = [(folder, name)]
    while pending:
        current, prefix = pending.pop()
        for entry in entries(current):
            path = f"{prefix}/{entry.name}"
            if _is_visible_folder(entry):
                if (identity := _identity(Path(entry.path))) in seen:
                    skipped.add(LOOP, path)
                else:
                    seen.add(identity)
                    pending.append((Path(entry.path), path))
            elif not _skip(entry, path, skipped):
                images.append(path)
    return sorted(images)


def _skip(entry: os.DirEntry[str], path: str, skipped: SkippedFiles) -> bool:
    """Count `entry`, which is not a folder of images, unless it is an image."""
    if entry.name.startswith(".ctcdsl-"):  # an index of tar shards
        return True
    if not (kind := hidden_kind(entry.name)):
        if not _safely(entry.is_file):
            kind = DANGLING if entry.is_symlink() else SPECIAL
        else:
            kind = other_kind(entry.name, lambda: _head(entry.path))
    if kind:
        skipped.add(kind, path)
    return kind is not None


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def _is_visible_folder(entry: os.DirEntry[str]) -> bool:
    return not hidden_kind(entry.name) and _safely(entry.is_dir)


def _safely(test: Callable[[], bool]) -> bool:
    try:
        return test()
    except OSError:  # a link that leads to itself
        return False


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (-1, -1)
    return status.st_dev, status.st_ino


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of `folder`, sorted by name; CTC601 and CTC604 where it cannot be read."""
    hint = "check the path"
    try:
        with os.scandir(folder) as scanned:
            return sorted(scanned, key=lambda entry: entry.name)
    except PermissionError:
        raise permission_error(folder, "directory") from None
    except FileNotFoundError:
        message = "no such data directory"
    except NotADirectoryError:
        message, hint = "this is a file, not a data directory", _LAYOUT
    except OSError as cause:
        message = f"cannot read the data directory: {reason(cause)}"
    raise error("CTC601", message, path=folder, hint=hint)


def _no_classes(root: Path, skipped: SkippedFiles) -> UserError:
    loose = skipped.counts.get(LOOSE, 0)
    if all(entry.name.startswith(".") for entry in entries(root)):
        state = "is empty"
    elif loose:
        state = f"has {plural(loose, 'image')} but no class folders"
    else:
        state = "has no class folders"
    return error("CTC601", f"the data directory {state}", path=root, hint=_LAYOUT)
