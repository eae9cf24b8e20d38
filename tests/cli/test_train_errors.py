"""`ctcdsl train` and `ctcdsl eval`: every way they can go wrong."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.small import SPEC, evaluate, make_images, make_place, same, train


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return make_place(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--schedule", "10x0.1"], "CTC605"),
        (["--batch", "0"], "CTC605"),
        (["--momentum", "1.5"], "CTC605"),
        (["--resize", "8"], "CTC605"),
        (["--resume"], "CTC610"),
        (["--input", "3x2x2"], "CTC201"),
    ],
)
def test_numbers_that_make_no_sense(
    ctcdsl: Any, place: Path, arguments: list[str], expected: str
) -> None:
    result = ctcdsl(*train(place), *arguments)
    assert result.code == 1 and expected in result.err, result.err
    assert not (place / "run").exists()


def test_data_that_is_none(ctcdsl: Any, place: Path) -> None:
    (place / "empty").mkdir()
    for name in ("empty", "missing", "tiny.ctc"):
        result = ctcdsl(*train(place), "--data", place / name)
        assert result.code == 1 and "CTC601" in result.err, result.err
    for name in ("train/green", "val/green"):
        (place / "hollow" / name).mkdir(parents=True)
    result = ctcdsl(*train(place), "--data", place / "hollow")
    assert result.code == 1 and "CTC602" in result.err and "green" in result.err
    for name in ("blue", "red"):
        (place / "data" / "test" / name).rename(place / "data" / "test" / f"{name}s")
    result = ctcdsl(*train(place))
    assert result.code == 1 and "CTC611" in result.err
    assert not (place / "run").exists()


def test_corrupt_and_truncated_images(ctcdsl: Any, place: Path) -> None:
    image = place / "data" / "train" / "red" / "0.jpg"
    whole = image.read_bytes()
    for bytes_left in (whole[: len(whole) // 2], b"not a JPEG"):
        image.write_bytes(bytes_left)
        result = ctcdsl(*train(place, "--run", place / f"run{len(bytes_left)}"))
        assert result.code == 1 and "CTC631" in result.err
        assert str(image) in result.err


def test_a_checkpoint_that_does_not_fit(ctcdsl: Any, place: Path) -> None:
    assert ctcdsl(*train(place)).code == 0
    spec = place / "tiny.ctc"

    spec.write_text(SPEC.replace("(3,16)", "(3,24)"), encoding="utf-8")
    result = ctcdsl(*evaluate(place))
    assert result.code == 1 and "CTC606" in result.err
    assert "(3,16)" in result.err and "(3,24)" in result.err
    spec.write_text(SPEC, encoding="utf-8")

    make_images(place / "others", ("cyan", "pink"))
    result = ctcdsl(*evaluate(place), "--data", place / "others")
    assert result.code == 1 and "CTC607" in result.err
    cases = (
        (("blue",), "note[CTC915]: 1 of 2 classes has no test images: red"),
        (("blue", "red", "x"), "1 class only in test, not in the run: x; 6 images left out"),
    )
    for classes, said in cases:
        make_images(place / str(len(classes)), classes)
        result = ctcdsl(*evaluate(place), "--data", place / str(len(classes)))
        assert result.code == 0 and said in result.err

    newest = max((place / "run" / "checkpoints").glob("0*"))
    weights = newest / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    for path in (newest, place / "none", spec):
        result = ctcdsl("eval", spec, path, "--data", place / "data")
        assert result.code == 1 and "CTC610" in result.err


def test_a_full_disk_leaves_the_last_checkpoint(
    ctcdsl: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ctcdsl(*train(place)).code == 0
    before = sorted((place / "run" / "checkpoints").iterdir())

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = ctcdsl(*train(place, "--resume", "--epochs", "3"))
    assert result.code == 1 and "CTC608" in result.err and "space" in result.err
    assert sorted((place / "run" / "checkpoints").iterdir()) == before
    assert not list((place / "run").rglob("*.tmp"))


def test_a_run_folder_that_cannot_be_made(ctcdsl: Any, place: Path) -> None:
    (place / "file").touch()
    result = ctcdsl(*train(place), "--run", place / "file" / "run")
    assert result.code == 1 and "CTC608" in result.err


def test_without_the_extra(ctcdsl: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ctcdsl.text.packages.find_spec", lambda name: None if name == "torch" else find_spec(name)
    )
    result = ctcdsl(*train(place))
    assert result.code == 1 and "CTC615" in result.err and "ctcdsl[train]" in result.err
    assert "CTC615" in ctcdsl("data", "check", place).err
    assert ctcdsl("data", "pack", "--help").code == 0


def test_a_gpu_that_is_not_there(ctcdsl: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = ctcdsl(*train(place), "--device", "cuda")
    assert result.code == 1 and "CTC616" in result.err


def test_what_cannot_be_repeated(ctcdsl: Any, place: Path) -> None:
    assert ctcdsl(*train(place)).code == 0
    moved = (place / "data").rename(place / "moved")
    gone = ctcdsl("train", "--repeat", place / "run", "--run", place / "new")
    assert gone.code == 1 and "CTC601" in gone.err
    found = ctcdsl("train", "--repeat", place / "run", "--run", place / "new", "--data", moved)
    assert found.code == 0 and same(place / "run", place / "new"), found.err
    (moved / "train" / "red" / "0.jpg").unlink()
    fewer = ctcdsl("train", "--repeat", place / "run", "--run", place / "newer", "--data", moved)
    assert fewer.code == 1 and "CTC623" in fewer.err and "now 11" in fewer.err
    (place / "run" / "run.json").write_text("{}")
    for folder in (place / "run", place / "nowhere"):
        result = ctcdsl("train", "--repeat", folder)
        assert result.code == 1 and "CTC623" in result.err, result.err


@pytest.mark.parametrize("text", ["0", "soon", "-5s"])
def test_how_often_is_a_time_or_steps(ctcdsl: Any, place: Path, text: str) -> None:
    result = ctcdsl(*train(place), "--checkpoint-every", text)
    assert result.code == 2 and "10min" in result.err
