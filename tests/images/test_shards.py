"""Tar shards: the same images as a folder's, without unpacking."""

from __future__ import annotations

import os
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

from ctcdsl.images import shards
from ctcdsl.images.batches import training_batches
from ctcdsl.images.datasets import open_dataset
from ctcdsl.images.folders import ImageFolder
from ctcdsl.images.packing import PackOptions, pack
from ctcdsl.images.packs import open_pack
from ctcdsl.images.shards import TarShards
from ctcdsl.images.split_choice import open_splits
from tests.support.tiny import CLASSES, decode_file, refused, said, tiny_recipe, write_folder_atomic


def write_tar(path: Path, members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
    return path


def by_class(folder: ImageFolder) -> list[dict[str, bytes]]:
    """The images of a folder as CLASS/KEY.jpg, in two shards."""
    every = {f"./{name}": folder.content(at) for at, name in enumerate(folder.names)}
    names = list(every)
    return [{n: every[n] for n in names[:5]}, {n: every[n] for n in names[5:]}]


@pytest.fixture
def folder(tmp_path: Path) -> ImageFolder:
    return ImageFolder.scan(write_folder_atomic(tmp_path / "folder", 4))


@pytest.mark.parametrize("layout", ["train-{}.tar", "train/{}.tar", "training/x{}.tar", "{}.tar"])
@pytest.mark.parametrize("workers", [0, 2])
def test_shards_give_the_batches_of_the_folder(
    folder: ImageFolder, tmp_path: Path, layout: str, workers: int
) -> None:
    for number, members in enumerate(by_class(folder)):
        write_tar(tmp_path / "tars" / layout.format(number), members)
    parts = open_dataset(tmp_path / "tars")
    assert list(parts) == (["all"] if layout == "{}.tar" else ["train"])
    [images] = parts.values()
    assert images.classes == CLASSES
    assert [images.name(at) for at in range(12)] == list(folder.names)
    recipe = tiny_recipe(workers=workers)
    there, here = (
        list(training_batches(each, recipe, crop=(12, 12), epoch=1)) for each in (images, folder)
    )
    for one, other in zip(there, here, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_one_tar_file_is_a_data_set(folder: ImageFolder, tmp_path: Path) -> None:
    [first, second] = by_class(folder)
    path = write_tar(tmp_path / "all.tar", {**first, **second})
    assert [len(each) for each in open_dataset(path).values()] == [12]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_classes_in_files_of_their_own(folder: ImageFolder, tmp_path: Path, form: int) -> None:
    labels = {"train": [3, 0, 3], "val": [0, 1]}
    for split, numbers in labels.items():
        members: dict[str, bytes] = {}
        for at, number in enumerate(numbers):
            key = f"{at:06}" + "x" * (200 if form != tarfile.USTAR_FORMAT else 0)
            members |= {
                f"{key}.cls": f"{number}\n".encode(),
                f"{key}.jpg": folder.content(at),
                f"{key}.json": b"{}",
            }
        write_tar(tmp_path / "tars" / f"{split}-000.tar", members, form)
    splits = open_splits(tmp_path / "tars")
    for images, numbers in ((splits.train, labels["train"]), (splits.test, labels["val"])):
        assert images.classes == ("0", "1", "2", "3"), "as many as the highest number of all"
        assert [images.label(at) for at in range(len(images))] == numbers
        for at in range(len(images)):
            expected = decode_file(folder.root / folder.names[at])
            assert np.array_equal(images.pixels(at), expected)


def test_classes_that_are_names(folder: ImageFolder, tmp_path: Path) -> None:
    for split, other in (("train", "dog"), ("val", "eel")):
        members = {"a.jpg": folder.content(0), "a.cls": b"cat"}
        members |= {"b.jpg": folder.content(1), "b.cls": other.encode()}
        write_tar(tmp_path / "tars" / f"{split}.tar", members)
    assert open_dataset(tmp_path / "tars")["train"].classes == ("cat", "dog")
    splits = open_splits(tmp_path / "tars")
    assert splits.test.classes == ("cat", "dog")
    assert [splits.test.label(at) for at in range(len(splits.test))] == [0]
    assert "only in val, not in train: eel" in splits.notes[0].message


def test_the_index_is_kept_until_a_shard_changes(
    folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tars, scans, real = tmp_path / "tars", [0], shards._scan
    path = write_tar(tars / "train-0.tar", by_class(folder)[0])

    def scan(group: str, shards: tuple[Path, ...]) -> dict[str, TarShards]:
        scans[0] += 1
        return real(group, shards)

    monkeypatch.setattr(shards, "_scan", scan)

    def names() -> list[str]:
        images = open_dataset(tars)["train"]
        return [images.name(at) for at in range(len(images))]

    first = names()
    assert names() == first
    assert scans == [1]
    kept = tars / ".ctcdsl-train.index"
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 0x55
    kept.write_bytes(content)
    assert names() == first
    assert scans == [2], "a damaged index is made again"
    kept.write_bytes(b"")
    assert names() == first
    write_tar(path, by_class(folder)[1])
    os.utime(path, ns=(1, 1))
    assert names() == [name.removeprefix("./") for name in by_class(folder)[1]]
    write_tar(tars / "train-1.tar", by_class(folder)[0])
    assert len(names()) == 12
    assert scans == [5]


def test_where_shards_cannot_be_written_the_index_is_in_the_cache(
    folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tar(tmp_path / "tars" / "train-0.tar", by_class(folder)[0])
    (tmp_path / "tars" / ".ctcdsl-train.index").mkdir()  # so it cannot be a file
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for _ in range(2):
        assert len(open_dataset(tmp_path / "tars")["train"]) == 5
    [kept] = (tmp_path / "cache" / "ctcdsl").iterdir()
    assert kept.name.endswith("-train.index")


@pytest.mark.parametrize("length", [0, 300, 1000, 3333])
def test_a_shard_that_is_cut_short_is_refused(
    folder: ImageFolder, tmp_path: Path, length: int
) -> None:
    path = write_tar(tmp_path / "tars" / "train-0.tar", by_class(folder)[0])
    os.truncate(path, length)
    with refused("CTC632") as found:
        open_dataset(tmp_path / "tars")
    assert "train-0.tar" in said(found[0])


def test_shards_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no tar" * 500)
    with refused("CTC632"):
        open_dataset(tmp_path)
    write_tar(tmp_path / "a.tar", {"notes.txt": b"nothing"})
    with refused("CTC632") as found:
        open_dataset(tmp_path)
    assert "no images" in found[0].message
    write_tar(tmp_path / "a.tar", {"1.jpg": b"nothing"})
    with refused("CTC632") as found:
        open_dataset(tmp_path)
    assert "1.jpg has no class" in found[0].message


def test_a_shard_that_changed_under_way(folder: ImageFolder, tmp_path: Path) -> None:
    path = write_tar(tmp_path / "tars" / "train-0.tar", by_class(folder)[0])
    images = open_dataset(tmp_path / "tars")["train"]
    assert isinstance(images, TarShards)
    os.truncate(path, path.stat().st_size // 2)
    with refused("CTC603") as found:
        images.pixels(4)
    assert "train-0.tar:blue/0.jpg" in said(found[0])
    path.unlink()
    with refused("CTC603"):
        images.pixels(0)


def test_shards_can_be_packed(folder: ImageFolder, tmp_path: Path) -> None:
    for number, members in enumerate(by_class(folder)):
        write_tar(tmp_path / "tars" / f"train-{number}.tar", members)
    pack(
        open_dataset(tmp_path / "tars"),
        tmp_path / "out",
        PackOptions(),
        workers=1,
        max_corrupt=0.0,
        on_skipped=lambda *each: None,
        progress=lambda *each: None,
    )
    images = open_pack(tmp_path / "out")["train"]
    assert [images.content(at) for at in range(12)] == [folder.content(at) for at in range(12)]
