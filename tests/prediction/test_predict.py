"""Predictions are those of an evaluation, whatever the images come as."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import ctcdsl as library
from ctcdsl.codegen.load import build_module
from ctcdsl.evaluation.views import views
from ctcdsl.images.colour import preprocess
from ctcdsl.images.resize import resize_shorter
from tests.support.exported import CLASSES, make_run, need
from tests.support.tiny import decode_file


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> library.Run:
    return make_run(tmp_path_factory.mktemp("predict"))


@pytest.fixture
def images(run: library.Run) -> list[Path]:
    return sorted((run.folder.parent / "data" / "test").rglob("*.jpg"))


def by_hand(run: library.Run, image: Path, ten: bool) -> torch.Tensor:
    """The probabilities of an image's classes, view by view."""
    module = build_module(run.network).eval()
    module.load_state_dict(run.module().state_dict())
    shorter = run.recipe.resize_for((16, 16))
    pixels = torch.from_numpy(resize_shorter(decode_file(image), shorter)).permute(2, 0, 1)
    cut = views(pixels, (16, 16))
    batch = cut if ten else cut[4:5]
    with torch.inference_mode():
        logits = module(preprocess(batch, run.statistics, run.recipe.pixel_divisor))
    averaged: torch.Tensor = logits.softmax(1).mean(0)
    return averaged


@pytest.mark.parametrize("count", [1, 10])
def test_the_views_averaged(run: library.Run, images: list[Path], count: Any) -> None:
    found = library.predict(run, images, views=count)
    assert [prediction.image for prediction in found] == list(map(str, images))
    for image, prediction in zip(images, found, strict=True):
        expected = by_hand(run, image, count == 10)
        for name, probability in prediction.guesses:
            assert probability == pytest.approx(float(expected[CLASSES.index(name)]), abs=1e-6)
        assert prediction.name == CLASSES[int(expected.argmax())]
        assert prediction.probability == pytest.approx(float(expected.max()), abs=1e-6)


def test_they_are_those_of_eval(run: library.Run) -> None:
    data = run.folder.parent / "data"
    scores = library.evaluate(run, views=10)
    found = library.predict(run, data / "test", top=1)
    assert [prediction.name for prediction in found] == [
        CLASSES[label] for label in scores.top[:, 0].tolist()
    ]
    assert [p.probability for p in found] == scores.probabilities[:, 0].tolist()


@pytest.mark.parametrize("target", ["onnx", "openvino", "torch-export"])
def test_an_exported_file(
    run: library.Run, images: list[Path], target: str, tmp_path: Path
) -> None:
    need(target)
    suffix = {"onnx": ".onnx", "openvino": ".xml", "torch-export": ".pt2"}[target]
    done = library.export(run, target, tmp_path / f"tiny{suffix}")
    module, file = library.predict(run, images), library.predict(done.path, images)
    assert len(file) == len(images) == len(module)
    for one, other in zip(module, file, strict=True):
        assert one.name == other.name
        assert one.probability == pytest.approx(other.probability, abs=1e-5)


def test_arrays_and_paths(run: library.Run, images: list[Path]) -> None:
    pixels = decode_file(images[0])
    array, path = library.predict(run, [pixels, images[0]])
    assert array.guesses == path.guesses and array.image == "image 1"
    assert library.predict(run, pixels)[0].guesses == path.guesses
    with pytest.raises(TypeError, match="uint8"):
        library.predict(run, [np.zeros((3, 4, 4), np.float32)])
    with pytest.raises(TypeError, match="path or an array"):
        library.predict(run, [7])  # type: ignore[list-item]


def test_numbers_out_of_range(run: library.Run, images: list[Path]) -> None:
    for wrong in ({"views": 2}, {"top": 6}, {"top": 0}, {"batch": 0}):
        with pytest.raises(library.UserError, match="CTC605"):
            library.predict(run, images, **wrong)  # type: ignore[arg-type]


def test_forms(run: library.Run, images: list[Path], ctcdsl: Any) -> None:
    folder = run.folder.parent / "data" / "test"
    table = ctcdsl("predict", run.folder, folder, "--top", "2")
    assert table.code == 0, table.err
    titles, _, *rows = table.out.splitlines()
    assert titles.split("  ")[0] == "image" and len(rows) == len(images)
    comma = ctcdsl("predict", run.folder, folder, "--top", "2", "--format", "csv")
    parsed = list(csv.DictReader(io.StringIO(comma.out)))
    assert list(parsed[0]) == ["image", "class 1", "% 1", "class 2", "% 2"]
    lines = ctcdsl("predict", run.folder, folder, "--format", "jsonl").out.splitlines()
    predictions = [json.loads(line) for line in lines]
    for row, prediction in zip(parsed, predictions, strict=True):
        assert row["image"] == prediction["image"]
        assert row["class 1"] == prediction["classes"][0]["name"]
        assert float(row["% 1"]) == pytest.approx(
            100 * prediction["classes"][0]["probability"], abs=0.051
        )
        assert sum(guess["probability"] for guess in prediction["classes"]) == pytest.approx(1)


def test_standard_input(run: library.Run, images: list[Path], ctcdsl: Any) -> None:
    named = ctcdsl("predict", run.folder, images[0], images[1], "--format", "jsonl").out
    paths = "".join(f"{path}\n" for path in images[:2])
    assert ctcdsl("predict", run.folder, "-", "--format", "jsonl", stdin=paths).out == named
    content = images[0].read_bytes()
    piped = ctcdsl("predict", run.folder, "-", "--format", "jsonl", stdin=content).out
    assert piped == named.splitlines()[0].replace(str(images[0]), "<stdin>") + "\n"
    assert "neither an image" in ctcdsl("predict", run.folder, "-", stdin=b"\xff\xfe\x00").err
    assert ctcdsl("predict", run.folder, "-", images[0]).code == 2


def test_images_that_cannot_be_read(
    run: library.Run, images: list[Path], tmp_path: Path, ctcdsl: Any
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(images[0].read_bytes()[:200])
    found = ctcdsl("predict", run.folder, broken, images[0], "--format", "jsonl")
    assert found.code == 1
    (line,) = found.out.splitlines()
    assert json.loads(line)["image"] == str(images[0])
    assert "error[CTC603]" in found.err and str(broken) in found.err
    alone = ctcdsl("predict", run.folder, broken)
    assert (alone.code, alone.out) == (1, "") and "CTC603" in alone.err
    (tmp_path / "notes.txt").write_text("no image", encoding="utf-8")
    broken.unlink()
    none = ctcdsl("predict", run.folder, tmp_path)
    assert none.code == 1 and "CTC671" in none.err and "1 .txt" in none.err


def test_a_contact_sheet(run: library.Run, tmp_path: Path, ctcdsl: Any) -> None:
    sheet = tmp_path / "sheet.png"
    folder = run.folder.parent / "data" / "test"
    assert ctcdsl("predict", run.folder, folder, "--sheet", sheet).code == 0
    picture = Image.open(sheet)
    assert picture.width > 8 * 150 and picture.height > 3 * 150  # 24 images
    colours = np.array(picture.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) > 100
    missing = tmp_path / "no" / "sheet.png"
    assert "CTC608" in ctcdsl("predict", run.folder, folder, "--sheet", missing).err


def test_what_is_no_network(tmp_path: Path, images: list[Path], ctcdsl: Any) -> None:
    assert "CTC765" in ctcdsl("predict", images[0], images[0]).err
    assert "CTC610" in ctcdsl("predict", tmp_path, images[0]).err
