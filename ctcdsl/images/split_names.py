"""Names that folders, shards and tar members of a split may have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

Split = Literal["train", "val", "test"]

SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")
"""In the order in which they are reported and packed."""
SPELLINGS: Final[dict[Split, tuple[str, ...]]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
_BY_NAME: Final[dict[str, Split]] = {
    name: split for split, names in SPELLINGS.items() for name in names
}
_WORD: Final = re.compile(r"[a-z]+")


def split_of(name: str) -> Split | None:
    """The split that a folder called `name` has, in any case; None for other names."""
    return _BY_NAME.get(name.lower())


def split_of_shard(name: str) -> Split | None:
    """The split of a shard: ``train.tar``, ``val-0001.tar``, ``Test_3.tar``."""
    start = _WORD.match(name.lower())
    return split_of(start.group()) if start else None


def loosely_split_of(name: str) -> Split | None:
    """The split among the words of a name: ``training_set``, ``seg-test``, ``val2017``.

    None for no split or several.
    """
    splits = {split for word in _WORD.findall(name.lower()) if (split := split_of(word))}
    return splits.pop() if len(splits) == 1 else None


def splits_among(names: Sequence[str]) -> dict[str, Split]:
    """The split of each folder that has one, of folders beside each other.

    Names that only have a split's word in them count where no folder has exactly a split's name,
    and where they name several splits: a class may be called "crash test".
    """
    exact = {name: split for name in names if (split := split_of(name)) is not None}
    if exact:
        return exact
    loose = {name: split for name in names if (split := loosely_split_of(name)) is not None}
    return loose if len(set(loose.values())) > 1 else {}


def folder_names(split: Split) -> str:
    """The names of a split's folder, for hints: ``val/, valid/, validation/ or dev/``."""
    *others, last = (f"{name}/" for name in SPELLINGS[split])
    return f"{', '.join(others)} or {last}"
