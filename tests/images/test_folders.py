import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ctcdsl.images import decode as decode_module
from ctcdsl.images.datasets import open_dataset
from ctcdsl.images.decode import decode
from ctcdsl.images.folders import ImageFolder
from ctcdsl.images.image_set import require_same_classes
from ctcdsl.images.skipped_files import SUFFIXES
from ctcdsl.images.split_choice import Splits, open_splits
from ctcdsl.text.diagnostic import UserError
from tests.support.tiny import CLASSES, Blots, blot, decode_file, refused, said, write_folder_atomic


def test_a_folder_is_sorted_by_class_and_name(tmp_path: Path) -> None:
    for name in ("b/2.PNG", "b/10.png", "a/z.jpg", "a/A.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        blot(0, (8, 6), 0).save(tmp_path / name)
    for name in ("a/notes.txt", "b/.hidden.png", "readme.md"):
        (tmp_path / name).write_text("no image")
    (tmp_path / ".git").mkdir()
    folder = ImageFolder.scan(tmp_path)
    assert folder.classes == ("a", "b")
    assert [folder.name(index) for index in range(len(folder))] == [
        "a/A.webp",
        "a/z.jpg",
        "b/10.png",
        "b/2.PNG",
    ]
    assert [folder.label(index) for index in range(len(folder))] == [0, 0, 1, 1]
    assert folder.pixels(0).shape == (6, 8, 3)


def test_a_data_directory_must_hold_class_folders(tmp_path: Path) -> None:
    with refused("CTC601") as found:
        ImageFolder.scan(tmp_path / "nowhere")
    assert "nowhere" in said(found[0])
    with refused("CTC601") as found:
        ImageFolder.scan(tmp_path)
    assert "empty" in found[0].message
    blot(0, (8, 8), 0).save(tmp_path / "1.jpg")
    with refused("CTC601") as found:
        ImageFolder.scan(tmp_path / "1.jpg")
    assert "file" in found[0].message
    with refused("CTC601") as found:
        ImageFolder.scan(tmp_path)
    assert "has 1 image but no class folders" in found[0].message


def test_folders_without_images_are_no_classes(tmp_path: Path) -> None:
    (tmp_path / "dog").mkdir()
    (tmp_path / "eel" / "inner").mkdir(parents=True)
    (tmp_path / "dog" / "notes.txt").write_text("none yet")
    with refused("CTC602") as found:
        ImageFolder.scan(tmp_path)
    assert "2 class folders: dog, eel" in found[0].message
    assert "1 file skipped: 1 .txt" in said(found[0])
    write_folder_atomic(tmp_path, 1, ["cat"])
    folder = ImageFolder.scan(tmp_path)
    assert (folder.classes, folder.empty) == (("cat",), ("dog", "eel"))


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder_atomic(tmp_path, 1)
    with monkeypatch.context() as patch:  # root may read all: the refusal has to be made
        patch.setattr(os, "scandir", _denied)
        with refused("CTC604") as found:
            ImageFolder.scan(tmp_path)
        assert str(tmp_path) in said(found[0])
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", _denied)
        with refused("CTC604") as found:
            decode_file(tmp_path / "amber" / "0.jpg")
        assert "0.jpg" in said(found[0])


def test_no_permission_to_search_for_a_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a bug of ctcdsl nor a data set without that split."""
    for split in ("train", "val"):
        write_folder_atomic(tmp_path / split, 1)
    scandir = os.scandir
    with monkeypatch.context() as patch:
        patch.setattr(
            os, "scandir", lambda path: _denied() if path.name == "val" else scandir(path)
        )
        with refused("CTC604") as found:
            open_splits(tmp_path)
        assert str(tmp_path / "val") in said(found[0])
    with monkeypatch.context() as patch:
        for call in ("stat", "scandir", "listdir"):
            patch.setattr(os, call, _denied)
        with refused("CTC604"):
            open_splits(tmp_path / "closed" / "data")


def _denied(*arguments: object, **options: object) -> Iterator[None]:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused_in_every_format(
    tmp_path: Path, suffix: str, share: float
) -> None:
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    blot(0, (90, 70), 0).save(whole)
    assert decode_file(whole).shape == (70, 90, 3)
    data = whole.read_bytes()
    cut.write_bytes(data[: int(len(data) * share)])
    with refused("CTC603") as found:
        decode_file(cut)
    assert str(cut) in said(found[0])


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\xff\xd8\xff\xe0" + bytes(500)])
def test_a_file_that_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with refused("CTC603") as found:
        decode_file(path)
    assert "bad.jpg" in said(found[0])


def test_a_damaged_png_is_refused(tmp_path: Path) -> None:
    data = BytesIO()
    blot(0, (60, 40), 0).save(data, "PNG")
    content = bytearray(data.getvalue())
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    (tmp_path / "bad.png").write_bytes(content)
    with refused("CTC603"):
        decode_file(tmp_path / "bad.png")


def test_a_file_that_went_away_is_refused(tmp_path: Path) -> None:
    folder = ImageFolder.scan(write_folder_atomic(tmp_path, 1))
    (tmp_path / "blue" / "0.jpg").unlink()
    with refused("CTC603") as found:
        folder.pixels(1)
    assert "blue/0.jpg" in said(found[0])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    suffix = ".tif" if mode in ("CMYK", "YCbCr") else ".png"
    image = Image.new("RGB", (9, 7), (255, 255, 255)).convert(mode)
    image.save(tmp_path / f"white{suffix}")
    decoded = decode_file(tmp_path / f"white{suffix}")
    assert decoded.shape == (7, 9, 3)
    assert decoded.min() >= 254


def test_a_palette_with_transparency_becomes_rgb(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    image.save(tmp_path / "p.png", transparency=b"\xff\x80")
    assert decode_file(tmp_path / "p.png")[0, 0].tolist() == [10, 200, 30]


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    levels = np.array([[0, 0x4000], [0x8000, 0xFFFF]], dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    assert decode_file(tmp_path / "deep.png")[..., 0].tolist() == [[0, 64], [128, 255]]


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees to show
    blot(0, (30, 20), 0).save(tmp_path / "turned.jpg", exif=exif)
    assert decode_file(tmp_path / "turned.jpg").shape == (30, 20, 3)


@pytest.mark.parametrize("kind", ["whole", "turned", "grey", "ink", "cut", "damaged", "none"])
def test_simplejpeg_gives_what_pillow_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    image, exif, data = blot(0, (90, 70), 0), Image.Exif(), BytesIO()
    exif[0x0112] = 6 if kind == "turned" else 1
    image = image.convert({"grey": "L", "ink": "CMYK"}.get(kind, "RGB"))
    image.save(data, "JPEG", quality=90, exif=exif)
    content = bytearray(data.getvalue())
    if kind == "cut":
        del content[len(content) // 2 :]
    elif kind == "damaged":
        content[len(content) // 2 : len(content) // 2 + 20] = b"\xff\xd9" * 10
    elif kind == "none":
        content[10:] = bytes(len(content) - 10)

    def found() -> bytes | str:
        try:
            return decode(bytes(content), "a.jpg").tobytes()
        except UserError as error:
            return said(error.diagnostics[0])

    assert vars(decode_module)["simplejpeg"] is not None
    with_it = found()
    monkeypatch.setattr(decode_module, "simplejpeg", None)
    assert with_it == found()
    assert isinstance(with_it, str) == (kind in ("cut", "none"))


def test_splits_are_found_by_their_folders(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path / "train", 3)
    write_folder_atomic(tmp_path / "val", 2)
    write_folder_atomic(tmp_path / "test", 1)
    parts = open_dataset(tmp_path)
    assert {split: len(images) for split, images in parts.items()} == {
        "train": 9,
        "val": 6,
        "test": 3,
    }
    splits = open_splits(tmp_path)
    assert (len(splits.train), len(splits.test), splits.tested_on) == (9, 6, "val")
    assert splits.notes == ()


def test_a_folder_with_one_split_only_says_which_is_missing(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path / "train", 1)
    with refused("CTC601") as found:
        open_splits(tmp_path)
    assert "there are train images but no val or test images" in found[0].message
    assert "val/" in said(found[0])


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path, 10, ["bus", "train"])
    assert open_dataset(tmp_path)["all"].classes == ("bus", "train")
    assert open_splits(tmp_path).train.classes == ("bus", "train")


def names_of(splits: Splits) -> list[list[str]]:
    sets = (splits.train, splits.test)
    return [[images.name(index) for index in range(len(images))] for images in sets]


def test_without_splits_every_tenth_image_is_held_out(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path, 20)
    splits = open_splits(tmp_path)
    names = names_of(splits)
    assert len(names[0]) == 54
    assert len(names[1]) == 6
    assert not set(names[0]) & set(names[1])
    assert sorted(names[0] + names[1]) == sorted(ImageFolder.scan(tmp_path).names)
    assert [splits.test.label(index) for index in range(6)] == [0, 0, 1, 1, 2, 2]
    assert splits.test.classes == CLASSES
    assert np.array_equal(splits.test.pixels(2), decode_file(tmp_path / names[1][2]))
    assert "6 in all" in splits.notes[0].message
    assert names_of(open_splits(tmp_path)) == names


def test_too_few_images_to_hold_some_out(tmp_path: Path) -> None:
    with refused("CTC601"):
        open_splits(write_folder_atomic(tmp_path, 4))


def test_splits_with_other_classes_are_refused(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path / "train", 1, ["a", "b"])
    write_folder_atomic(tmp_path / "val", 1, ["c", "d"])
    with refused("CTC611") as found:
        open_splits(tmp_path)
    assert "only in train: a, b" in found[0].notes
    assert "only in val: c, d" in found[0].notes
    with refused("CTC611") as found:
        require_same_classes(Blots(("x", "y")), Blots(("y", "x")))
    assert "order" in said(found[0])
