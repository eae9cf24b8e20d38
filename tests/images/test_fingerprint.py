"""Which images a run sees: by contents, and not by place, size or time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ctcdsl.images.datasets import open_dataset
from ctcdsl.images.decode import permission_error
from ctcdsl.images.fingerprint import (
    FILE,
    ImageRecord,
    differences,
    digest,
    list_images,
    read,
    to_bytes,
)
from ctcdsl.images.packing import PackOptions, pack
from ctcdsl.images.split_choice import open_splits
from ctcdsl.text import UserError
from tests.support.small import make_images


def listed(folder: Path, threads: int = 2) -> tuple[ImageRecord, ...]:
    splits = open_splits(folder)
    return list_images(splits.train, splits.test, threads=threads)


def test_the_same_images_elsewhere_are_the_same(tmp_path: Path) -> None:
    before = listed(make_images(tmp_path / "data"))
    assert len(before) == 24 and before[0].split == "train" and before[0].name == "blue/0.jpg"
    for file in (tmp_path / "data").rglob("*.jpg"):
        os.utime(file, (1, 1))
    moved = (tmp_path / "data").rename(tmp_path / "moved")
    assert listed(moved, threads=0) == before
    assert digest(listed(moved)) == digest(before)


def test_other_contents_of_the_same_size_are_others(tmp_path: Path) -> None:
    data = make_images(tmp_path / "data")
    before, image = listed(data), data / "train" / "red" / "3.jpg"
    content = bytearray(image.read_bytes())
    content[-20] ^= 1
    image.write_bytes(content)
    now = listed(data)
    assert digest(now) != digest(before)
    assert differences(before, now) == ("1 image of other contents: train/red/3.jpg",)


def test_what_became_of_them_is_named(tmp_path: Path) -> None:
    data = make_images(tmp_path / "data")
    before = listed(data)
    for number in range(4):
        (data / "train" / "red" / f"{number}.jpg").unlink()
    (data / "test" / "red" / "0.jpg").rename(data / "test" / "red" / "x.jpg")
    gone, new = differences(before, listed(data))
    assert gone == "5 images gone: train/red/0.jpg, train/red/1.jpg, train/red/2.jpg, …"
    assert new == "1 image new: test/red/x.jpg"
    assert "order" in differences(before, before[::-1])[0]


def test_a_pack_is_told_by_its_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_images(tmp_path / "data")
    out = tmp_path / "pack"
    for quality in (95, 50):
        pack(
            open_dataset(data),
            out.with_suffix(f".{quality}"),
            PackOptions(quality=quality, shorter=10),
            workers=0,
            max_corrupt=0.0,
            on_skipped=lambda name, reason: None,
            progress=lambda done, total: None,
        )
    monkeypatch.setattr("ctcdsl.images.packs.os.pread", None)  # no image is read
    fine, coarse = listed(out.with_suffix(".95")), listed(out.with_suffix(".50"))
    assert len(fine) == 24 and digest(fine) != digest(coarse)
    assert all("of other contents" in each for each in differences(fine, coarse))


def test_an_image_that_cannot_be_read_is_listed_and_permission_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_images(tmp_path / "data")
    splits = open_splits(data)
    (data / "train" / "red" / "3.jpg").unlink()
    found = list_images(splits.train, splits.test, threads=2)
    assert [image.name for image in found if image.content == "unreadable"] == ["red/3.jpg"]

    def refuse(path: Path) -> bytes:
        raise permission_error(path)

    monkeypatch.setattr("ctcdsl.images.folders.read_file", refuse)
    with pytest.raises(UserError, match="no permission"):
        list_images(splits.train, splits.test, threads=2)


def test_the_list_is_kept_in_a_file(tmp_path: Path) -> None:
    images = (
        ImageRecord("train", "a\tb", "a\tb/\udcff\n.jpg", "0"),
        ImageRecord("test", "ü", "ü/1.jpg", "1"),
    )
    (tmp_path / FILE).write_bytes(to_bytes(images))
    assert read(tmp_path) == images and to_bytes(images) == to_bytes(images)
    (tmp_path / FILE).write_bytes(to_bytes(images)[:-9])
    assert read(tmp_path) is None
    assert read(tmp_path / "none") is None
