from __future__ import annotations

import re
from collections import Counter
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.sample import CLASSES, Split, patches, photograph, region

ROOM = Path(str(files("ctcdsl.images.sample")))
SPLITS: tuple[Split, ...] = ("train", "test")

# Of the RGB bytes of all photographs, in the order of CLASSES.
PIXELS = "fce43202657e04a58e351428779f7c7c32c2b82f4e0c13096d8ac2e61f1be5d7"


def test_the_set_fits_into_two_megabytes() -> None:
    sizes = [path.stat().st_size for path in ROOM.rglob("*") if "__pycache__" not in path.parts]
    assert 0 < sum(sizes) <= 2_000_000


def test_the_files_are_the_classes() -> None:
    assert [path.name for path in sorted((ROOM / "photographs").iterdir())] == [
        f"{name}.jpg" for name in CLASSES
    ]


def test_the_licence_of_every_photograph_is_named() -> None:
    text = (ROOM / "LICENSES.md").read_text(encoding="utf-8").split("# Left out")[0]
    _, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    assert [section.split("\n", 1)[0] for section in sections] == list(CLASSES)
    for section in sections:
        fields = re.findall(r"^- (\w+): \S", section, flags=re.MULTILINE)
        assert fields[:5] == ["Title", "Author", "Source", "Licence", "Changes"]
        assert re.search(r"^- Licence: (CC0 1\.0|CC BY 2\.0|public domain)", section, re.MULTILINE)


def test_pixels_are_the_same_on_every_machine() -> None:
    digest = sha256()
    for name in CLASSES:
        assert photograph(name).mode == "RGB"
        digest.update(photograph(name).tobytes())
    assert digest.hexdigest() == PIXELS


def test_chroma_is_not_subsampled() -> None:
    for path in (ROOM / "photographs").iterdir():
        data = path.read_bytes()
        frame = data.index(b"\xff\xc0")  # start of a baseline frame
        assert data[frame + 9] == 3
        assert [data[frame + 11 + 3 * component] for component in range(3)] == [0x11] * 3


@pytest.mark.parametrize("size", [32, 96, 171])
def test_no_pixel_is_in_both_splits(size: int) -> None:
    train, test = patches("train", size=size), patches("test", size=size)
    boxes: dict[int, list[tuple[int, int, int, int]]] = {}
    for index in range(len(train)):
        boxes.setdefault(train.label(index), []).append(train.box(index))
    for index in range(len(test)):
        left, top, right, bottom = test.box(index)
        for other in boxes[test.label(index)]:
            apart = other[2] <= left or right <= other[0] or other[3] <= top or bottom <= other[1]
            assert apart, (test.name(index), other)


def test_no_jpeg_block_is_in_both_splits() -> None:
    for name in CLASSES:
        left, top, *_ = region(name, "test")
        assert (left > 0) != (top > 0)
        assert left % 8 == top % 8 == 0


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("size", [32, 96, 171])
def test_patches_lie_in_their_photograph_and_differ(split: Split, size: int) -> None:
    found = patches(split, size=size)
    assert (
        len({found.name(index) for index in range(len(found))}) == len(found) == len(found.corners)
    )
    for index in range(len(found)):
        left, top, right, bottom = found.box(index)
        width, height = photograph(found.classes[found.label(index)]).size
        assert 0 <= left < right == left + size <= width
        assert 0 <= top < bottom == top + size <= height


@pytest.mark.parametrize(("split", "count"), [("train", 96), ("test", 24)])
def test_classes_are_balanced(split: Split, count: int) -> None:
    found = patches(split)
    labels = Counter(found.label(index) for index in range(len(found)))
    assert labels == dict.fromkeys(range(len(CLASSES)), count)
    assert found.classes == CLASSES


def test_a_patch_is_the_pixels_its_name_says() -> None:
    found = patches("train")
    for index in (0, 500, len(found) - 1):
        match = re.fullmatch(r"(\w+)@(\d+),(\d+)", found.name(index))
        assert match
        pixels, whole = found.pixels(index), np.asarray(photograph(match[1]))
        assert pixels.shape == (96, 96, 3)
        x, y = int(match[2]), int(match[3])
        assert np.array_equal(pixels, whole[y : y + 96, x : x + 96])


def test_patches_are_an_image_set() -> None:
    images: ImageSet = patches("test")  # mypy checks the rest
    assert images.classes[images.label(len(images) - 1)] == "retina"


def test_the_same_patches_every_time() -> None:
    for split in SPLITS:
        first, second = patches(split), patches(split)
        assert first == second
        assert np.array_equal(first.pixels(7), second.pixels(7))


def test_writing_to_a_patch_leaves_the_set_as_it_is() -> None:
    found = patches("test")
    before = found.pixels(0)
    found.pixels(0)[:] = 7
    assert np.array_equal(found.pixels(0), before)


def test_patches_cover_their_side_to_its_edges() -> None:
    for split in SPLITS:
        found = patches(split)
        for label, name in enumerate(CLASSES):
            boxes = [found.box(i) for i in range(len(found)) if found.label(i) == label]
            left, top, right, bottom = zip(*boxes, strict=True)
            assert (min(left), min(top), max(right), max(bottom)) == region(name, split)


def test_sizes_that_fit_no_region() -> None:
    for size in (0, -1, 172):
        with pytest.raises(ValueError, match="no patch of"):
            patches("test", size=size)
    assert patches("train", size=280).size == 280
    with pytest.raises(ValueError, match="no patch of"):
        patches("train", size=281)


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="neither"):
        patches("val")  # type: ignore[arg-type]  # what a caller without types may pass
    with pytest.raises(KeyError):
        photograph("../LICENSES")
