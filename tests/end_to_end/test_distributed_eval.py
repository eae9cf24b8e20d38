"""`ctcdsl eval` by several processes: the test of one, and one voice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ctcdsl.cli.main import run
from tests.support.ranks import KILL, TERM, Said, command_by, torchrun
from tests.support.tiny import write_folder_atomic

SPEC = "net Tiny\ninput 3x16x16\npad valid\n(3,8)/2 2/2 (3,16,p1)\nhead: gap drop(0.1) fc\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec, images, and a run of one epoch."""
    place = tmp_path_factory.mktemp("shared")
    (place / "tiny.ctc").write_text(SPEC, encoding="utf-8")
    for split in ("train", "test"):
        write_folder_atomic(place / "data" / split, each=5)
    options = ("--recipe", "small", "--batch", "8", "--schedule", "1:0.01", "--device", "cpu")
    data, folder = str(place / "data"), str(place / "run")
    assert run(["train", str(place / "tiny.ctc"), "--data", data, "--run", folder, *options]) == 0
    return place


def arguments(place: Path, *more: str | Path) -> list[str]:
    spec, folder, data = place / "tiny.ctc", place / "run", place / "data"
    return [str(each) for each in ("eval", spec, folder, "--data", data, "--device", "cpu", *more)]


def evaluate_by(
    world: int, place: Path, *more: str | Path, folder: Path, event: tuple[int, int] | None = None
) -> Said:
    return command_by(folder, *[arguments(place, *more)] * world, event=event)


def same_report(one: str, several: str) -> None:
    """But for the last bits of the loss: other images are together in a batch."""
    alone, together = json.loads(one), json.loads(several)
    assert together.pop("loss") == pytest.approx(alone.pop("loss"), rel=1e-6)
    assert together == alone


@pytest.mark.parametrize(("world", "views"), [(2, "10"), (3, "dense"), (2, "1")])
def test_several_find_what_one_finds(
    trained: Path, tmp_path: Path, ctcdsl: Any, world: int, views: str
) -> None:
    options = ("--views", views, "--format", "json")
    alone = ctcdsl(*arguments(trained, *options))
    found = evaluate_by(world, trained, *options, folder=tmp_path)
    assert found.codes == [0] * world, found.err
    same_report(alone.out, found.out)  # which two reports, one of each, would not be


def test_one_writes(trained: Path, tmp_path: Path) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "run.png"
    files = ("--report", page, "--picture", picture)
    found = evaluate_by(2, trained, "--views", "1", *files, folder=tmp_path)
    assert found.codes == [0, 0], found.err
    assert found.out.count("top-1 error") == 1
    assert found.err.splitlines() == [
        f"picture written to {picture}",
        f"page of errors written to {page}",
    ]
    assert page.exists() and picture.exists()


def test_a_process_may_have_no_image(trained: Path, tmp_path: Path, ctcdsl: Any) -> None:
    few = tmp_path / "few"
    shutil.copytree(trained / "data" / "train", few / "train")
    write_folder_atomic(few / "test", each=1)
    options = ("--data", few, "--format", "json")
    alone = ctcdsl(*arguments(trained, *map(str, options)))
    found = evaluate_by(4, trained, *options, folder=tmp_path)
    assert found.codes == [0] * 4, found.err
    same_report(alone.out, found.out)


def test_an_error_is_said_once(trained: Path, tmp_path: Path) -> None:
    """All meet the first; the leader the others, since it alone reads and writes."""
    (wrong := tmp_path / "wrong.ctc").write_text(SPEC.replace("(3,8)", "(3,9)"), encoding="utf-8")
    for change, code in (
        ({1: str(wrong)}, "CTC606"),
        ({2: str(tmp_path / "nowhere")}, "CTC610"),
        ({7: "--report", 8: str(tmp_path / "nowhere" / "page.html")}, "CTC608"),
    ):
        words = dict(enumerate(arguments(trained))) | change
        found = command_by(tmp_path, *[list(words.values())] * 2)
        assert found.codes == [1, 1]
        assert found.err.count("error[") == found.err.count(f"error[{code}]") == 1, found.err
        assert not found.out


def test_an_image_that_one_cannot_read_ends_all(trained: Path, tmp_path: Path) -> None:
    """The second image is the second process's; the others leave too, for the same reason."""
    shutil.copytree(trained / "data", tmp_path / "data")
    (tmp_path / "data" / "test" / "amber" / "1.jpg").write_bytes(b"no image")
    page = tmp_path / "page.html"
    found = evaluate_by(2, trained, "--data", tmp_path / "data", "--report", page, folder=tmp_path)
    assert found.codes == [1, 1]
    assert found.err.count("error[") == found.err.count("error[CTC603]") == 1, found.err
    assert not found.out and not page.exists()


def test_all_must_be_asked_the_same(trained: Path, tmp_path: Path) -> None:
    found = command_by(tmp_path, arguments(trained), arguments(trained, "--views", "1"))
    assert found.codes == [1, 1]
    assert found.err.count("error[") == found.err.count("error[CTC663]") == 1, found.err


@pytest.mark.parametrize("rank", [0, 1])
def test_one_is_asked_to_stop_and_all_leave(trained: Path, tmp_path: Path, rank: int) -> None:
    page = tmp_path / "page.html"
    found = evaluate_by(2, trained, "--report", page, folder=tmp_path, event=(rank, TERM))
    assert found.codes == [130, 130]
    assert (found.out, found.err) == ("", "interrupted\n")
    assert not page.exists()


def test_one_is_killed(trained: Path, tmp_path: Path) -> None:
    found = evaluate_by(2, trained, folder=tmp_path, event=(1, KILL))
    assert found.codes == [1, -KILL]
    assert "CTC662" in found.err and not found.out


def test_torchrun(trained: Path, ctcdsl: Any) -> None:
    options = ("--views", "1", "--format", "json")
    alone = ctcdsl(*arguments(trained, *options))
    process = torchrun("-m", "--", "ctcdsl", *arguments(trained, *options))
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    same_report(alone.out, out)
