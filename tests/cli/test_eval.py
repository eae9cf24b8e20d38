"""`ctcdsl eval`: its options and outputs, and every way it can go wrong or be stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ctcdsl.cli.main import run
from tests.support.small import make_images

SPEC = "net Tiny\ninput 3x16x16\npad valid\n(3,8)/2 2/2 (3,16,p1)\nhead: gap drop(0.1) fc\n"
CLASSES = ("blue", "green", "red")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec, images, and a run of two epochs."""
    place = tmp_path_factory.mktemp("eval")
    (place / "tiny.ctc").write_text(SPEC, encoding="utf-8")
    make_images(place / "data", CLASSES, count=5)
    options = ("--recipe", "small", "--batch", "8", "--schedule", "2:0.01", "--device", "cpu")
    code = run(
        [
            *("train", str(place / "tiny.ctc"), "--data", str(place / "data")),
            *("--run", str(place / "run"), *options),
        ]
    )
    assert code == 0
    return place


def arguments(place: Path, *more: str | Path) -> list[str]:
    spec, folder, data = place / "tiny.ctc", place / "run", place / "data"
    return [str(each) for each in ("eval", spec, folder, "--data", data, "--device", "cpu", *more)]


@pytest.fixture
def evaluate(trained: Path, ctcdsl: Any) -> Any:
    return lambda *more: ctcdsl(*arguments(trained, *more))


def test_the_errors_as_text(evaluate: Any) -> None:
    found = evaluate()
    assert found.code == 0, found.err
    first, title, *rest = found.out.splitlines()
    assert first.startswith("Tiny: 15 test images, 10 views: top-1 error ")
    assert title.split() == ["class", "error", "images", "taken", "for"]
    assert [line.split()[0] for line in rest[:3]] == list(CLASSES)
    assert [line.split()[2] for line in rest[:3]] == ["5"] * 3
    at = rest.index("confusion: a row for each class, a column for each class it was taken for")
    matrix = [line.replace("·", "0").split()[2:] for line in rest[at + 2 :]]
    assert [sum(map(int, row)) for row in matrix] == [5, 5, 5]


def test_all_of_it_as_json(evaluate: Any) -> None:
    reports = {}
    for views in ("1", "10", "dense"):
        found = evaluate("--views", views, "--format", "json")
        assert found.code == 0, found.err
        reports[views] = json.loads(found.out)
    assert [report["views"] for report in reports.values()] == [1, 10, "dense"]
    for report in reports.values():
        entries = report["confusion"]
        assert sum(entry["images"] for entry in entries) == report["images"] == 15
        wrong = [entry for entry in entries if entry["class"] != entry["taken_for"]]
        assert sum(entry["images"] for entry in wrong) == report["wrong"]
        assert report["top1_error"] == report["wrong"] / 15
        assert report["top3_error"] == report["wrong_top3"] == 0
        assert report["class_images"] == dict.fromkeys(CLASSES, 5)
        assert set(report["class_errors"]) == set(CLASSES)


def test_the_prefix_changes_nothing(evaluate: Any) -> None:
    on, off = (evaluate("--prefix", each, "--format", "json") for each in ("auto", "off"))
    assert on.code == off.code == 0
    assert on.out == off.out


def test_it_is_computed_as_told(evaluate: Any) -> None:
    plain = json.loads(evaluate("--format", "json").out)
    found = evaluate("--precision", "bf16", "--batch", "20", "--workers", "2", "--format", "json")
    assert found.code == 0, found.err
    assert "note: computed in bf16; the run was trained in float32" in found.err
    half = json.loads(found.out)
    assert half["loss"] != plain["loss"]
    assert half["loss"] == pytest.approx(plain["loss"], abs=0.02)


def test_tuning_shows_what_it_tried_and_takes_one(evaluate: Any) -> None:
    found = evaluate("--tune", "--compile", "off")
    assert found.code == 0, found.err
    for words in ("trying float32, not compiled, the views share", "views", "shared", "apart"):
        assert words in found.err
    assert "taken: " in found.err
    assert "--tune is for the test by 10 views" in evaluate("--tune", "--views", "1").err


def test_a_lack_of_memory_says_what_to_do(evaluate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(self: object, images: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate")

    monkeypatch.setattr("ctcdsl.evaluation.multi_crop.MultiCropEvaluator.probabilities", none_left)
    found = evaluate()
    assert found.code == 1 and "CTC622" in found.err
    assert "with 8 views at once" in found.err and "--batch 4" in found.err


def test_a_page_of_errors_and_a_picture(evaluate: Any, tmp_path: Path) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "run.png"
    found = evaluate("--report", page, "--worst", "2", "--picture", picture, "--views", "dense")
    assert found.code == 0, found.err
    assert f"page of errors written to {page}" in found.err
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "errors by dense views" in text
    assert text.count("<figure>") <= 2
    with Image.open(picture) as image:
        assert image.width > 800


@pytest.mark.parametrize("option", ["--report", "--picture"])
def test_a_place_that_cannot_be_written_is_said_before_the_test(
    evaluate: Any, tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*arguments: Any, **options: Any) -> None:
        raise AssertionError("tested first")

    monkeypatch.setattr("ctcdsl.evaluation.evaluate.evaluate", never)
    (tmp_path / "file").touch()
    for file in (tmp_path, tmp_path / "nowhere" / "x", tmp_path / "file" / "x"):
        found = evaluate(option, file)
        assert found.code == 1 and "CTC608" in found.err, found.err


def test_options_that_make_no_sense(evaluate: Any) -> None:
    nothing = evaluate("--batch", "0")
    assert nothing.code == 1 and "CTC605" in nothing.err
    for wrong in (("--views", "5"), ("--worst", "0"), ("--prefix", "on")):
        assert evaluate(*wrong).code == 2


def test_a_network_that_cannot_be_tested_densely(
    trained: Path, ctcdsl: Any, tmp_path: Path
) -> None:
    spec = "net Two\ninput 3x16x16\npad valid\n(1,8) { max(2,ceil)/2 | (2,8)/2 }\nhead: gap fc\n"
    (tmp_path / "tiny.ctc").write_text(spec, encoding="utf-8")
    (tmp_path / "data").symlink_to(trained / "data")
    options = ("--recipe", "small", "--epochs", "1", "--resize", "17", "--device", "cpu")
    folder = tmp_path / "run"
    code = ctcdsl("train", *arguments(tmp_path)[1:2], "--data", str(tmp_path / "data"),
                  "--run", str(folder), *options).code  # fmt: skip
    assert code == 0
    found = ctcdsl(*arguments(tmp_path, "--views", "dense"))
    assert found.code == 1 and "CTC641" in found.err and "17x20" in found.err


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_leaves_within_seconds(
    trained: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    # so many images that the test lasts: links to the few there are
    for name in CLASSES:
        (folder := tmp_path / "data" / "test" / name).mkdir(parents=True)
        (train := tmp_path / "data" / "train" / name).mkdir(parents=True)
        os.link(trained / "data" / "train" / name / "0.jpg", train / "0.jpg")
        for number in range(3000):
            os.link(trained / "data" / "test" / name / "0.jpg", folder / f"{number}.jpg")
    page = tmp_path / "page.html"
    program = (
        "import sys; from ctcdsl.cli.main import main; from ctcdsl.cli.progress import Display\n"
        "def on_validation(self, done, total): print('tested', done, flush=True)\n"
        "Display.on_validation = on_validation; main(sys.argv[1:])"
    )
    command = arguments(trained, "--data", tmp_path / "data", "--report", page)
    process = subprocess.Popen(
        [sys.executable, "-c", program, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("tested")
    process.send_signal(sent)
    start = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - start < 10
    assert process.returncode == 130, errors
    assert "Traceback" not in errors and errors.rstrip().endswith("interrupted")
    assert [path.name for path in tmp_path.iterdir()] == ["data"], "nothing half-written"


def test_every_output_names_the_split(tmp_path: Path, ctcdsl: Any) -> None:
    (tmp_path / "tiny.ctc").write_text(SPEC, encoding="utf-8")
    data = make_images(tmp_path / "data", CLASSES, count=4)
    for name in CLASSES:
        (data / "val" / name).mkdir(parents=True)
        os.link(data / "test" / name / "0.jpg", data / "val" / name / "0.jpg")
    options = ("--recipe", "small", "--batch", "8", "--schedule", "1:0.01", "--device", "cpu")
    train = ("train", tmp_path / "tiny.ctc", "--data", data, "--run", tmp_path / "run", *options)
    trained = ctcdsl(*map(str, train))
    assert "12 training images, 3 val images, 3 classes" in trained.err
    assert "  val loss " in trained.err
    assert "one view of 3 val images" in trained.out
    record = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert (record["images"]["test"], record["images"]["tested_on"]) == (3, "val")
    cases: tuple[tuple[tuple[str, ...], str, int], ...] = (
        ((), "test", 12),
        (("--split", "val"), "val", 3),
    )
    for more, split, images in cases:
        found = ctcdsl(*arguments(tmp_path, *more))
        assert found.out.startswith(f"Tiny: {images} {split} images, 10 views: ")
        found = ctcdsl(*arguments(tmp_path, *more, "--format", "json"))
        assert json.loads(found.out)["split"] == split
    page = tmp_path / "page.html"
    assert ctcdsl(*arguments(tmp_path, "--split", "train", "--report", str(page))).code == 0
    assert "of 12 train images" in page.read_text(encoding="utf-8")
    found = ctcdsl(*arguments(tmp_path, "--split", "all"))
    assert found.code == 2
    (data / "val").rename(tmp_path / "elsewhere")
    found = ctcdsl(*arguments(tmp_path, "--split", "val"))
    assert found.code == 1
    assert "CTC636" in found.err
