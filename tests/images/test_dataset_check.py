"""`ctcdsl data`: what it finds in images, and packs that training takes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.tiny import blot, write_folder_atomic

SPEC = "net Tiny\ninput 3x12x12\n(3,4)/2\nhead: gap fc\n"


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A data set with one of everything."""
    root = tmp_path / "data"
    write_folder_atomic(root / "train", 3, size=(40, 30))
    write_folder_atomic(root / "val", 1, size=(30, 41))
    train = root / "train"
    (train / "amber" / "0.jpg").write_bytes((train / "amber" / "0.jpg").read_bytes()[:300])
    blot(0, (40, 30), 7).convert("L").save(train / "amber" / "grey.jpg")
    blot(0, (40, 30), 8).convert("CMYK").save(train / "blue" / "ink.jpg")
    blot(0, (40, 12), 9).save(train / "blue" / "flat.png")
    blot(0, (40, 30), 10).save(train / "cyan" / "called.jpg", "PNG")
    shutil.copy(train / "cyan" / "1.jpg", train / "cyan" / "again.jpg")
    shutil.copy(train / "cyan" / "2.jpg", root / "val" / "amber" / "leaked.jpg")
    return root


def test_check_names_what_is_odd(ctcdsl: Any, odd: Path) -> None:
    result = ctcdsl("data", "check", str(odd), "--crop", "20", "--format", "json")
    assert result.code == 1
    found = json.loads(result.out)
    train, test = found["splits"]["train"], found["splits"]["val"]
    assert (train["images"], test["images"]) == (14, 4)
    assert train["per_class"] == {"amber": 4, "blue": 5, "cyan": 5}
    assert test["per_class"] == {"amber": 2, "blue": 1, "cyan": 1}
    [[name, reason]] = train["corrupt"]
    assert name == "amber/0.jpg"
    assert "cannot read the image" in reason
    assert train["greyscale"] == ["amber/grey.jpg"]
    assert train["cmyk"] == ["blue/ink.jpg"]
    assert train["tiny"] == [["blue/flat.png", 40, 12]]
    assert train["mislabelled"] == [["cyan/called.jpg", "PNG"]]
    assert not any(test[kind] for kind in ("corrupt", "greyscale", "cmyk", "tiny", "mislabelled"))
    assert sorted(map(sorted, found["duplicates"])) == [
        ["train/cyan/1.jpg", "train/cyan/again.jpg"],
        ["train/cyan/2.jpg", "val/amber/leaked.jpg"],
    ]
    assert found["duplicates_across"] == 1


def test_check_in_words(ctcdsl: Any, odd: Path) -> None:
    shown = [
        ctcdsl("data", "check", str(odd), "--crop", "20", "--workers", str(workers))
        for workers in (0, 3)
    ]
    assert shown[0].out == shown[1].out
    text = shown[0].out
    for line in (
        "train: 14 images in 3 classes, 4 to 5 a class",
        "  corrupt: 1",
        "  greyscale: 1",
        "    amber/grey.jpg",
        "  CMYK: 1",
        "  smaller than 20: 1",
        "    blue/flat.png: 40x12",
        "  other format than the name says: 1",
        "    cyan/called.jpg: PNG",
        "val: 4 images in 3 classes, 1 to 2 a class",
        "duplicates: 2 images stored more than once, 1 of them in several splits or classes",
    ):
        assert line in text.splitlines(), text
    (odd / "train" / "amber" / "0.jpg").unlink()
    result = ctcdsl("data", "check", str(odd))
    assert result.code == 0, "odd is not wrong"
    assert "    and 8 more" in result.out.splitlines(), "all 13 images are smaller than 224"


@pytest.mark.parametrize("raw", [(), ("--raw",)])
def test_a_pack_is_checked_too(ctcdsl: Any, tmp_path: Path, raw: tuple[str, ...]) -> None:
    write_folder_atomic(tmp_path / "data", 5)
    pack = tmp_path / "pack"
    result = ctcdsl("data", "pack", str(tmp_path / "data"), str(pack), "--shorter", "12", *raw)
    assert result.code == 0, result.err
    assert result.out.startswith(f"{pack}: 15 images")
    assert ctcdsl("data", "check", str(pack), "--crop", "12").code == 0
    content = bytearray(pack.read_bytes())
    content[100] ^= 0x55
    pack.write_bytes(content)
    result = ctcdsl("data", "check", str(pack), "--crop", "12")
    assert result.code == 1
    assert "amber/0.jpg: cannot read the image: its bytes in the pack are damaged" in result.out
    result = ctcdsl("data", "pack", str(tmp_path / "data"), str(pack))
    assert result.code == 1 and "CTC634" in result.err


def test_packing_says_what_it_leaves_out(ctcdsl: Any, odd: Path, tmp_path: Path) -> None:
    result = ctcdsl("data", "pack", str(odd), str(tmp_path / "pack"))
    assert result.code == 1 and "CTC631" in result.err
    result = ctcdsl("data", "pack", str(odd), str(tmp_path / "pack"), "--max-corrupt", "0.1")
    assert result.code == 0
    assert "warning: amber/0.jpg is left out" in result.err
    assert "17 images" in result.out and "1 skipped" in result.out


def test_what_is_no_data_is_refused(ctcdsl: Any, tmp_path: Path) -> None:
    for arguments in (("check", tmp_path), ("pack", tmp_path, tmp_path / "out")):
        result = ctcdsl("data", *map(str, arguments))
        assert result.code == 1 and "CTC601" in result.err
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert "CTC601" in ctcdsl("data", "check", str(tmp_path / "a.png")).err


def test_a_pack_is_trained_and_tested_on(ctcdsl: Any, tmp_path: Path) -> None:
    (tmp_path / "tiny.ctc").write_text("net T\ninput 3x12x12\n(3,4)/2\nhead: gap fc\n")
    write_folder_atomic(tmp_path / "data", 10)
    (tmp_path / "data" / "cyan" / "7.jpg").write_bytes(b"nothing")
    pack, run, spec = (str(tmp_path / name) for name in ("pack", "run", "tiny.ctc"))
    numbers = ["--batch", "8", "--schedule", "1:0.01", "--device", "cpu", "--workers", "2"]
    options = [*numbers, "--max-corrupt", "0.1"]
    data = str(tmp_path / "data")
    result = ctcdsl("train", spec, "--data", data, "--run", f"{run}1", *options)
    assert result.code == 0, result.err
    assert "warning: cyan/7.jpg is left out, the next image takes its place" in result.err
    assert ctcdsl("data", "pack", data, pack, "--max-corrupt", "0.1").code == 0
    result = ctcdsl("train", spec, "--data", pack, "--run", run, *options)
    assert result.code == 0, result.err
    assert "26 training images, 3 test images" in result.err


def test_check_counts_classes_in_each_split_and_what_is_passed_over(
    ctcdsl: Any, tmp_path: Path
) -> None:
    write_folder_atomic(tmp_path / "train", 2, ["cat", "dog"])
    write_folder_atomic(tmp_path / "val", 1, ["cat"])
    write_folder_atomic(tmp_path / "test", 3, ["dog", "eel"])
    (tmp_path / "train" / "fox").mkdir()
    (tmp_path / "test" / "dog" / "dog.xml").write_text("<a/>")
    (tmp_path / "licence").write_text("free")
    result = ctcdsl("data", "check", tmp_path, "--crop", "8")
    assert result.code == 0
    lines = result.out.splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("duplicates"))
    assert lines[:at] + lines[-3:] == [
        "train: 4 images in 2 classes, 2 to 2 a class",
        "val: 1 image in 1 class, 1 to 1 a class",
        "test: 6 images in 2 classes, 3 to 3 a class",
        "class  train  val  test",
        "─────  ─────  ───  ────",
        "cat        2    1     0",
        "dog        2    0     3",
        "eel        0    0     3",
        "classes without train images: 1",
        "    eel",
        "folders without images in train, which are not classes: 1",
        "    fox",
        "classes without val images: 2",
        "    dog",
        "    eel",
        "classes without test images: 1",
        "    cat",
        "2 files skipped: 1 .xml, 1 no suffix",
        "    .xml: dog/dog.xml",
        "    no suffix: licence",
    ]
    report = json.loads(ctcdsl("data", "check", tmp_path, "--format", "json").out)
    assert report["skipped"]["no suffix"] == {"count": 1, "examples": ["licence"]}
    assert report["splits"]["test"]["skipped"][".xml"]["count"] == 1
    assert report["splits"]["val"]["per_class"] == {"cat": 1}


def test_a_class_of_one_split_only_is_trained_or_left_out(ctcdsl: Any, tmp_path: Path) -> None:
    (tmp_path / "tiny.ctc").write_text(SPEC, encoding="utf-8")
    write_folder_atomic(tmp_path / "data" / "train", 4, ["cat", "dog", "owl"])
    write_folder_atomic(tmp_path / "data" / "val", 2, ["dog", "eel", "cat"])
    (tmp_path / "data" / "val" / "owl").mkdir()
    (tmp_path / "data" / "val" / "__MACOSX").mkdir()
    options = ("--data", tmp_path / "data", "--device", "cpu")
    run = tmp_path / "run"
    schedule = ("--run", run, "--recipe", "small", "--schedule", "1:0.01", "--batch", "8")
    result = ctcdsl("train", tmp_path / "tiny.ctc", *options, *schedule)
    assert result.code == 0, result.err
    assert "note[CTC916]: 1 file skipped: 1 system folder" in result.err
    assert "1 class only in val, not in train: eel; 2 images left out" in result.err
    assert "1 of 3 classes has no val images: owl" in result.err
    assert "12 training images, 4 val images, 3 classes" in result.err
    tested = ctcdsl("eval", tmp_path / "tiny.ctc", run, *options, "--format", "json")
    report = json.loads(tested.out)
    assert report["class_images"] == {"cat": 2, "dog": 2, "owl": 0}
    assert report["class_errors"]["owl"] is None
    assert (report["images"], report["split"]) == (4, "val")
    for folder in ("train", "val"):
        shutil.rmtree(tmp_path / "data" / folder / "cat")
        shutil.rmtree(tmp_path / "data" / folder / "dog")
    result = ctcdsl("train", tmp_path / "tiny.ctc", *options)
    assert result.code == 1
    assert "no val image is of a class of train" in result.err
