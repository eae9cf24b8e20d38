"""Folders of images, a folder a class."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Self

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.training.data import Pixels
from ctcdsl.training.decode import SUFFIXES, decode, read


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """Images at ``root/CLASS/FILE``; classes and files are sorted by name, case and all."""

    root: Path
    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: tuple[int, ...]

    @classmethod
    def scan(cls, root: Path) -> Self:
        """The image folder at `root`. Hidden entries and other files are passed over.

        Raises `UserError`: CTC601 `root` is missing, no directory, empty, or has no class
        folder; CTC602 a class without images (every such class is named); CTC604 no permission.
        """
        classes = subfolders(root)
        if not classes:
            _no_classes(root)
        files: list[str] = []
        labels: list[int] = []
        problems: list[Diagnostic] = []
        for label, name in enumerate(classes):
            found = _images(root / name)
            if not found:
                problems.append(_no_images(root / name))
            files += [f"{name}/{file}" for file in found]
            labels += [label] * len(found)
        if problems:
            raise UserError(*problems)
        return cls(root, classes, tuple(files), tuple(labels))

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
        return read(self.root / self.files[index])

    def name(self, index: int) -> str:
        """The path of image `index` below the root."""
        return self.files[index]


def subfolders(root: Path) -> tuple[str, ...]:
    """The names of the visible folders in `root`, sorted. Raises `UserError` CTC601, CTC604."""
    return tuple(sorted(entry.name for entry in entries(root) if entry.is_dir()))


def _images(folder: Path) -> list[str]:
    return sorted(
        entry.name
        for entry in entries(folder)
        if os.path.splitext(entry.name)[1].lower() in SUFFIXES and entry.is_file()
    )


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """The visible entries of `folder`; CTC601 and CTC604 where there is none to be had."""
    try:
        with os.scandir(folder) as found:
            return [entry for entry in found if not entry.name.startswith(".")]
    except FileNotFoundError:
        refuse("CTC601", "there is no such data directory", folder, "check the path")
    except NotADirectoryError:
        refuse("CTC601", "this is a file, not a data directory", folder, LAYOUT)
    except PermissionError:
        hint = "make the directory readable for you"
        refuse("CTC604", "no permission to read the directory", folder, hint)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        refuse("CTC601", f"cannot read the data directory: {reason}", folder, "check the path")


LAYOUT = "images of a class lie in a folder of its name: DIR/cat/1.jpg, DIR/dog/1.jpg"


def _no_classes(root: Path) -> NoReturn:
    loose = len(_images(root))
    what = (
        f"has {loose} image{'s' * (loose > 1)} but no class folders"
        if loose
        else "has no class folders"
    )
    empty = not entries(root)
    refuse("CTC601", f"the data directory {'is empty' if empty else what}", root, LAYOUT)


def _no_images(folder: Path) -> Diagnostic:
    inner = subfolders(folder)
    return Diagnostic(
        code="CTC602",
        message=f"the class {folder.name!r} has no images",
        path=str(folder),
        notes=(f"it holds folders ({', '.join(inner[:3])}), which are not searched",) * bool(inner),
        hints=(
            f"add images ({' '.join(sorted(SUFFIXES))}), or remove the folder if it is no class",
        ),
    )


def refuse(code: str, message: str, path: Path, hint: str) -> NoReturn:
    """Raise a `UserError` of one diagnostic."""
    raise UserError(Diagnostic(code=code, message=message, path=str(path), hints=(hint,)))
