"""A run knows its network and its images: commands that name nothing but its folder."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.small import OPTIONS, SPEC, make_place, same, train

TWO = "net Deep\nlet w = 8\n(3,w)/2 (3,w) gap fc\n\nnet Flat\nlet w = 8\n(3,w)/2 gap fc\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_place(tmp_path)


def advised(result: Any, words: str) -> list[str]:
    """The command that a message ends with, as a shell would split it."""
    [line] = [line for line in result.err.splitlines() if words in line]
    program, *arguments = shlex.split(line.split(words)[1])
    assert program == "ctcdsl"
    return arguments


def test_the_advised_commands_work_as_pasted(ctcdsl: Any, place: Path) -> None:
    (place / "two.ctc").write_text(TWO, encoding="utf-8")
    (place / "data").rename(place / "my data's")
    for run in ("it's a run", "-odd"):
        trained = ctcdsl(
            *("train", "two.ctc", "--net", "Flat", "-D", "w=12", "--input", "3x16x20"),
            *("--data", "my data's", f"--run={run}", *OPTIONS),
        )
        assert trained.code == 0, trained.err
        tested = ctcdsl(*advised(trained, "evaluate it with 10 views: "))
        assert tested.code == 0 and "Flat: 12 test images" in tested.out, tested.err
        occupied = ctcdsl("train", "tiny.ctc", "--data", "my data's", f"--run={run}", *OPTIONS)
        resumed = ctcdsl(*advised(occupied, "hint: resume it: "))
        assert resumed.code == 0, resumed.err
        further = ctcdsl(*advised(resumed, "the run is complete; to train further: "))
        assert further.code == 0 and "Flat: top-1 error" in further.out, further.err
        assert "after 3 epochs" in further.out
    assert ctcdsl("eval", "two.ctc", "./-odd").code == 1, "another value of w"
    fine = ctcdsl("eval", "two.ctc", "./-odd", "-D", "w=12")
    assert fine.code == 0, "the run says which network of the spec"
    for option in (("--net", "Flat"), ("-D", "w=12")):
        result = ctcdsl("eval", "./-odd", *option)
        assert result.code == 2 and f"{option[0]} is for a spec" in result.err


def test_a_run_that_moved_knows_its_spec_and_its_images(ctcdsl: Any, place: Path) -> None:
    assert ctcdsl(*train(place)).code == 0
    (place / "tiny.ctc").unlink()
    moved = (place / "run").rename(place / "moved")
    for name in (moved, moved / "checkpoints", moved / "checkpoints" / "best"):
        assert ctcdsl("eval", name).code == 0
    assert ctcdsl("train", "--run", moved, "--resume", "--epochs", "3").code == 0
    assert (moved / "original.ctc").read_text() == SPEC
    assert ctcdsl("train", "--run", moved, "--auto-resume", "--epochs", "4").code == 0


def test_images_that_moved_are_named_again(ctcdsl: Any, place: Path) -> None:
    assert ctcdsl(*train(place)).code == 0
    data = (place / "data").rename(place / "elsewhere")
    for words in (["eval", "run"], ["train", "--run", "run", "--resume", "--epochs", "3"]):
        gone = ctcdsl(*words)
        assert gone.code == 1 and "CTC625" in gone.err and "with --data" in gone.err
        found = ctcdsl(*words, "--data", data)
        assert found.code == 0, found.err
    assert ctcdsl("eval", "run").code == 0, "the resumed run knows where they are now"
    (place / "run" / "run.json").unlink()
    unknown = ctcdsl("eval", "run")
    assert unknown.code == 1 and "CTC625" in unknown.err
    assert ctcdsl("eval", "run", "--data", data).code == 0


def test_a_folder_of_runs_lists_them(ctcdsl: Any, place: Path) -> None:
    compare = ["compare", "tiny.ctc", "--data", "data", "--seeds", "2", "--views", "1", *OPTIONS]
    assert ctcdsl(*compare).code == 0
    for words in (
        ("eval", "compare"),
        ("eval", "compare/Tiny"),
        ("train", "--run", "compare", "--resume"),
        ("train", "--repeat", "compare"),
    ):
        result = ctcdsl(*words)
        assert result.code == 1 and "CTC626" in result.err and "it contains 2 runs" in result.err
        assert "name one of them, as in compare/Tiny/seed0" in result.err
    assert ctcdsl("eval", "compare/Tiny/seed0").code == 0
    more = ctcdsl("train", "--run", "compare/Tiny/seed1", "--resume", "--epochs", "3")
    assert more.code == 0 and "after 3 epochs" in more.out


def test_neither_spec_nor_run(ctcdsl: Any, place: Path) -> None:
    for words in (("eval",), ("train", "--resume"), ("train", "--auto-resume")):
        result = ctcdsl(*words)
        assert result.code == 2 and "name the " in result.err
    nothing = ctcdsl("train", "--run", "none", "--resume")
    assert nothing.code == 1 and "CTC610" in nothing.err
    piped = ctcdsl("train", "--run", "none", "--auto-resume", stdin=SPEC)
    assert piped.code == 1 and "no network to start with" in piped.err, "standard input is not read"


@pytest.fixture
def changed(ctcdsl: Any, place: Path) -> Path:
    """A run of two epochs whose images are not what they were: one is gone, one is another."""
    assert ctcdsl(*train(place)).code == 0
    shutil.copytree(place / "data", place / "before")
    (place / "data" / "train" / "blue" / "0.jpg").unlink()
    other = place / "data" / "test" / "red" / "1.jpg"
    Image.new("RGB", (20, 20)).save(other)
    return place


def test_a_run_is_not_resumed_with_other_images(ctcdsl: Any, changed: Path) -> None:
    record = (changed / "run" / "run.json").read_text()
    result = ctcdsl(*train(changed, "--resume", "--epochs", "3"))
    assert result.code == 1 and "CTC624" in result.err
    assert "then 12 train and 12 test images, now 11 and 12 test" in result.err
    assert "1 image gone: train/blue/0.jpg" in result.err
    assert "1 image of other contents: test/red/1.jpg" in result.err
    assert (changed / "run" / "run.json").read_text() == record
    right = ctcdsl(*train(changed, "--resume", "--epochs", "3", "--data", changed / "before"))
    assert right.code == 0, "the same images at another place"


def test_size_and_time_of_a_file_mean_nothing(ctcdsl: Any, place: Path) -> None:
    assert ctcdsl(*train(place)).code == 0
    for file in (place / "data").rglob("*.jpg"):
        os.utime(file, (1, 1))
    assert ctcdsl("train", "--run", "run", "--resume", "--epochs", "3").code == 0


def test_other_images_that_are_allowed_are_on_record(ctcdsl: Any, changed: Path) -> None:
    resume = ["train", "--run", "run", "--resume", "--epochs", "3"]
    result = ctcdsl(*resume, "--allow-changed-data")
    assert result.code == 0 and "note[CTC918]" in result.err and "train/blue/0.jpg" in result.err
    record = json.loads((changed / "run" / "run.json").read_text())
    assert [each["images"]["training"] for each in record["sessions"]] == [12, 11]
    assert record["images"] == record["sessions"][1]["images"] != record["sessions"][0]["images"]
    [*_, row] = (changed / "run" / "log.jsonl").read_text().splitlines()
    assert json.loads(row)["images"] == 12 + 12 + 11
    again = ctcdsl(*resume[:-1], "4")
    assert again.code == 0 and "CTC918" not in again.err, "these are the run's images now"
    repeated = ctcdsl("train", "--repeat", "run")
    assert repeated.code == 1 and "CTC623" in repeated.err
    assert not (changed / "run_repeated").exists()


def test_a_changed_schedule_is_repeated_as_it_was(ctcdsl: Any, place: Path) -> None:
    stop = ["--schedule", "1:0.05,1:0.01", "--epochs", "1"]
    assert ctcdsl(*train(place, *stop, "--seed", "3")).code == 0
    resume = ["train", "--run", "run", "--resume"]
    assert ctcdsl(*resume, "--schedule", "1:0.5,1:0.02", "--epochs", "2").code == 0
    assert ctcdsl(*resume, "--schedule", "4:0.001", "--epochs", "4", "--accumulate", "2").code == 0
    again = ctcdsl("train", "--repeat", "run")
    assert again.code == 0, again.err
    assert "part 3 of 3: to the end" in again.err
    assert same(place / "run", place / "run_repeated")
    rates = [
        [json.loads(line)["learning_rate"] for line in (run / "log.jsonl").read_text().splitlines()]
        for run in (place / "run", place / "run_repeated")
    ]
    assert rates == [[0.05, 0.02, 0.001, 0.001]] * 2
    once_more = ctcdsl("train", "--repeat", "run_repeated", "--run", "third")
    assert once_more.code == 0 and same(place / "run", place / "third"), once_more.err
