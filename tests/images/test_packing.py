"""Packs: what comes out is what went in, whatever happened on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ctcdsl.images import pack_writer, packing, threads
from ctcdsl.images.batches import training_batches
from ctcdsl.images.datasets import open_dataset
from ctcdsl.images.image_set import FileBacked, Subset
from ctcdsl.images.packing import PackOptions, PackResult, pack
from ctcdsl.images.packs import HEADER, PackedImages, is_pack, open_pack
from ctcdsl.images.resize import resize_shorter
from ctcdsl.images.split_choice import open_splits
from tests.support.runs import run_training, same_weights
from tests.support.tiny import (
    CLASSES,
    blot,
    decode_file,
    refused,
    said,
    tiny_recipe,
    write_folder_atomic,
)

RAW = PackOptions(encoding="raw", shorter=14)
JPEG = PackOptions(encoding="jpeg", shorter=14)


def made(
    parts: Mapping[str, FileBacked], out: Path, form: PackOptions = JPEG, **others: Any
) -> PackResult:
    values = {"workers": 0, "max_corrupt": 0.0, "on_skipped": _nothing, "progress": _nothing}
    return pack(parts, out, form, **{**values, **others})


def _nothing(*arguments: object) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder_atomic(tmp_path / "data" / "train", 4)
    write_folder_atomic(tmp_path / "data" / "val", 2)
    return tmp_path / "data"


@pytest.mark.parametrize("form", [RAW, JPEG])
def test_splits_names_labels_and_classes_are_kept(
    folder: Path, tmp_path: Path, form: PackOptions
) -> None:
    parts = open_dataset(folder)
    packed = made(parts, tmp_path / "out", form)
    assert (packed.images, packed.skipped, packed.resumed) == (18, 0, 0)
    assert packed.size == (tmp_path / "out").stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out"]
    found = open_dataset(tmp_path / "out")
    assert list(found) == ["train", "val"]
    for split, images in parts.items():
        other = found[split]
        assert (other.classes, len(other)) == (images.classes, len(images))
        for index in range(len(images)):
            assert other.name(index) == images.name(index)
            assert other.label(index) == images.label(index)
            assert other.pixels(index).shape == (14, 18, 3)
    splits = open_splits(tmp_path / "out")
    assert (len(splits.train), len(splits.test)) == (12, 6)


def test_a_raw_pack_holds_the_scaled_pixels(folder: Path, tmp_path: Path) -> None:
    parts = open_dataset(folder)
    made(parts, tmp_path / "out", RAW)
    images = open_pack(tmp_path / "out")["train"]
    for index in range(len(images)):
        expected = resize_shorter(parts["train"].pixels(index), 14)
        assert np.array_equal(images.pixels(index), expected)


def test_a_jpeg_pack_holds_the_scaled_image_as_jpeg(folder: Path, tmp_path: Path) -> None:
    parts = open_dataset(folder)
    made(parts, tmp_path / "out", PackOptions(encoding="jpeg", shorter=14, quality=90))
    for index in range(3):
        whole = resize_shorter(parts["val"].pixels(index), 14)
        Image.fromarray(whole).save(tmp_path / "a.jpg", quality=90)
        found = open_dataset(tmp_path / "out")["val"].pixels(index)
        assert np.array_equal(found, decode_file(tmp_path / "a.jpg"))


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_small_images_are_packed_as_they_are(folder: Path, tmp_path: Path, encoding: Any) -> None:
    parts = open_dataset(folder)
    made(parts, tmp_path / "out", PackOptions(encoding=encoding, shorter=16))
    found = open_pack(tmp_path / "out")["train"]
    recipe = tiny_recipe(epochs=1)
    before, after = (
        list(training_batches(images, recipe, crop=(12, 12), epoch=1))
        for images in (parts["train"], found)
    )
    for one, other in zip(before, after, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))
    if encoding == "jpeg":
        assert found.content(3) == parts["train"].content(3)


def test_a_raw_pack_of_what_training_scales_to_trains_as_the_files_do(
    folder: Path, tmp_path: Path
) -> None:
    parts = open_dataset(folder)
    made(parts, tmp_path / "out", RAW)
    recipe = tiny_recipe(epochs=2)
    assert recipe.resize_for((12, 12)) == RAW.shorter
    for run, sets in (("files", parts), ("pack", open_pack(tmp_path / "out"))):
        run_training(tmp_path / run, recipe, train_set=sets["train"], test_set=sets["val"])
    assert same_weights(tmp_path / "files", tmp_path / "pack")


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_odd_images_become_rgb_and_upright(tmp_path: Path, encoding: Any) -> None:
    (tmp_path / "data" / "a").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    blot(0, (30, 20), 0).save(tmp_path / "data" / "a" / "turned.jpg", exif=exif, quality=95)
    blot(0, (30, 20), 0).convert("CMYK").save(tmp_path / "data" / "a" / "ink.jpg")
    blot(0, (30, 20), 0).convert("L").save(tmp_path / "data" / "a" / "grey.png")
    parts = open_dataset(tmp_path / "data")
    made(parts, tmp_path / "out", PackOptions(encoding=encoding, shorter=40))
    found = open_pack(tmp_path / "out")["all"]
    for index in range(3):
        pixels, expected = found.pixels(index), parts["all"].pixels(index)
        assert pixels.shape == expected.shape
        apart = pixels.astype(int) - expected
        assert not apart.any() if encoding == "raw" else abs(apart.mean()) < 2


def test_the_workers_do_not_show(folder: Path, tmp_path: Path) -> None:
    parts = open_dataset(folder)
    for workers in (0, 3):
        made(parts, tmp_path / f"out{workers}", workers=workers)
    assert (tmp_path / "out0").read_bytes() == (tmp_path / "out3").read_bytes()


def test_damage_is_found(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "out"
    made(open_dataset(folder), path)
    whole = path.read_bytes()
    row = open_pack(path)["train"].rows[1]
    damages = {
        "index": len(whole) - 30,
        "header": 20,
        "image": int(row["offset"]) + int(row["length"]) // 2,
    }
    for place, at in damages.items():
        content = bytearray(whole)
        content[at] ^= 0x55
        path.write_bytes(content)
        if place == "image":
            images = open_pack(path)["train"]
            images.pixels(0)
            with refused("CTC603") as found:
                images.pixels(1)
            assert "amber/1.jpg" in said(found[0])
        else:
            with refused("CTC633"):
                open_splits(path)
    for length in (len(whole) - 1, 200, HEADER.size, 30):
        path.write_bytes(whole[:length])
        with refused("CTC633"):
            open_splits(path)


def test_a_bad_image_is_left_out_and_said(folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "blue" / "2.jpg").write_bytes(b"nothing")
    reported: list[tuple[str, str]] = []
    packed = made(
        open_dataset(folder),
        tmp_path / "out",
        max_corrupt=0.1,
        on_skipped=lambda *each: reported.append(each),
    )
    assert (packed.images, packed.skipped) == (17, 1)
    assert [name for name, _ in reported] == ["blue/2.jpg"]
    images = open_pack(tmp_path / "out")["train"]
    assert [images.name(index) for index in range(4, 7)] == [f"blue/{n}.jpg" for n in (0, 1, 3)]
    (folder / "train" / "blue" / "1.jpg").write_bytes(b"nothing")
    with refused("CTC631"):
        made(open_dataset(folder), tmp_path / "second", max_corrupt=0.1)
    assert not (tmp_path / "second").exists()


class Stopping:
    """A set that interrupts when an image is asked for."""

    def __init__(self, images: FileBacked, at: int) -> None:
        self._images, self._at = images, at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._images, name)

    def __len__(self) -> int:
        return len(self._images)

    def content(self, index: int) -> bytes:
        if index == self._at:
            raise KeyboardInterrupt
        return self._images.content(index)


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_GROUP", 2)
    monkeypatch.setattr(pack_writer, "_SYNC", 1000)


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("form", [RAW, JPEG])
def test_an_interrupted_packing_goes_on(folder: Path, tmp_path: Path, form: PackOptions) -> None:
    (folder / "train" / "amber" / "1.jpg").write_bytes(b"nothing")
    parts = open_dataset(folder)
    made(parts, tmp_path / "whole", form, max_corrupt=0.1)
    out = tmp_path / "out"
    for at in (5, 9):
        stopping: Any = {**parts, "train": Stopping(parts["train"], at)}
        with pytest.raises(KeyboardInterrupt):
            made(stopping, out, form, max_corrupt=0.1)
        assert not out.exists()
        assert is_pack(Path(f"{out}.part"))
        with refused("CTC633") as found:
            open_splits(Path(f"{out}.part"))
        assert "not finished" in found[0].message
    packed = made(parts, out, form, max_corrupt=0.1)
    assert packed.resumed == 8
    assert packed.skipped == 1
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out", "whole"]


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("cut", [1, 27, 28, 200])
def test_what_is_not_surely_whole_is_made_anew(folder: Path, tmp_path: Path, cut: int) -> None:
    """Rows cut short, or rows of images that the disk has lost."""
    parts = open_dataset(folder)
    made(parts, tmp_path / "whole")
    stopping: Any = {**parts, "val": Stopping(parts["val"], 3)}
    for suffix in (".part.rows", ".part"):
        out = tmp_path / f"out{suffix}"
        with pytest.raises(KeyboardInterrupt):
            made(stopping, out)
        path = Path(f"{out}{suffix}")
        os.truncate(path, path.stat().st_size - cut)
        assert made(parts, out).resumed < 14
        assert out.read_bytes() == (tmp_path / "whole").read_bytes()


def test_killed_at_any_time_a_packing_can_be_gone_on_with(tmp_path: Path) -> None:
    folder = write_folder_atomic(tmp_path / "data", 150, size=(200, 160))
    parts, out = open_dataset(folder), tmp_path / "out"
    made(parts, tmp_path / "whole")
    program = (
        "from pathlib import Path;"
        "from ctcdsl.images import datasets, pack_writer, packing, threads;"
        "threads._GROUP = 4; pack_writer._SYNC = 2000; no = lambda *each: None;"
        f"parts = datasets.open_dataset(Path({str(folder)!r})); print('begun', flush=True);"
        f"packing.pack(parts, Path({str(out)!r}), packing.PackOptions(shorter=14), workers=0,"
        "max_corrupt=0.0, on_skipped=no, progress=no)"
    )
    for seconds in (0.05, 0.15):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if out.exists():  # it was faster
            break
    else:
        assert made(parts, out).images == 450
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.usefixtures("small_groups")
def test_what_is_there_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    parts, out = open_dataset(folder), tmp_path / "out"
    out.write_text("mine")
    with refused("CTC634"):
        made(parts, out)
    assert out.read_text() == "mine"
    out.unlink()
    stopping: Any = {**parts, "train": Stopping(parts["train"], 5)}
    with pytest.raises(KeyboardInterrupt):
        made(stopping, out)
    with refused("CTC634") as found:
        made(parts, out, RAW)
    assert "other images or options" in found[0].message
    with pack_writer.PackWriter(out, packing._identity(parts, JPEG)), refused("CTC634") as found:
        made(parts, out)
    assert "another process" in found[0].message
    made(parts, out)


def test_a_disk_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    with refused("CTC608") as found:
        made(open_dataset(folder), tmp_path / "nowhere" / "out")
    assert "nowhere" in said(found[0])


@pytest.mark.usefixtures("small_groups")
def test_a_disk_that_fills_up_loses_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, out, real, calls = open_dataset(folder), tmp_path / "out", os.pwrite, [0]

    def full(file: int, content: bytes, start: int) -> int:
        calls[0] += 1
        if calls[0] > 14:
            real(file, content[: len(content) // 2], start)  # a part of it went there
            raise OSError(28, "No space left on device")
        return real(file, content, start)

    made(parts, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with refused("CTC608") as found:
            made(parts, out)
        assert "no space" in found[0].message
    assert made(parts, out).resumed > 0
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_pack_without_splits_holds_some_out(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path / "data", 10)
    made(open_dataset(tmp_path / "data"), tmp_path / "out")
    splits = open_splits(tmp_path / "out")
    assert (len(splits.train), len(splits.test)) == (27, 3)
    assert splits.train.classes == CLASSES
    assert isinstance(splits.train, Subset)
    assert isinstance(splits.train.source, PackedImages)
