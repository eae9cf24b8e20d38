"""Which image sets are at a path: a folder of class folders, tar shards, or a pack."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ctcdsl.images import packs
from ctcdsl.images.folders import ImageFolder, count_outside, subfolders
from ctcdsl.images.image_set import FileBacked
from ctcdsl.images.shards import find_shards, open_shards
from ctcdsl.images.skipped_files import SkippedFiles, skipped_notes
from ctcdsl.images.split_names import SPLITS, folder_names, split_of, splits_among
from ctcdsl.images.unsupported import unsupported_error
from ctcdsl.text import Diagnostic, UserError, error

Open = Callable[[], FileBacked]
"""Opens the images of a split; raises `UserError` as `open_dataset`."""
_DEPTH = 5  # at most so many folders around the data, with nothing else in them


@dataclass(frozen=True, slots=True)
class Dataset:
    """The image sets at a path, not opened yet."""

    root: Path
    by_split: Mapping[str, Open]
    """Those of ``train``, ``val`` and ``test``, as many as there are, or ``all``."""
    outside: SkippedFiles = field(default_factory=SkippedFiles)
    """Files that are in no split, and not read."""

    def skipped_notes(self, *opened: FileBacked) -> tuple[Diagnostic, ...]:
        """The note CTC916 on what is not read of the splits `opened` and outside of them."""
        return skipped_notes(SkippedFiles.of((self.outside, *(each.skipped for each in opened))))

    def missing_split(self, message: str, *splits: str) -> UserError:
        """CTC601: none of `splits` is there."""
        present = " and ".join(f"{split} images" for split in self.by_split)
        names = "; ".join(folder_names(split) for split in SPLITS if split in splits)
        packed = unsupported_error(self.root)
        return error(
            "CTC601",
            f"{message}: there are {present} but no {' or '.join(splits)} images",
            path=self.root,
            hint=(
                f"their folder is called {names}",
                *(packed.diagnostics[0].hints if packed else ()),
            ),
        )


def find_dataset(root: Path) -> Dataset:
    """The image sets at `root`: those of ``train``, ``val``, ``test``, or ``all`` without splits.

    `root` is a pack, a tar file, a folder with tar shards, or a folder with a folder a class; or a
    folder around one of those. The folder or the shards of a split have its name or another of
    `split_names.SPELLINGS`. Only a folder that contains folders counts: a class may be called
    "train". Image folders are not read before they are opened.

    Raises `UserError`: CTC601 there are none; CTC604 no permission; CTC632, CTC633 a tar file or
    a pack is damaged; CTC635 the data are in an unsupported format; CTC637 two folders for one
    split.
    """
    if packs.is_pack(root):
        packed = packs.open_pack(root)
        return Dataset(root, {split: partial(packed.__getitem__, split) for split in packed})
    if os.path.isfile(root) and (cause := unsupported_error(root)):
        raise cause
    path = _descend(root)
    folders, shards = _split_folders(path), find_shards(path)
    by_split: dict[str, Open] = {
        split: partial(ImageFolder.scan, folder) for split, folder in folders.items()
    }
    used = {folder.relative_to(path).parts[0] for folder in folders.values()}
    for split, tars in shards.items():
        if split in by_split or (split == "all" and by_split):
            continue
        used |= {tar.relative_to(path).parts[0] for tar in tars if tar != path}
        if split == "all":
            opened = open_shards(path, split, tars)
            by_split |= {name: partial(opened.__getitem__, name) for name in opened}
        else:
            by_split[split] = partial(_open_split_shards, path, split, tars)
    if not by_split:
        return Dataset(root, {"all": partial(_scan_classes, path)})
    ordered = {split: by_split[split] for split in (*SPLITS, "all") if split in by_split}
    return Dataset(root, ordered, count_outside(path, used))


def open_dataset(root: Path) -> dict[str, FileBacked]:
    """All image sets at `root` (see `find_dataset`), opened.

    Raises `UserError` as `find_dataset`, `ImageFolder.scan`, `open_shards` and `open_pack`.
    """
    return {split: opened() for split, opened in find_dataset(root).by_split.items()}


def _open_split_shards(root: Path, split: str, tars: tuple[Path, ...]) -> FileBacked:
    return open_shards(root, split, tars)[split]


def _scan_classes(root: Path) -> FileBacked:
    try:
        return ImageFolder.scan(root)
    except UserError as cause:
        raise unsupported_error(root) or cause from None


def _descend(root: Path) -> Path:
    """`root`, or the folder in it that contains all there is: archives are often packed so."""
    for _ in range(_DEPTH):
        if not os.path.isdir(root) or find_shards(root):
            break
        folders = subfolders(root)
        if len(folders) != 1 or split_of(folders[0]) is not None:
            break
        if not (_has_folders(root / folders[0]) or find_shards(root / folders[0])):
            break
        root = root / folders[0]
    return root


def _split_folders(root: Path) -> dict[str, Path]:
    """The folders of splits in `root`. Raises `UserError` CTC637."""
    if not os.path.isdir(root):
        return {}
    folders: dict[str, Path] = {}
    names = [name for name in subfolders(root) if _has_folders(root / name)]
    for name, split in splits_among(names).items():
        if split in folders:
            raise error(
                "CTC637",
                f"two folders have names of the {split} split: {folders[split].name}/ and {name}/",
                path=root,
                hint="move one of them elsewhere, or rename it",
            )
        folders[split] = root / name
    return {split: _unwrapped(folder) for split, folder in folders.items()}


def _unwrapped(folder: Path) -> Path:
    """The folder of a split, or the one of the same name in it, as in ``train/train/CLASS``."""
    inner = subfolders(folder)
    again = len(inner) == 1 and inner[0] == folder.name and _has_folders(folder / inner[0])
    return folder / inner[0] if again else folder


def _has_folders(folder: Path) -> bool:
    try:
        return bool(subfolders(folder))
    except UserError as cause:
        return cause.diagnostics[0].code == "CTC604"  # opening it reports that
