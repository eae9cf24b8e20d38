"""Which image sets lie at a place: a folder of class folders, tar shards, or a pack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.training import packs, shards
from ctcdsl.training.data import ImageSet, Stored, Subset, require_same_classes
from ctcdsl.training.folders import ImageFolder, subfolders

Split = Literal["train", "test"]

# What the folders and the shards of a split may be called. ImageNet's own `test` has no labels,
# so `val` goes first.
_NAMES: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training"),
    "test": ("val", "valid", "validation", "test"),
}
_HELD_OUT = 10  # of images without splits, one of a class in so many is kept for testing


@dataclass(frozen=True, slots=True)
class Splits:
    """A training set, a test set of the same classes, and what the user should know of them."""

    train: ImageSet
    test: ImageSet
    note: str = ""


def open_parts(root: Path) -> Mapping[str, Stored]:
    """The image sets at `root`: ``train`` and ``test``, one of them, or ``all`` without splits.

    `root` is a pack, a folder with tar shards, or a folder with a folder a class. The folder or
    the shards of ``train`` are called ``train``, those of ``test`` ``val`` or ``test``. Only a
    folder that holds folders counts: a class may be called "train".

    Raises `UserError` as `ImageFolder.scan`, `shards.open_shards` and `packs.open_pack`.
    """
    if packs.is_pack(root):
        return packs.open_pack(root)
    by_split = {split: shards.find(root, names) for split, names in _NAMES.items()}
    tars: dict[str, tuple[Path, ...]] = {split: found for split, found in by_split.items() if found}
    if not tars and (loose := shards.find(root, ("",))):
        tars = {"all": loose}
    if tars:
        return shards.open_shards(root, tars)
    folders = {split: _split_folder(root, split) for split in _NAMES}
    found = {split: folder for split, folder in folders.items() if folder is not None}
    if not found:
        return {"all": ImageFolder.scan(root)}
    return {split: ImageFolder.scan(folder) for split, folder in found.items()}


def open_splits(root: Path) -> Splits:
    """The training and the test images at `root`.

    Where they are not split, every tenth image of each class is held out for testing, the same
    ones every time, and the note says so.

    Raises `UserError` as `open_parts`; CTC601 also where `root` has only one split, or too few
    images to hold some out; CTC611 where the splits differ in their classes.
    """
    parts = open_parts(root)
    if "all" in parts:
        return _hold_out(root, parts["all"])
    for split, names in _NAMES.items():
        if split not in parts:
            raise _one_split_only(root, next(iter(parts)), split, names)
    require_same_classes(parts["train"], parts["test"])
    return Splits(parts["train"], parts["test"])


def _hold_out(root: Path, whole: ImageSet) -> Splits:
    held_out = set(_every_tenth([whole.label(index) for index in range(len(whole))]))
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
        f"{root} has no train/ and val/: every tenth image of a class "
        f"({len(held_out)} in all) is held out for testing"
    )
    return Splits(Subset(whole, train_indices), Subset(whole, tuple(sorted(held_out))), note)


def _every_tenth(labels: Sequence[int]) -> Iterator[int]:
    """Of each label the fifth, fifteenth, … index."""
    seen: dict[int, int] = {}
    for index, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        if seen[label] % _HELD_OUT == _HELD_OUT // 2:
            yield index


def _split_folder(root: Path, split: Split) -> Path | None:
    for name in _NAMES[split]:
        folder = root / name
        if folder.is_dir() and subfolders(folder):
            return folder
    return None


def _one_split_only(root: Path, found: str, missing: str, names: Sequence[str]) -> UserError:
    wanted = " or ".join(f"{name}/" for name in names)
    return UserError(
        Diagnostic(
            code="CTC601",
            message=f"there are {found} images ({found}/) but no {missing} images",
            path=str(root),
            hints=(f"their folder is called {wanted}",),
        )
    )
