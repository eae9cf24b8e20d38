"""Which image sets are at a place: a folder of class folders, tar shards, or a pack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.training import packs, shards
from ctcdsl.training.data import Stored
from ctcdsl.training.folders import ImageFolder, subfolders
from ctcdsl.training.split_names import SPLITS, Split, loosely_split_of, spelled, split_of

Open = Callable[[], Stored]
"""Opens the images of a split; raises `UserError` as `open_parts`."""


def find_parts(root: Path) -> Mapping[str, Open]:
    """The image sets at `root`: those of ``train``, ``val``, ``test``, or ``all`` without splits.

    `root` is a pack, a folder with tar shards, or a folder with a folder a class. The folder or
    the shards of a split have its name or another of `split_names.SPELLINGS`. Only a folder that
    holds folders counts: a class may be called "train". Nothing is read that is not opened.

    Raises `UserError`: CTC601 there are none; CTC604 no permission; CTC633 a pack is damaged;
    CTC637 two folders for one split.
    """
    if packs.is_pack(root):
        packed = packs.open_pack(root)
        return {split: partial(packed.__getitem__, split) for split in packed}
    found: dict[str, Open] = {
        split: partial(ImageFolder.scan, folder) for split, folder in _split_folders(root).items()
    }
    for split, paths in shards.find(root).items():
        if split not in found and (split != "all" or not found):
            found[split] = partial(shards.open_shards, root, split, paths)
    if not found:
        return {"all": partial(ImageFolder.scan, root)}
    return {split: found[split] for split in (*SPLITS, "all") if split in found}


def open_parts(root: Path) -> Mapping[str, Stored]:
    """All image sets at `root` (see `find_parts`), opened.

    Raises `UserError` as `find_parts`, `ImageFolder.scan`, `shards.open_shards` and
    `packs.open_pack`.
    """
    return {split: opened() for split, opened in find_parts(root).items()}


def _split_folders(root: Path) -> dict[str, Path]:
    """The folders of splits in `root`. Raises `UserError` CTC637."""
    if not root.is_dir():
        return {}
    names = [name for name in subfolders(root) if _has_folders(root / name)]
    by_split = _grouped(names, split_of)
    if not by_split and len(by_split := _grouped(names, loosely_split_of)) < 2:
        return {}  # one class may be called "crash test"
    for split, several in by_split.items():
        if len(several) > 1:
            raise _several(root, split, several)
    return {split: root / name for split, (name,) in by_split.items()}


def _grouped(
    names: Sequence[str], spelled_as: Callable[[str], Split | None]
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        if (split := spelled_as(name)) is not None:
            found.setdefault(split, []).append(name)
    return found


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


def missing(root: Path, what: str, *, wanted: str, there: Mapping[str, object]) -> UserError:
    """CTC601: a split is not `there`; `wanted` is its name."""
    listed = " and ".join(f"{split} images" for split in there)
    names = [spelled(split) for split in SPLITS if split in wanted.split(" or ")]
    return UserError(
        Diagnostic(
            code="CTC601",
            message=f"{what}: there are {listed} but no {wanted} images",
            path=str(root),
            hints=(f"their folder is called {'; '.join(names)}",),
        )
    )
