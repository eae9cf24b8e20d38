"""`ctcdsl compare`: what it trains, what it does not train again, and what its table says."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ctcdsl.cli.progress import Display
from ctcdsl.comparison import train_runs
from ctcdsl.evaluation import evaluation
from ctcdsl.execution.events import StepEnded
from ctcdsl.reporting.results import read_results
from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.training.config import RunConfig
from tests.support.runs import same_weights
from tests.support.tiny import CLASSES, write_folder_atomic

SHALLOW = "net Shallow\ninput 3x12x12\n(3,4)/2 2/2 (3,8)\nhead: gap drop(0.2) fc\n"
DEEP = "net Deep\ninput 3x12x12\n(3,4)/2 2/2 (3,6)x2+(3,8)\nhead: gap drop(0.2) fc\n"
RECIPE = ("--batch", "7", "--schedule", "2:0.02", "--resize", "14", "--device", "cpu")
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two specs and a folder of images, in the working directory."""
    (tmp_path / "shallow.ctc").write_text(SHALLOW, encoding="utf-8")
    (tmp_path / "deep.ctc").write_text(DEEP, encoding="utf-8")
    write_folder_atomic(tmp_path / "data" / "train", each=7)
    write_folder_atomic(tmp_path / "data" / "test", each=5)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compare(*more: str, specs: tuple[str, ...] = ("shallow.ctc", "deep.ctc")) -> list[str]:
    return ["compare", *specs, "--data", "data", "--seeds", "2", *RECIPE, *more]


def rows(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def refuse_to_train(*_: object, **__: object) -> None:
    raise AssertionError("trained again")


def test_the_table_is_what_the_logs_say(ctcdsl: Call, place: Path) -> None:
    code, out, err = ctcdsl(*compare("--views", "1", "--format", "json"))
    assert code == 0, err
    found = json.loads(out)
    assert found["relative_to"] == "Shallow" and found["seeds"] == [0, 1]
    assert found["training_images"] == 21 and found["test_images"] == 15
    shallow, deep = found["networks"]
    assert [each["name"] for each in found["networks"]] == ["Shallow", "Deep"]
    # by hand: the maps are 6, then 3
    assert shallow["macs"] == 3 * 9 * 4 * 36 + 4 * 9 * 8 * 9
    assert deep["macs"] == 3 * 9 * 4 * 36 + (4 * 9 * 6 + 6 * 9 * 6 + 6 * 9 * 8) * 9
    assert deep["relative"] == deep["macs"] / shallow["macs"]
    assert (shallow["depth"], deep["depth"]) == (2, 4)
    assert shallow["parameters"] == (3 * 9 + 1) * 4 + (4 * 9 + 1) * 8 + (8 + 1) * 3
    for each in found["networks"]:
        logs = [rows(place / "compare" / each["name"] / f"seed{seed}") for seed in (0, 1)]
        errors = [log[-1]["test_top1_error"] for log in logs]
        assert [one["top1_error"] for one in each["runs"]] == errors
        assert each["top1_error"]["mean"] == pytest.approx(np.mean(errors))
        assert each["top1_error"]["deviation"] == pytest.approx(np.std(errors, ddof=1))
        assert each["top3_error"] == {"mean": 0, "deviation": 0}  # three classes
        times = [row["seconds"] for log in logs for row in log]
        assert each["seconds_per_epoch"] == pytest.approx(np.mean(times))
        assert each["seconds"] == pytest.approx(sum(times) / 2)
        speeds = [row["images_per_second"] for log in logs for row in log]
        assert each["images_per_second"] == pytest.approx(np.mean(speeds))
        assert [one["log"] for one in each["runs"]] == logs
    logged = [one["log"] for one in shallow["runs"]]
    assert logged[0][0]["train_loss"] != logged[1][0]["train_loss"]  # the seeds count


def test_text_and_markdown_say_the_same(
    ctcdsl: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = json.loads(ctcdsl(*compare("--views", "1", "--format", "json"))[1])
    monkeypatch.setattr(train_runs, "train_network", refuse_to_train)  # what is finished stays
    code, text, err = ctcdsl(*compare("--views", "1"))
    assert code == 0 and "4 finished, 0 started" in err
    table = ctcdsl(*compare("--views", "1", "--format", "markdown"))[1]
    for line, network in zip(text.splitlines()[2:4], data["networks"], strict=True):
        mean, deviation = (100 * network["top1_error"][key] for key in ("mean", "deviation"))
        assert line.startswith(network["name"])
        for shown in (f"{network['macs']:,}", f"{mean:.1f} ± {deviation:.1f}"):
            assert shown in line and shown in table
    assert "standard deviation over the seeds" in text and "standard" in table
    assert "the centre view on 15 test images" in text.replace("\n", " ")
    assert table.startswith("| network | depth |")


def test_csv_is_what_a_report_reads(
    ctcdsl: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = json.loads(ctcdsl(*compare("--views", "1", "--format", "json"))[1])
    monkeypatch.setattr(train_runs, "train_network", refuse_to_train)  # what is finished stays
    code, text, err = ctcdsl(*compare("--views", "1", "--format", "csv"))
    assert code == 0 and "standard deviation over the seeds" in err
    rows = list(csv.DictReader(StringIO(text)))
    assert [row["network"] for row in rows] == ["Shallow", "Deep"]
    assert [int(row["MACs"]) for row in rows] == [each["macs"] for each in data["networks"]]
    Path("runs.csv").write_text(text, encoding="utf-8")
    results = read_results("runs.csv")
    for network in data["networks"]:
        measured, expected = results[network["name"]], network["top1_error"]
        assert measured.error == pytest.approx(100 * expected["mean"], rel=1e-3)
        assert measured.deviation == pytest.approx(100 * expected["deviation"], rel=1e-3)


def test_a_run_is_that_of_train(ctcdsl: Call, place: Path) -> None:
    assert ctcdsl(*compare("--views", "1", "--seed", "4"))[0] == 0
    trained = ("train", "deep.ctc", "--data", "data", "--run", "alone", "--seed", "5", *RECIPE)
    assert ctcdsl(*trained)[0] == 0
    assert same_weights(place / "compare" / "Deep" / "seed5", place / "alone")
    names = {path.name for path in (place / "alone").iterdir()}
    assert {path.name for path in (place / "compare" / "Deep" / "seed5").iterdir()} == names
    # and is taken for it: nothing but the seed says who trained it
    (place / "other" / "Deep").mkdir(parents=True)
    (place / "alone").rename(place / "other" / "Deep" / "seed5")
    one = compare("--views", "1", "--seed", "5", "--run", "other", specs=("deep.ctc",))
    code, _, err = ctcdsl(*one)
    assert code == 0 and "1 finished" in err


def test_interrupted_it_continues(
    ctcdsl: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = json.loads(ctcdsl(*compare("--views", "1", "--run", "whole", "--format", "json"))[1])
    with monkeypatch.context() as patched:
        seen: list[StepEnded] = []

        def stop(self: Display, step: StepEnded) -> None:
            seen.append(step)
            if len(seen) == 11:  # of 6 steps in a run: the second run's second epoch
                raise KeyboardInterrupt

        patched.setattr(Display, "on_step", stop)
        code, out, err = ctcdsl(*compare("--views", "1"))
    assert code == 130 and not out
    assert "Deep, seed 0 (2 of 4) is saved at epoch 2, step 2: the same command continues" in err
    code, out, err = ctcdsl(*compare("--views", "1", "--format", "json"))
    assert code == 0 and "1 finished, 1 started" in err
    assert "Deep, seed 0 (2 of 4), resumed" in err and "Shallow, seed 0 (" not in err
    for one, other in zip(whole["networks"], json.loads(out)["networks"], strict=True):
        for key in ("top1_error", "top3_error", "macs"):
            assert one[key] == other[key]
    for path in ("Shallow/seed0", "Deep/seed0", "Shallow/seed1", "Deep/seed1"):
        assert same_weights(place / "whole" / path, place / "compare" / path)


def test_interrupted_in_a_test_it_continues(
    ctcdsl: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ctcdsl(*compare("--views", "1"))[0] == 0
    with monkeypatch.context() as patched:

        def stop(self: Display, done: int, total: int) -> None:
            raise KeyboardInterrupt

        patched.setattr(Display, "on_validation", stop)
        code, out, err = ctcdsl(*compare())
    assert code == 130 and not out and "before its test: the same command continues" in err
    code, out, err = ctcdsl(*compare())
    assert code == 0 and "4 finished" in err and "by 10 views" in out


def test_ctrl_c_leaves_within_seconds(place: Path) -> None:
    arguments = compare("--views", "1", "--epochs", "100000")
    start = "from ctcdsl.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", start, *arguments], stderr=subprocess.PIPE, text=True
    ) as process:
        log = place / "compare" / "Shallow" / "seed0" / "log.jsonl"
        deadline = time.monotonic() + 120
        while not log.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        sent = time.monotonic()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "the same command continues" in err, err
    assert time.monotonic() - sent < 20  # a loaded machine; mostly it is one


def test_one_that_fails_does_not_stop_the_others(
    ctcdsl: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = vars(train_runs)["train_network"]

    def fails(config: RunConfig, *arguments: Any) -> Any:
        if config.run == Path("compare/Deep/seed0"):
            hint = "resume with the same batch: ctcdsl train --resume --accumulate 2"
            raise UserError(Diagnostic(code="CTC622", message="out of memory", hints=(hint,)))
        return true(config, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(train_runs, "train_network", fails)
        code, out, err = ctcdsl(*compare("--views", "1", "--plot", "plot.png"))
    assert code == 1
    assert "Deep, seed 0, failed: out of memory [CTC622]" in out
    assert "1 of 2" in out and "2 of 2" in out and "hint: compare with --accumulate 2:" in err
    assert (place / "plot.png").exists()
    code, out, err = ctcdsl(*compare("--views", "1", "--accumulate", "2"))
    assert code == 0 and "3 finished" in err and "failed" not in out


def test_a_test_without_memory_fails_alone(
    ctcdsl: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = vars(evaluation)["evaluate"]

    def fails(model: Any, *arguments: Any, **others: Any) -> Any:
        if type(model).__name__ == "Deep":
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory")
        return true(model, *arguments, **others)

    with monkeypatch.context() as patched:
        patched.setattr(evaluation, "evaluate", fails)
        code, out, err = ctcdsl(*compare())
    assert code == 1
    assert "Deep, seed 1, failed: out of memory in the test, with 7 views at once" in out
    assert "Shallow, seed" not in out
    assert "ctcdsl eval compare/Deep/seed1 --batch 3" in err
    assert ctcdsl(*compare())[0] == 0, "nothing is trained again"


def test_all_may_diverge(ctcdsl: Call, place: Path) -> None:
    broken = compare("--views", "1", "--schedule", "2:1e30", "--plot", "plot.png")
    code, out, err = ctcdsl(*broken)
    assert code == 1 and out.count("[CTC609]") == 4
    assert "a lower rate, in another folder" in err and "--resume" not in err
    assert [line.split()[5:6] for line in out.splitlines()[2:4]] == [["failed"]] * 2
    networks = json.loads(ctcdsl(*broken, "--format", "json")[1])["networks"]
    assert all(each["top1_error"] is None for each in networks)
    assert {one["failure"]["code"] for each in networks for one in each["runs"]} == {"CTC609"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--batch", "6"), "batch: 7 then, 6 now"),
        (("--epochs", "3"), "epochs: 2 then, 3 now"),
        (("--schedule", "2:0.01"), "schedule: 2:0.02 then, 2:0.01 now"),
    ],
)
def test_another_recipe_is_refused(
    ctcdsl: Call, place: Path, change: tuple[str, ...], said: str
) -> None:
    assert ctcdsl(*compare("--views", "1"))[0] == 0
    code, out, err = ctcdsl(*compare("--views", "1", *change))
    assert code == 1 and not out and err.count("error[CTC652]") == 4 and said in err


def test_another_spec_or_other_images_are_refused(ctcdsl: Call, place: Path) -> None:
    assert ctcdsl(*compare("--views", "1"))[0] == 0
    (place / "deep.ctc").write_text(DEEP.replace("(3,8)", "(3,9)"), encoding="utf-8")
    code, _, err = ctcdsl(*compare("--views", "1"))
    assert code == 1 and err.count("error[CTC652]") == 2 and "another spec: Deep" in err
    (place / "deep.ctc").write_text(DEEP, encoding="utf-8")
    (place / "data" / "train" / CLASSES[0] / "0.jpg").unlink()
    code, _, err = ctcdsl(*compare("--views", "1"))
    assert code == 1 and err.count("a run on other images") == 4
    assert "training: 21 then, 20 now" in err


def test_networks_that_do_not_fit_are_refused_together(ctcdsl: Call, place: Path) -> None:
    for name in ("One", "Two"):
        spec = f"net {name}\ninput 3x12x12\npad valid\n(3,4) 2/2 (5,8)\nhead: gap fc\n"
        (place / f"{name}.ctc").write_text(spec, encoding="utf-8")
    specs = ("shallow.ctc", "One.ctc", "Two.ctc")
    code, _, err = ctcdsl(*compare("--input", "3x8x8", specs=specs))
    assert code == 1 and not (place / "compare").exists()
    assert "One.ctc" in err and "Two.ctc" in err and "2 errors" in err
    code, _, err = ctcdsl(*compare("--input", "4x12x12"))
    assert code == 1 and err.count("error[CTC612]") == 2 and not (place / "compare").exists()
    code, _, err = ctcdsl(*compare("--input", "16"))
    assert code == 1 and err.count("error[CTC605]") == 2 and not (place / "compare").exists()


def test_namesakes_are_refused(ctcdsl: Call, place: Path) -> None:
    (place / "again.ctc").write_text(SHALLOW.replace("(3,8)", "(3,9)"), encoding="utf-8")
    code, _, err = ctcdsl(*compare(specs=("shallow.ctc", "again.ctc")))
    assert code == 1 and "error[CTC651]" in err and "from shallow.ctc" in err


def test_a_plot_without_a_place_is_refused_first(ctcdsl: Call, place: Path) -> None:
    code, _, err = ctcdsl(*compare("--plot", "nowhere/plot.png"))
    assert code == 1 and "error[CTC608]" in err and not (place / "compare").exists()


def test_ten_views_are_tested_once(
    ctcdsl: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, first, err = ctcdsl(*compare("--format", "json"))
    assert code == 0, err
    assert json.loads(first)["views"] == 10
    tested = json.loads(
        ctcdsl("eval", "deep.ctc", "compare/Deep/seed1", "--data", "data", "--format", "json")[1]
    )
    deep = json.loads(first)["networks"][1]
    assert deep["runs"][1]["top1_error"] == tested["top1_error"]
    monkeypatch.setattr(train_runs, "evaluate_trained", refuse_to_train)
    assert ctcdsl(*compare("--format", "json"))[1] == first


def test_the_plot_is_a_picture(ctcdsl: Call, place: Path) -> None:
    assert ctcdsl(*compare("--views", "1", "--plot", "plot.png"))[0] == 0
    content = (place / "plot.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    pixels = np.asarray(Image.open(BytesIO(content)).convert("RGB")).reshape(-1, 3)
    colours = {tuple(pixel) for pixel in np.unique(pixels, axis=0).tolist()}
    assert {(0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)} <= colours  # those of both networks


def test_without_data_the_photographs_serve(
    ctcdsl: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, tuple[int, ...]]] = []

    def note(config: RunConfig, *_: object) -> None:
        seen.append((config.network.name, tuple(config.network.input)))
        raise UserError(Diagnostic(code="CTC622", message="out of memory"))

    monkeypatch.setattr(train_runs, "train_network", note)
    for name, size in (("shallow", 100), ("deep", 90)):
        spec = (place / f"{name}.ctc").read_text(encoding="utf-8")
        new = spec.replace("3x12x12", f"3x{size}x{size}")
        (place / f"{name}.ctc").write_text(new, encoding="utf-8")
    code, out, err = ctcdsl("compare", "shallow.ctc", "deep.ctc", "--seeds", "1")
    assert code == 1 and out.count("failed: out of memory") == 2
    assert seen == [("Shallow", (3, 80, 80)), ("Deep", (3, 80, 80))]
    assert "compared at 3×80×80" in err or "compared at 3x80x80" in err
