"""Folders of images, a folder a class."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Self

from ctcdsl.images.decode import decode, read_file
from ctcdsl.images.image_files import HEAD, SYSTEM_FOLDERS, is_hidden, is_image, kind_of
from ctcdsl.images.image_set import Pixels, first_names
from ctcdsl.images.skipped_files import (
    DANGLING,
    HIDDEN,
    LOOP,
    LOOSE,
    OTHER_FOLDER,
    SPECIAL,
    SYSTEM_FOLDER,
    SkippedFiles,
)
from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.text.plural import plural


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """Images in ``root/CLASS`` and in the folders below it, sorted by name, case and all."""

    root: Path
    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: tuple[int, ...]
    skipped: SkippedFiles = field(default_factory=SkippedFiles, compare=False)
    empty: tuple[str, ...] = ()
    """Folders without any image: they are no classes."""

    @classmethod
    def scan(cls, root: Path) -> Self:
        """The image folder at `root`; what is no image is counted (see `image_files`).

        Links are followed, but no folder is read twice for a class.

        Raises `UserError`: CTC601 `root` is missing, no directory, empty, or has no class
        folder; CTC602 no folder has an image; CTC604 no permission.
        """
        names = subfolders(root)
        if not names:
            _no_classes(root)
        passed_over = SkippedFiles()
        found: dict[str, list[str]] = {}
        for entry in entries(root):
            if entry.name not in names:
                _pass_over(entry, entry.name, passed_over, loose=True)
        for name in names:
            found[name] = images_below(root / name, name, passed_over)
        classes = tuple(name for name in names if found[name])
        if not classes:
            _no_images(root, names, passed_over)
        return cls(
            root,
            classes,
            tuple(file for name in classes for file in found[name]),
            tuple(label for label, name in enumerate(classes) for _ in found[name]),
            passed_over,
            tuple(name for name in names if not found[name]),
        )

    def __len__(self) -> int:
        return len(self.files)

    def label(self, index: int) -> int:
        """The label of image `index`."""
        return self.labels[index]

    def pixels(self, index: int) -> Pixels:
        """Image `index`. Raises `UserError` CTC603 or CTC604 (see `decode`)."""
        return decode(self.root / self.files[index])

    def content(self, index: int) -> bytes:
        """The file of image `index` as it is. Raises `UserError` CTC603 or CTC604."""
        return read_file(self.root / self.files[index])

    def name(self, index: int) -> str:
        """The path of image `index` below the root."""
        return self.files[index]


def subfolders(root: Path) -> tuple[str, ...]:
    """The names of the visible folders in `root`, sorted. Raises `UserError` CTC601, CTC604."""
    return tuple(
        entry.name for entry in entries(root) if not is_hidden(entry.name) and _is_folder(entry)
    )


def images_below(folder: Path, name: str, passed_over: SkippedFiles) -> list[str]:
    """The images in `folder` and below it as ``NAME/…``, sorted; the rest is `passed_over`.

    Raises `UserError` CTC604 where a folder may not be read.
    """
    found: list[str] = []
    whole = folder.resolve()
    seen = {_identity(path) for path in (whole, *whole.parents)}
    todo = [(folder, name)]
    while todo:
        here, prefix = todo.pop()
        for entry in entries(here):
            path = f"{prefix}/{entry.name}"
            if not is_hidden(entry.name) and _is_folder(entry):
                if (identity := _identity(Path(entry.path))) in seen:
                    passed_over.add(LOOP, path)
                else:
                    seen.add(identity)
                    todo.append((Path(entry.path), path))
            elif not _pass_over(entry, path, passed_over):
                found.append(path)
    return sorted(found)


def count_outside(root: Path, used: Collection[str]) -> SkippedFiles:
    """What is in `root` beside the files and folders that are `used`."""
    found = SkippedFiles()
    for entry in entries(root) if root.is_dir() else ():
        if entry.name in used:
            continue
        if not is_hidden(entry.name) and _is_folder(entry):
            found.add(OTHER_FOLDER, entry.name)
        else:
            _pass_over(entry, entry.name, found, loose=True)
    return found


def _pass_over(
    entry: os.DirEntry[str], path: str, passed_over: SkippedFiles, *, loose: bool = False
) -> bool:
    """Count `entry`, which is no folder of images, unless it is an image in a class folder."""
    name = entry.name
    if name.lower() in SYSTEM_FOLDERS:
        kind = SYSTEM_FOLDER
    elif name.startswith(".ctcdsl-"):
        return True  # an index of our own
    elif is_hidden(name):
        kind = HIDDEN
    elif not _is_file(entry):
        kind = DANGLING if entry.is_symlink() else SPECIAL
    elif not is_image(name, lambda: _head(entry.path)):
        kind = kind_of(name)
    elif loose:
        kind = LOOSE
    else:
        return False
    passed_over.add(kind, path)
    return True


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (-1, -1)
    return found.st_dev, found.st_ino


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of `folder`, sorted by name; CTC601 and CTC604 where it cannot be read."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        folder_error("CTC601", "there is no such data directory", folder, "check the path")
    except NotADirectoryError:
        folder_error("CTC601", "this is a file, not a data directory", folder, LAYOUT)
    except PermissionError:
        hint = "make the directory readable for you"
        folder_error("CTC604", "no permission to read the directory", folder, hint)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        folder_error(
            "CTC601", f"cannot read the data directory: {reason}", folder, "check the path"
        )


LAYOUT = "images of a class are in a folder of its name: DIR/cat/1.jpg, DIR/dog/1.jpg"


def _no_classes(root: Path) -> NoReturn:
    passed_over = SkippedFiles()
    for entry in entries(root):
        _pass_over(entry, entry.name, passed_over, loose=True)
    loose = passed_over.counts.get(LOOSE, 0)
    what = f"has {plural(loose, 'image')} but no class folders" if loose else "has no class folders"
    empty = all(entry.name.startswith(".") for entry in entries(root))
    folder_error("CTC601", f"the data directory {'is empty' if empty else what}", root, LAYOUT)


def _no_images(root: Path, names: tuple[str, ...], passed_over: SkippedFiles) -> NoReturn:
    several = len(names) > 1
    raise UserError(
        Diagnostic(
            code="CTC602",
            message=f"no images in {len(names)} class folder{'s' * several}: {first_names(names)}",
            path=str(root),
            notes=(str(passed_over),) * bool(passed_over.total),
            hints=(f"add images; {LAYOUT}",),
        )
    )


def folder_error(code: str, message: str, path: Path, hint: str) -> NoReturn:
    """Raise a `UserError` of one diagnostic."""
    raise UserError(Diagnostic(code=code, message=message, path=str(path), hints=(hint,)))
