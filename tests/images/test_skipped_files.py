"""What is an image and what is not: all that is not read is counted by kind."""

from __future__ import annotations

import os
import shutil
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from ctcdsl.images.datasets import find_dataset, open_dataset
from ctcdsl.images.folders import ImageFolder
from ctcdsl.images.shards import TarShards
from ctcdsl.images.skipped_files import SkippedFiles
from ctcdsl.images.split_choice import open_split, open_splits
from tests.images.test_shards import write_tar
from tests.support.tiny import CLASSES, blot, refused, said, write_folder_atomic

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM", "JPEG2000")


def image(form: str = "JPEG") -> bytes:
    data = BytesIO()
    blot(0, (9, 7), 0).save(data, form)
    return data.getvalue()


OTHERS = {
    "notes.txt": b"P5 is the name of a planet",
    "labels.json": b"{}",
    ".DS_Store": b"\0\0\0\1Bud1",
    "Thumbs.db": b"\xd0\xcf\x11\xe0",
    "clip.mp4": b"\0\0\0\x18ftypmp42",
    "phone.heic": b"\0\0\0\x18ftypheic",
    "raw.nef": image("TIFF"),
    "1.jpg~": image(),
    "2.jpg.part": image()[:50],
    "empty": b"",
}
KINDS = {
    ".txt": 1,
    ".json": 1,
    "hidden": 1,
    ".db": 1,
    ".mp4": 1,
    ".heic": 1,
    ".nef": 1,
    ".jpg~": 1,
    ".part": 1,
    "no suffix": 1,
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["image", "image.dat", "image.2", "0123456789abcdef", "IMG.JPE"])
def test_content_says_what_an_image_is(tmp_path: Path, form: str, name: str) -> None:
    write_folder_atomic(tmp_path, 1, ["a"])
    (tmp_path / "a" / name).write_bytes(image(form))
    folder = ImageFolder.scan(tmp_path)
    if form == "TIFF" and name == "image.dat":  # raw photographs begin so
        assert folder.skipped.counts == {".dat": 1}
        return
    if form == "TIFF" and name == "image.2":
        return
    assert set(folder.names) == {"a/0.jpg", f"a/{name}"}
    assert folder.pixels(folder.names.index(f"a/{name}")).shape == (7, 9, 3)


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".pgm", ".pbm", ".avif", ".JPEG"])
def test_a_suffix_of_images_is_an_image_even_where_it_is_damaged(
    tmp_path: Path, suffix: str
) -> None:
    write_folder_atomic(tmp_path, 1, ["a"])
    (tmp_path / "a" / f"x{suffix}").write_bytes(b"")
    assert f"a/x{suffix}" in ImageFolder.scan(tmp_path).names


def test_other_files_are_counted_in_folders_and_in_tar_files(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path / "data", 2)
    for name, content in OTHERS.items():
        (tmp_path / "data" / "blue" / name).write_bytes(content)
    folder = ImageFolder.scan(tmp_path / "data")
    assert len(folder) == 6
    assert folder.skipped.counts == KINDS
    assert str(folder.skipped).startswith("10 files skipped: 1 .db, 1 .heic, ")
    members = {name: folder.content(at) for at, name in enumerate(folder.names)}
    members |= {f"blue/{name}": content for name, content in OTHERS.items()}
    path = write_tar(tmp_path / "all.tar", members)
    for _ in range(2):  # the second time from the index
        images = open_dataset(path)["all"]
        assert isinstance(images, TarShards)
        assert (len(images), images.skipped.counts) == (6, KINDS)


def test_folders_in_a_class_are_searched(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path, 1, ["b"])
    for place in ("b/x/y", "b/a", "b/.ipynb_checkpoints", "b/@eaDir/1.jpg"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "2.jpg").write_bytes(image())
    folder = ImageFolder.scan(tmp_path)
    assert folder.names == ("b/0.jpg", "b/a/2.jpg", "b/x/y/2.jpg")
    assert folder.labels == (0, 0, 0)
    assert folder.skipped.counts == {"hidden": 1, "system folder": 1}


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    data = write_folder_atomic(tmp_path / "data", 1, ["a", "b"])
    shutil.copytree(data / "b", tmp_path / "more")
    links = {
        "a/file.png": data / "b" / "0.jpg",
        "a/folder": tmp_path / "more",
        "a/again": tmp_path / "more",
        "a/root": Path(".."),
        "a/self": data / "a",
        "a/gone.jpg": tmp_path / "nowhere.jpg",
        "a/circle": Path("circle"),
        "c": data / "b",
    }
    for name, target in links.items():
        (data / name).symlink_to(target)
    os.mkfifo(data / "b" / "pipe.jpg")
    folder = ImageFolder.scan(data)
    assert folder.classes == ("a", "b", "c")
    assert folder.names == ("a/0.jpg", "a/again/0.jpg", "a/file.png", "b/0.jpg", "c/0.jpg")
    assert folder.skipped.counts == {
        "link to a folder already read": 3,
        "dangling link": 2,
        "not a regular file": 2,
    }
    assert ImageFolder.scan(data).names == folder.names


def test_what_is_beside_the_classes_is_counted(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_folder_atomic(tmp_path / split, 1)
    (tmp_path / "README.md").write_text("see LICENSE")
    (tmp_path / "train" / "loose.png").write_bytes(image("PNG"))
    (tmp_path / "annotations").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "test" / "amber" / "a.xml").write_text("<a/>")
    found = open_splits(tmp_path).notes[0]
    assert found.code == "CTC916"
    assert found.message == (
        "4 files skipped: 1 .md, 1 folder beside the splits, 1 outside of class folders,"
        " 1 system folder"
    )
    assert "1 .xml" in open_split(tmp_path, "test", CLASSES).notes[0].message


def test_a_folder_around_the_data_is_passed_by(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path / "archive" / "images" / "train" / "train", 2)
    write_folder_atomic(tmp_path / "archive" / "images" / "test" / "test", 1)
    assert {split: len(each) for split, each in open_dataset(tmp_path).items()} == {
        "train": 6,
        "test": 3,
    }
    write_folder_atomic(tmp_path / "plain" / "data", 3)
    assert open_dataset(tmp_path / "plain")["all"].classes == CLASSES


# ---------------------------------------------------------------- splits in tar files


def tar_of(path: Path, folder: Path, *, top: str = "") -> Path:
    """A tar file as `tar cf` writes it, folders and all."""
    with tarfile.open(path, "w") as tar:
        tar.add(folder, arcname=top or ".")
    return path


@pytest.mark.parametrize("top", ["", "dataset", "a/b"])
@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "valid", "testing")])
def test_a_tar_file_has_the_splits_of_its_folders(
    tmp_path: Path, top: str, names: tuple[str, ...]
) -> None:
    for each, name in enumerate(names, start=1):
        write_folder_atomic(tmp_path / "data" / name, each)
    path = tar_of(tmp_path / "data.tar", tmp_path / "data", top=top)
    parts = open_dataset(path)
    assert {split: len(images) for split, images in parts.items()} == {
        "train": 3,
        "val": 6,
        "test": 9,
    }
    assert all(images.classes == CLASSES for images in parts.values())
    splits = open_splits(path)
    assert (len(splits.train), len(splits.test), splits.tested_on) == (3, 6, "val")
    (tmp_path / "folder").mkdir()
    path.rename(tmp_path / "folder" / "0.tar")
    assert len(open_split(tmp_path / "folder", None, CLASSES).images) == 9


def test_folders_of_a_tar_file_that_are_no_splits(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path / "data", 1, ["bus", "train"])
    path = tar_of(tmp_path / "a.tar", tmp_path / "data", top="vehicles")
    assert open_dataset(path)["all"].classes == ("bus", "train")
    deep = {f"./x/cat/{name}.jpg": image() for name in ("1", "sub/2", "sub/deep/3")}
    path = write_tar(tmp_path / "b.tar", {**deep, "./x/dog/1.jpg": image()})
    images = open_dataset(path)["all"]
    assert images.classes == ("cat", "dog")
    assert [images.label(at) for at in range(4)] == [0, 0, 0, 1]


def test_images_of_another_split_are_not_trained_on(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path / "data" / "train", 2)
    write_folder_atomic(tmp_path / "data" / "test", 1)
    tars = tmp_path / "tars"
    tars.mkdir()
    tar_of(tars / "train.tar", tmp_path / "data")
    images = open_dataset(tars)["train"]
    assert isinstance(images, TarShards)
    assert (len(images), images.skipped.counts) == (6, {"of another split": 3})


def test_links_in_a_tar_file_lead_to_their_members(tmp_path: Path) -> None:
    data = write_folder_atomic(tmp_path / "data", 1, ["a", "b"])
    os.link(data / "a" / "0.jpg", data / "a" / "hard.jpg")
    (data / "b" / "soft.jpg").symlink_to("../a/0.jpg")
    (data / "b" / "gone.jpg").symlink_to("nowhere.jpg")
    images = open_dataset(tar_of(tmp_path / "a.tar", data))["all"]
    assert isinstance(images, TarShards)
    names = {images.name(at): at for at in range(len(images))}
    assert set(names) == {"a/0.jpg", "a/hard.jpg", "b/0.jpg", "b/soft.jpg"}
    assert len({images.content(names[name]) for name in names if name != "b/0.jpg"}) == 1
    assert images.skipped.counts == {"dangling link": 1}


# ---------------------------------------------------------------- forms that are not read


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("a.zip", b"PK\x03\x04", "python -m zipfile -e"),
        ("a.tar.gz", b"\x1f\x8b\x08", "tar -xf"),
        ("a.tgz", b"\x1f\x8b\x08", "tar -xf"),
        ("a.tar", b"\x1f\x8b\x08", "tar -xf"),
        ("a.tar.xz", b"\xfd7zXZ\0", "tar -xf"),
        ("a.tar.zst", b"\x28\xb5\x2f\xfd", "tar -xf"),
        ("a.parquet", b"PAR1", "explain CTC635"),
        ("train-00000-of-00001", b"\0", "explain CTC635"),
        ("a.npz", b"PK\x03\x04", "explain CTC635"),
        ("a.h5", b"\x89HDF\r\n\x1a\n", "explain CTC635"),
        ("data.mdb", b"\0", "explain CTC635"),
        ("data_batch_1", b"\x80\x03}q", "explain CTC635"),
        ("train-images-idx3-ubyte", b"\0\0\x08\x03", "explain CTC635"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_other_forms_are_refused_with_what_to_do(
    tmp_path: Path, name: str, content: bytes, hint: str, inside: bool
) -> None:
    path = tmp_path / "data here" / name
    path.parent.mkdir()
    path.write_bytes(content + bytes(2000))
    with refused("CTC635") as found:
        for opened in find_dataset(path.parent if inside else path).by_split.values():
            opened()
    assert hint in said(found[0])
    assert found[0].path == str(path)


def test_an_archive_beside_the_training_images_is_named(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path / "train", 1)
    (tmp_path / "val.zip").write_bytes(b"PK\x03\x04")
    with refused("CTC601") as found:
        open_splits(tmp_path)
    assert "python -m zipfile -e" in said(found[0])


def test_counts_add_up() -> None:
    one, other = SkippedFiles(), SkippedFiles()
    for number in range(5):
        one.add(".txt", f"{number}.txt")
    other.add("hidden", ".a")
    other.add(".txt", "5.txt")
    both = SkippedFiles.of((one, other, one))
    assert str(both) == "7 files skipped: 6 .txt, 1 hidden"
    assert both.as_json()[".txt"] == {"count": 6, "examples": ["0.txt", "1.txt", "2.txt"]}
    assert SkippedFiles.from_json(both.as_json()) == both


def test_a_grey_image_without_a_suffix_is_read(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path, 1, ["a"])
    Image.new("L", (5, 4), 77).save(tmp_path / "a" / "x", "PNG")
    folder = ImageFolder.scan(tmp_path)
    assert folder.pixels(folder.names.index("a/x"))[0, 0].tolist() == [77, 77, 77]
