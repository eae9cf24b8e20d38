"""What run.json says of a session, what differs from it later, and which sessions make a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctcdsl.images.fingerprint import list_images
from ctcdsl.runs.info import ImagesInfo, RunInfo, SessionInfo, differences, read, this_session
from ctcdsl.text import UserError
from tests.support.tiny import Blots, tiny_recipe


def session(processes: int = 1, epochs: int = 3, **more: Any) -> SessionInfo:
    return this_session(
        recipe=tiny_recipe(epochs),
        data=None,
        images=ImagesInfo.of(list_images(Blots(), Blots(seed=1), threads=0)),
        device="cpu",
        processes=processes,
        **more,
    )


def test_each_session_has_its_number_of_processes() -> None:
    again = RunInfo(network="tiny", sessions=(session(2),)).continued(session(3))
    assert [each.environment["processes"] for each in again.sessions] == [2, 3]


def test_another_number_of_processes_is_a_difference() -> None:
    assert differences(session(2), 2) == differences(session(1)) == ()
    assert differences(session(2), 4) == ("processes: 2 then, 4 now",)
    assert differences(session(2)) == ("processes: 2 then, 1 now",)


def test_what_was_not_recorded_is_no_difference() -> None:
    before = session(1)
    del before.environment["processes"]
    assert differences(before, 2) == ()
    before.versions["torch"] = "1.0"
    [found] = differences(before, 2)
    assert found.startswith("torch: 1.0 then, ")


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = RunInfo(network="tiny", sessions=(session(), session(parent=0, position=(1, 2))))
    (tmp_path / "run.json").write_text(record.to_text(), encoding="utf-8")
    assert read(tmp_path) == record
    for wrong in (record.to_text().replace('"parent": 0', '"parent": 1'), "{}", '{"sessions": []}'):
        (tmp_path / "run.json").write_text(wrong, encoding="utf-8")
        with pytest.raises(UserError, match="damaged"):
            read(tmp_path)


def test_a_run_is_made_of_the_sessions_that_lead_to_its_end() -> None:
    first = session()
    longer = session(epochs=5, parent=0, position=(3, 0))
    record = RunInfo(network="tiny", sessions=(first, longer))
    assert record.lineage() == ((first, (3, 0)), (longer, None))
    # what a session trained behind the place where another took over is no part of the run
    lost = session(epochs=9, parent=1, position=(4, 2))
    last = session(epochs=7, parent=1, position=(4, 0))
    record = RunInfo(network="tiny", sessions=(first, longer, lost, last))
    assert record.lineage() == ((first, (3, 0)), (longer, (4, 0)), (last, None))
    # nor need an interruption that changed nothing be repeated
    again = session(parent=0, position=(1, 2))
    record = RunInfo(
        network="tiny", sessions=(first, again, session(epochs=4, parent=1, position=(3, 0)))
    )
    assert [until for _, until in record.lineage()] == [(3, 0), None]
    assert not first.computes_as(replace(first, data="/elsewhere"))
