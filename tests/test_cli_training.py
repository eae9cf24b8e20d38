"""`ctcdsl train` and `ctcdsl eval` on tiny images: what works, and every way it can go wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ctcdsl.cli.main import run

SPEC = "net Tiny\ninput 3x16x16\n(3,8)/2 2/2 (3,16)\nhead: gap drop(0.1) fc\n"
OPTIONS = ["--recipe", "small", "--batch", "8", "--schedule", "2:0.01", "--device", "cpu"]


def make_images(folder: Path, classes: tuple[str, ...] = ("blue", "red"), count: int = 6) -> Path:
    """A folder of training and test images whose class is their colour."""
    noise = np.random.default_rng(0)
    for split in ("train", "test"):
        for label, name in enumerate(classes):
            place = folder / split / name
            place.mkdir(parents=True)
            for k in range(count):
                pixels = noise.integers(0, 80, (20, 24, 3), dtype=np.uint8)
                pixels[..., label % 3] += 150
                Image.fromarray(pixels).save(place / f"{k}.jpg")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "tiny.ctc").write_text(SPEC, encoding="utf-8")
    make_images(tmp_path / "data")
    return tmp_path


class Called:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def ctcdsl(capfd: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str | Path) -> Called:
        code = run([str(a) for a in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in err, err
        return Called(code, out, err)

    return call


def train(place: Path, *more: str | Path) -> list[str | Path]:
    return [
        *("train", place / "tiny.ctc", "--data", place / "data", "--run", place / "run"),
        *OPTIONS,
        *more,
    ]


def evaluate(place: Path, *more: str | Path) -> list[str | Path]:
    return [
        *("eval", place / "tiny.ctc", place / "run"),
        *("--data", place / "data", "--device", "cpu"),
        *more,
    ]


def test_train_then_eval(ctcdsl: Any, place: Path) -> None:
    trained = ctcdsl(*train(place))
    assert trained.code == 0, trained.err
    assert "Tiny: top-1 error" in trained.out and "after 2 epochs (chance 50.0%)" in trained.out
    assert "12 training images, 12 test images, 2 classes" in trained.err
    files = {path.name for path in (place / "run").iterdir()}
    assert files == {
        *("checkpoints", "log.csv", "log.jsonl"),
        *("run.json", "model.py", "spec.ctc", "given.ctc", ".lock"),
    }
    assert (place / "run" / "given.ctc").read_text() == SPEC
    rows = [json.loads(line) for line in (place / "run" / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert len((place / "run" / "log.csv").read_text().splitlines()) == 3

    tested = ctcdsl(*evaluate(place))
    assert tested.code == 0, tested.err
    assert "12 images, 10 views: top-1 error" in tested.out
    assert "  blue  " in tested.out and "  red   " in tested.out
    as_json = ctcdsl(*evaluate(place, "--views", "1", "--format", "json"))
    report = json.loads(as_json.out)
    assert report["views"] == 1 and set(report["class_errors"]) == {"blue", "red"}
    assert report["top1_error"] == rows[-1]["test_top1_error"]

    picture = place / "run.png"
    assert ctcdsl(*evaluate(place, "--picture", picture)).code == 0
    with Image.open(picture) as image:
        assert image.width > 800


def test_resume_goes_on_with_the_run_s_own_recipe(ctcdsl: Any, place: Path) -> None:
    assert ctcdsl(*train(place)).code == 0
    again = ctcdsl(*train(place))
    assert again.code == 1 and "CTC614" in again.err and "--resume" in again.err
    more = ctcdsl(
        "train", place / "tiny.ctc", "--data", place / "data", "--run", place / "run",
        "--resume", "--epochs", "3", "--device", "cpu",
    )  # fmt: skip
    assert more.code == 0, more.err
    assert "from epoch 3" in more.err and "after 3 epochs" in more.out
    other = ctcdsl(*train(place, "--resume", "--momentum", "0.5"))
    assert other.code == 1 and "CTC613" in other.err


def test_embedded_photographs_are_the_default(ctcdsl: Any, place: Path) -> None:
    result = ctcdsl(
        "train", place / "tiny.ctc", "--run", place / "run", "--epochs", "1", "--device", "cpu"
    )
    assert result.code == 0, result.err
    assert "embedded photographs" in result.err and "11 classes" in result.err
    tested = ctcdsl("eval", place / "tiny.ctc", place / "run", "--views", "1")
    assert tested.code == 0 and "coffee" in tested.out


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
    (place / "data" / "train" / "green").mkdir()
    result = ctcdsl(*train(place))
    assert result.code == 1 and "CTC602" in result.err and "green" in result.err
    Image.new("RGB", (8, 8)).save(place / "data" / "train" / "green" / "a.png")
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

    for classes, name in ((("blue",), "fewer"), (("blue", "red", "x"), "more")):
        make_images(place / name, classes)
        result = ctcdsl(*evaluate(place), "--data", place / name)
        assert result.code == 1 and "CTC607" in result.err

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
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else real(name)
    )
    result = ctcdsl(*train(place))
    assert result.code == 1 and "CTC615" in result.err and "ctcdsl[train]" in result.err


def test_a_gpu_that_is_not_there(ctcdsl: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = ctcdsl(*train(place), "--device", "cuda")
    assert result.code == 1 and "CTC616" in result.err


def test_tuning_shows_what_it_tried_and_the_run_keeps_it(ctcdsl: Any, place: Path) -> None:
    result = ctcdsl(*train(place, "--tune", "--compile", "off"))
    assert result.code == 0, result.err
    for words in ("trying float32, not compiled", "trying bf16, not compiled", "images/s", "ratio"):
        assert words in result.err
    taken = re.search(r"taken: (float32|bf16), not compiled", result.err)
    assert taken is not None
    recipe = json.loads((place / "run" / "run.json").read_text())["recipe"]
    assert (recipe["precision"], recipe["compile"]) == (taken[1], "off")
    resumed = ctcdsl(*train(place, "--tune", "--resume", "--epochs", "3"))
    assert resumed.code == 0 and "trying" not in resumed.err
    assert f"the run keeps its own: {taken[1]}, not compiled" in resumed.err


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_a_run_to_resume(
    ctcdsl: Any, place: Path, sent: signal.Signals
) -> None:
    program = "import sys; from ctcdsl.cli.main import main; main(sys.argv[1:])"
    arguments = [str(a) for a in train(place, "--epochs", "100000")]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = place / "run" / "log.jsonl"
    deadline = time.monotonic() + 60
    while not (log.exists() and log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "interrupted; saved at epoch" in errors
    assert "--resume" in errors
    assert not list((place / "run").rglob("*.tmp"))
    epochs = len(log.read_text().splitlines())
    resumed = ctcdsl(*train(place, "--resume", "--epochs", str(epochs + 1)))
    assert resumed.code == 0, resumed.err


def weights(run: Path) -> dict[str, Any]:
    from ctcdsl.training.checkpoint import load

    return load(run).model


def same(first: Path, second: Path) -> bool:
    import torch

    one, other = weights(first), weights(second)
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_is_repeated_from_its_folder_alone(ctcdsl: Any, place: Path) -> None:
    assert ctcdsl(*train(place, "--seed", "7", "--input", "20")).code == 0
    (place / "tiny.ctc").unlink()
    again = ctcdsl("train", "--repeat", place / "run")
    assert again.code == 0, again.err
    assert same(place / "run", place / "run_repeated")
    for name in ("spec.ctc", "model.py"):
        assert (place / "run" / name).read_text() == (place / "run_repeated" / name).read_text()
    record = json.loads((place / "run" / "run.json").read_text())
    assert record["recipe"]["seed"] == 7 and record["images"]["training"] == 12
    [session] = record["sessions"]
    assert session["versions"]["torch"] and session["environment"]["threads"] >= 1

    occupied = ctcdsl("train", "--repeat", place / "run")
    assert occupied.code == 1 and "CTC614" in occupied.err
    other = ctcdsl("train", "--repeat", place / "run", "--seed", "8")
    assert other.code == 2 and "leave out --seed" in other.err


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


def test_each_resume_is_on_record(ctcdsl: Any, place: Path) -> None:
    assert ctcdsl(*train(place)).code == 0
    assert ctcdsl(*train(place, "--auto-resume", "--epochs", "3")).code == 0
    record = json.loads((place / "run" / "run.json").read_text())
    assert len(record["sessions"]) == 2 and record["recipe"]["epochs"] == 3
    fresh = ctcdsl(*train(place, "--run", place / "fresh"), "--auto-resume")
    assert fresh.code == 0, fresh.err


@pytest.mark.parametrize("text", ["0", "soon", "-5s"])
def test_how_often_is_a_time_or_steps(ctcdsl: Any, place: Path, text: str) -> None:
    result = ctcdsl(*train(place), "--checkpoint-every", text)
    assert result.code == 2 and "10min" in result.err


def test_a_damaged_checkpoint_is_warned_of(ctcdsl: Any, place: Path) -> None:
    assert ctcdsl(*train(place)).code == 0
    newest = max((place / "run" / "checkpoints").glob("0*"))
    (newest / "state.pt").write_bytes(b"")
    result = ctcdsl(*train(place, "--resume"))
    assert result.code == 0, result.err
    assert "warning[CTC911]" in result.err and str(newest / "state.pt") in result.err


def test_tensorboard_is_an_extra(ctcdsl: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[Any, ...]] = []

    class SummaryWriter:
        def __init__(self, log_dir: str, purge_step: int | None) -> None:
            written.append(("opened", log_dir, purge_step))

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

        def flush(self) -> None:
            pass

        def close(self) -> None:
            written.append(("closed",))

    name = "torch.utils.tensorboard"
    monkeypatch.setitem(sys.modules, name, None)
    result = ctcdsl(*train(place), "--tensorboard")
    assert result.code == 1 and "CTC615" in result.err and "ctcdsl[tensorboard]" in result.err
    assert not (place / "run").exists()

    module = types.ModuleType(name)
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module)
    assert ctcdsl(*train(place), "--tensorboard").code == 0
    assert written[0] == ("opened", str(place / "run" / "tensorboard"), None)
    assert [entry[2] for entry in written if entry[0] == "step/loss"] == [1, 2, 3, 4]
    assert [entry[2] for entry in written if entry[0] == "test/loss"] == [2, 4]
    assert written[-1] == ("closed",)
    assert ctcdsl(*train(place), "--resume", "--epochs", "3", "--tensorboard").code == 0
    assert ("opened", str(place / "run" / "tensorboard"), 5) in written
