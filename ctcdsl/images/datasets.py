"""Which image sets are at a place: a folder of class folders, tar shards, or a pack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ctcdsl.images import packs, shards
from ctcdsl.images.folders import ImageFolder, count_outside, subfolders
from ctcdsl.images.image_set import FileBacked
from ctcdsl.images.skipped_files import SkippedFiles
from ctcdsl.images.split_names import SPLITS, folder_names, split_of, splits_among
from ctcdsl.images.unsupported import find_unsupported, unsupported_error
from ctcdsl.text.diagnostic import Diagnostic, UserError

Open = Callable[[], FileBacked]
"""Opens the images of a split; raises `UserError` as `open_dataset`."""
_DEPTH = 5  # folders around the data that are passed by


@dataclass(frozen=True, slots=True)
class Dataset:
    """The image sets at a place, not opened yet."""

    by_split: Mapping[str, Open]
    """Those of ``train``, ``val`` and ``test``, as many as there are, or ``all``."""
    outside: SkippedFiles = field(default_factory=SkippedFiles)
    """What is beside them and not read."""


def find_dataset(root: Path) -> Dataset:
    """The image sets at `root`: those of ``train``, ``val``, ``test``, or ``all`` without splits.

    `root` is a pack, a tar file, a folder with tar shards, or a folder with a folder a class; or a
    folder around one of those. The folder or the shards of a split have its name or another of
    `split_names.SPELLINGS`. Only a folder that holds folders counts: a class may be called
    "train". Image folders are not read before they are opened.

    Raises `UserError`: CTC601 there are none; CTC604 no permission; CTC632, CTC633 a tar file or
    a pack is damaged; CTC635 the data are in a form that is not read; CTC637 two folders for one
    split.
    """
    if packs.is_pack(root):
        packed = packs.open_pack(root)
        return Dataset({split: partial(packed.__getitem__, split) for split in packed})
    if root.is_file() and (other := find_unsupported(root)) is not None:
        raise unsupported_error(other)
    root = _inside(root)
    folders, tars = _split_folders(root), shards.find_shards(root)
    found: dict[str, Open] = {
        split: partial(ImageFolder.scan, folder) for split, folder in folders.items()
    }
    used = {folder.relative_to(root).parts[0] for folder in folders.values()}
    for split, paths in tars.items():
        if split not in found and (split != "all" or not found):
            used |= {path.relative_to(root).parts[0] for path in paths if path != root}
            if split == "all":
                opened = shards.open_shards(root, split, paths)
                found |= {each: partial(opened.__getitem__, each) for each in opened}
            else:
                found[split] = partial(_of_split, root, split, paths)
    if found:
        ordered = {split: found[split] for split in (*SPLITS, "all") if split in found}
        return Dataset(ordered, count_outside(root, used))
    return Dataset({"all": partial(_classes, root)})


def open_dataset(root: Path) -> Mapping[str, FileBacked]:
    """All image sets at `root` (see `find_dataset`), opened.

    Raises `UserError` as `find_dataset`, `ImageFolder.scan`, `shards.open_shards` and
    `packs.open_pack`.
    """
    return {split: opened() for split, opened in find_dataset(root).by_split.items()}


def skipped_files_of(images: FileBacked) -> SkippedFiles:
    """The files among `images` that are not read; a pack has none."""
    if isinstance(images, ImageFolder | shards.TarShards):
        return images.skipped
    return SkippedFiles()


def _of_split(root: Path, split: str, paths: tuple[Path, ...]) -> FileBacked:
    return shards.open_shards(root, split, paths)[split]


def _classes(root: Path) -> FileBacked:
    try:
        return ImageFolder.scan(root)
    except UserError:
        if (other := find_unsupported(root)) is not None:
            raise unsupported_error(other) from None
        raise


def _inside(root: Path) -> Path:
    """`root`, or the folder in it that holds all there is: archives are often packed so."""
    for _ in range(_DEPTH):
        if not root.is_dir() or shards.find_shards(root):
            break
        folders = subfolders(root)
        if len(folders) != 1 or split_of(folders[0]) is not None:
            break
        if not (_has_folders(root / folders[0]) or shards.find_shards(root / folders[0])):
            break
        root = root / folders[0]
    return root


def _split_folders(root: Path) -> dict[str, Path]:
    """The folders of splits in `root`. Raises `UserError` CTC637."""
    if not root.is_dir():
        return {}
    by_split: dict[str, list[str]] = {}
    names = [name for name in subfolders(root) if _has_folders(root / name)]
    for name, split in splits_among(names).items():
        by_split.setdefault(split, []).append(name)
    for called, several in by_split.items():
        if len(several) > 1:
            raise _several(root, called, several)
    return {called: _unwrapped(root / name) for called, (name,) in by_split.items()}


def _unwrapped(folder: Path) -> Path:
    """The folder of a split, or the one of the same name in it, as in ``train/train/CLASS``."""
    inner = subfolders(folder)
    again = len(inner) == 1 and inner[0] == folder.name and _has_folders(folder / inner[0])
    return folder / inner[0] if again else folder


def _has_folders(folder: Path) -> bool:
    try:
        return bool(subfolders(folder))
    except UserError:
        return False  # whoever opens it hears why


def _several(root: Path, split: str, names: list[str]) -> UserError:
    listed = " and ".join(f"{name}/" for name in names)
    return UserError(
        Diagnostic(
            code="CTC637",
            message=f"{len(names)} folders are called like the {split} split: {listed}",
            path=str(root),
            hints=("move one of them elsewhere, or give it another name",),
        )
    )


def missing_split(root: Path, what: str, *, wanted: str, there: Mapping[str, object]) -> UserError:
    """CTC601: a split is not `there`; `wanted` is its name."""
    listed = " and ".join(f"{split} images" for split in there)
    names = [folder_names(split) for split in SPLITS if split in wanted.split(" or ")]
    packed = find_unsupported(root)
    return UserError(
        Diagnostic(
            code="CTC601",
            message=f"{what}: there are {listed} but no {wanted} images",
            path=str(root),
            hints=(
                f"their folder is called {'; '.join(names)}",
                *(unsupported_error(packed).diagnostics[0].hints if packed is not None else ()),
            ),
        )
    )
