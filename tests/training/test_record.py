"""What run.json says of a session, and what differs from it later."""

from __future__ import annotations

from ctcdsl.training.record import Images, Record, differences, this_session
from tiny import Blots, tiny_recipe


def record(processes: int) -> Record:
    return Record(
        network="tiny",
        data=None,
        images=Images.of(Blots(), Blots(seed=1)),
        recipe=tiny_recipe().as_dict(),
        device="cpu",
        sessions=(this_session(processes),),
    )


def test_each_session_has_its_number_of_processes() -> None:
    again = record(2).continued(tiny_recipe(), 3).continued(tiny_recipe())
    assert [each["environment"]["processes"] for each in again.sessions] == [2, 3, 1]


def test_another_number_of_processes_is_a_difference() -> None:
    assert differences(record(2), 2) == differences(record(1)) == ()
    assert differences(record(2), 4) == ("processes: 2 then, 4 now",)
    assert differences(record(2)) == ("processes: 2 then, 1 now",)


def test_what_was_not_recorded_is_no_difference() -> None:
    before = record(1)
    del before.sessions[0]["environment"]["processes"]
    assert differences(before, 2) == ()
    before.sessions[0]["versions"]["torch"] = "1.0"
    [found] = differences(before, 2)
    assert found.startswith("torch: 1.0 then, ")
