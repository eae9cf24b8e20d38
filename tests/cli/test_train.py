"""`ctcdsl train`, and the test after it, on tiny images: what it makes, how it goes on."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.small import SPEC, evaluate, make_place, same, train


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return make_place(tmp_path)


def test_train_then_eval(ctcdsl: Any, place: Path) -> None:
    trained = ctcdsl(*train(place))
    assert trained.code == 0, trained.err
    assert "Tiny: top-1 error" in trained.out and "after 2 epochs (chance 50.0%)" in trained.out
    assert "12 training images, 12 test images, 2 classes" in trained.err
    files = {path.name for path in (place / "run").iterdir()}
    assert files == {
        *("checkpoints", "log.csv", "log.jsonl"),
        *("run.json", "model.py", "spec.ctc", "original.ctc", "images.jsonl.gz", ".lock"),
    }
    assert (place / "run" / "original.ctc").read_text() == SPEC
    rows = [json.loads(line) for line in (place / "run" / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert len((place / "run" / "log.csv").read_text().splitlines()) == 3

    tested = ctcdsl(*evaluate(place))
    assert tested.code == 0, tested.err
    assert "12 test images, 10 views: top-1 error" in tested.out
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


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
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


def test_each_resume_is_on_record(ctcdsl: Any, place: Path) -> None:
    assert ctcdsl(*train(place)).code == 0
    assert ctcdsl(*train(place, "--auto-resume", "--epochs", "3")).code == 0
    record = json.loads((place / "run" / "run.json").read_text())
    assert len(record["sessions"]) == 2 and record["recipe"]["epochs"] == 3
    fresh = ctcdsl(*train(place, "--run", place / "fresh"), "--auto-resume")
    assert fresh.code == 0, fresh.err


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
