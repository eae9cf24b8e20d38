"""Image sets: labelled images by index, and the folders they come from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, Protocol, Self

from PIL import Image

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.training.decode import SUFFIXES, decode

Split = Literal["train", "test"]

# ImageNet's own `test` has no labels, so `val` goes first.
_FOLDERS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training"),
    "test": ("val", "valid", "validation", "test"),
}
_HELD_OUT = 10  # of a folder without splits, one image in so many is kept for testing


class ImageSet(Protocol):
    """Labelled RGB images by index, the same ones in the same order every time."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into them."""

    def __len__(self) -> int:
        """The number of images."""

    def label(self, index: int) -> int:
        """The label of image `index`."""

    def image(self, index: int) -> Image.Image:
        """Image `index`, mode RGB. Raises `UserError` where it cannot be read."""

    def name(self, index: int) -> str:
        """What messages call image `index`."""


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
        classes = _folders(root)
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

    def image(self, index: int) -> Image.Image:
        """Image `index`, mode RGB. Raises `UserError` CTC603 or CTC604 (see `decode`)."""
        return decode(self.root / self.files[index])

    def name(self, index: int) -> str:
        """The path of image `index` below the root."""
        return self.files[index]


@dataclass(frozen=True, slots=True)
class Subset:
    """Some images of another set, in a given order, with its classes."""

    whole: ImageSet
    indices: tuple[int, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the whole set."""
        return self.whole.classes

    def __len__(self) -> int:
        return len(self.indices)

    def label(self, index: int) -> int:
        """The label of image `index` of this subset."""
        return self.whole.label(self.indices[index])

    def image(self, index: int) -> Image.Image:
        """Image `index` of this subset."""
        return self.whole.image(self.indices[index])

    def name(self, index: int) -> str:
        """What the whole set calls image `index` of this subset."""
        return self.whole.name(self.indices[index])


@dataclass(frozen=True, slots=True)
class Splits:
    """A training set, a test set of the same classes, and what the user should know of them."""

    train: ImageSet
    test: ImageSet
    note: str = ""


def open_folder(root: Path, split: Split) -> ImageFolder:
    """The images of one split: those in `root`'s folder for it, else those in `root` itself.

    The folder for ``train`` is ``train``; that for ``test`` is ``val`` or ``test``. Only a folder
    that holds folders counts: a class may be called "train".

    Raises `UserError` as `ImageFolder.scan`; CTC601 also where `root` has only the other split.
    """
    own = _split_folder(root, split)
    if own is not None:
        return ImageFolder.scan(own)
    other: Split = "test" if split == "train" else "train"
    if (found := _split_folder(root, other)) is not None:
        wanted = " or ".join(f"{name}/" for name in _FOLDERS[split])
        raise UserError(
            Diagnostic(
                code="CTC601",
                message=f"there is {found.name}/ but no folder of {split} images",
                path=str(root),
                hints=(f"name it {wanted}",),
            )
        )
    return ImageFolder.scan(root)


def open_splits(root: Path) -> Splits:
    """The training and the test images in `root`.

    Where `root` has no split folders, every tenth image of each class is held out for testing,
    the same ones every time, and the note says so.

    Raises `UserError` as `open_folder`; CTC611 where the splits differ in their classes.
    """
    if _split_folder(root, "train") is not None or _split_folder(root, "test") is not None:
        train, test = open_folder(root, "train"), open_folder(root, "test")
        require_same_classes(train, test)
        return Splits(train, test)
    whole = ImageFolder.scan(root)
    held_out = set(_every_tenth(whole.labels))
    if not held_out:
        raise UserError(
            Diagnostic(
                code="CTC601",
                message="too few images to hold some out for testing",
                path=str(root),
                notes=(f"no class has {_HELD_OUT // 2} images",),
                hints=("put training images in train/CLASS/ and test images in val/CLASS/",),
            )
        )
    train_indices = tuple(index for index in range(len(whole)) if index not in held_out)
    note = (
        f"{root} has no train/ and val/ folders: every tenth image of a class "
        f"({len(held_out)} in all) is held out for testing"
    )
    return Splits(Subset(whole, train_indices), Subset(whole, tuple(sorted(held_out))), note)


def require_same_classes(train: ImageSet, test: ImageSet) -> None:
    """Raise `UserError` CTC611 unless both sets have the same classes in the same order."""
    if train.classes == test.classes:
        return
    raise UserError(
        Diagnostic(
            code="CTC611",
            message=(
                f"the training images have {len(train.classes)} classes, "
                f"the test images {len(test.classes)}, and not the same ones"
            ),
            notes=difference(train.classes, test.classes, "training", "testing"),
            hints=("both need the same class folders",),
        )
    )


def difference(
    first: Sequence[str], second: Sequence[str], first_word: str, second_word: str
) -> tuple[str, ...]:
    """Sentences on the names that only one of two class lists has, three names at most each."""
    notes = []
    for these, those, word in ((first, second, first_word), (second, first, second_word)):
        known = set(those)
        only = [name for name in these if name not in known]
        if only:
            more = f" and {len(only) - 3} more" if len(only) > 3 else ""
            notes.append(f"only in {word}: {', '.join(only[:3])}{more}")
    return tuple(notes) or ("the names are the same, their order differs",)


def _every_tenth(labels: Sequence[int]) -> Iterator[int]:
    """Of each label the fifth, fifteenth, … index."""
    seen: dict[int, int] = {}
    for index, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        if seen[label] % _HELD_OUT == _HELD_OUT // 2:
            yield index


def _split_folder(root: Path, split: Split) -> Path | None:
    for name in _FOLDERS[split]:
        folder = root / name
        if folder.is_dir() and _folders(folder):
            return folder
    return None


def _folders(root: Path) -> tuple[str, ...]:
    return tuple(sorted(entry.name for entry in _entries(root) if entry.is_dir()))


def _images(folder: Path) -> list[str]:
    return sorted(
        entry.name
        for entry in _entries(folder)
        if os.path.splitext(entry.name)[1].lower() in SUFFIXES and entry.is_file()
    )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The visible entries of `folder`; CTC601 and CTC604 where there is none to be had."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except FileNotFoundError:
        _refuse("CTC601", "there is no such data directory", folder, "check the path")
    except NotADirectoryError:
        _refuse("CTC601", "this is a file, not a data directory", folder, _LAYOUT)
    except PermissionError:
        hint = "make the directory readable for you"
        _refuse("CTC604", "no permission to read the directory", folder, hint)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        _refuse("CTC601", f"cannot read the data directory: {reason}", folder, "check the path")


_LAYOUT = "images of a class lie in a folder of its name: DIR/cat/1.jpg, DIR/dog/1.jpg"


def _no_classes(root: Path) -> NoReturn:
    loose = len(_images(root))
    what = (
        f"has {loose} image{'s' * (loose > 1)} but no class folders"
        if loose
        else "has no class folders"
    )
    empty = not _entries(root)
    _refuse("CTC601", f"the data directory {'is empty' if empty else what}", root, _LAYOUT)


def _no_images(folder: Path) -> Diagnostic:
    inner = _folders(folder)
    return Diagnostic(
        code="CTC602",
        message=f"the class {folder.name!r} has no images",
        path=str(folder),
        notes=(f"it holds folders ({', '.join(inner[:3])}), which are not searched",) * bool(inner),
        hints=(
            f"add images ({' '.join(sorted(SUFFIXES))}), or remove the folder if it is no class",
        ),
    )


def _refuse(code: str, message: str, path: Path, hint: str) -> NoReturn:
    raise UserError(Diagnostic(code=code, message=message, path=str(path), hints=(hint,)))
