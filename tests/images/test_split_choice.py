"""Which split is trained on, tested on and evaluated, in folders, shards and packs alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ctcdsl.images.datasets import open_dataset
from ctcdsl.images.folders import ImageFolder
from ctcdsl.images.packing import PackOptions, pack
from ctcdsl.images.split_choice import open_split, open_splits
from ctcdsl.images.split_names import SPELLINGS, Split, loosely_split_of, split_of_shard
from tests.images.test_shards import write_tar
from tests.support.tiny import CLASSES, refused, said, write_folder_atomic

SIZES: dict[Split, int] = {"train": 4, "val": 2, "test": 1}


def folders(root: Path, *splits: Split) -> Path:
    for split in splits or tuple(SIZES):
        write_folder_atomic(root / split, SIZES[split])
    return root


def tars(root: Path, *splits: Split) -> Path:
    for split in splits or tuple(SIZES):
        images = ImageFolder.scan(write_folder_atomic(root.parent / "source" / split, SIZES[split]))
        members = {name: images.content(at) for at, name in enumerate(images.names)}
        write_tar(root / f"{split}-000.tar", members)
    return root


def packed(root: Path, *splits: Split) -> Path:
    pack(
        open_dataset(folders(root.parent / "source", *splits)),
        root,
        PackOptions(),
        workers=0,
        max_corrupt=0.0,
        on_skipped=lambda *each: None,
        progress=lambda *each: None,
    )
    return root


KINDS = (folders, tars, packed)


@pytest.mark.parametrize("make", KINDS)
def test_train_is_tested_on_val_and_test_is_evaluated(
    tmp_path: Path, make: Callable[..., Path]
) -> None:
    root = make(tmp_path / "data")
    splits = open_splits(root)
    assert (len(splits.train), len(splits.test), splits.tested_on) == (12, 6, "val")
    chosen = open_split(root, None, CLASSES)
    assert (len(chosen.images), chosen.split) == (3, "test")
    for split, each in SIZES.items():
        chosen = open_split(root, split, CLASSES)
        assert (len(chosen.images), chosen.split, chosen.notes) == (3 * each, split, ())


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("only", ["val", "test"])
def test_a_single_split_can_be_evaluated(
    tmp_path: Path, make: Callable[..., Path], only: Split
) -> None:
    root = make(tmp_path / "data", only)
    assert open_split(root, None, CLASSES).split == only
    with refused("CTC636") as found:
        open_split(root, "train", CLASSES)
    assert f"--split {only}" in said(found[0])
    with refused("CTC601") as found:
        open_splits(root)
    assert "train/" in said(found[0])


def test_training_images_alone_are_evaluated_where_they_are_asked_for(tmp_path: Path) -> None:
    root = folders(tmp_path, "train")
    assert len(open_split(root, "train", CLASSES).images) == 12
    with refused("CTC636") as found:
        open_split(root, None, CLASSES)
    assert "--split train" in said(found[0])


@pytest.mark.parametrize("split", SPELLINGS)
@pytest.mark.parametrize("change", [str, str.upper, str.title, "{}_set".format, "My-{}".format])
def test_other_spellings(tmp_path: Path, split: Split, change: Callable[[str], str]) -> None:
    other: Split = "test" if split == "train" else "train"
    for number, name in enumerate(SPELLINGS[split]):
        root = tmp_path / str(number)
        write_folder_atomic(root / change(name), 1)
        write_folder_atomic(root / change(other), 2)
        assert {name: len(each) for name, each in open_dataset(root).items()} == {
            split: 3,
            other: 6,
        }


def test_a_name_that_says_two_splits_or_a_part_of_one_says_none() -> None:
    for name in ("train_val", "trains", "testimony", "valley", "contest"):
        assert loosely_split_of(name) is None
    assert loosely_split_of("val2017") == "val"
    assert split_of_shard("validity.tar") is None
    assert split_of_shard("Valid_3.tar") == "val"


def test_two_folders_of_one_split_are_refused(tmp_path: Path) -> None:
    for name in ("train", "val", "validation"):
        write_folder_atomic(tmp_path / name, 1)
    with refused("CTC637") as found:
        open_dataset(tmp_path)
    assert "val/ and validation/" in found[0].message


def test_a_folder_called_like_a_split_is_that_split(tmp_path: Path) -> None:
    root = folders(tmp_path, "test", "val") / "test"
    chosen = open_split(root, None, CLASSES)
    assert (len(chosen.images), chosen.split, chosen.notes) == (3, "test", ())


def test_images_without_splits_have_train_and_test(tmp_path: Path) -> None:
    root = write_folder_atomic(tmp_path / "images", 10)
    chosen = open_split(root, None, CLASSES)
    assert (len(chosen.images), chosen.split) == (3, "test")
    assert "held out" in chosen.notes[0].message
    assert len(open_split(root, "train", CLASSES).images) == 27
    with refused("CTC636"):
        open_split(root, "val", CLASSES)
