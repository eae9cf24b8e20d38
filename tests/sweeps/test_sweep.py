"""`ctcdsl sweep`: which designs go on, by one process or several, killed or not."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest

import ctcdsl
from ctcdsl.comparison import train_runs
from ctcdsl.reporting.results import read_results
from ctcdsl.runs import log
from ctcdsl.sweeps.jobs import Jobs
from ctcdsl.sweeps.rungs import Judged, Rungs, plan_rungs
from ctcdsl.sweeps.storage import open_study
from ctcdsl.text import UserError
from tests.support.runs import same_weights, without_times
from tests.support.sweeps import RECIPE, Call, epochs_of, sweep


def refuse_to_train(*_: object, **__: object) -> None:
    raise AssertionError("trained again")


def test_halving_is_what_the_logs_say(
    call: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = call(*sweep("--format", "json"))
    assert code == 0, err
    data = json.loads(out)
    assert data["rungs"] == [1, 2, 4]
    reached = {design["name"]: len(design["rungs"]) for design in data["designs"]}
    assert sorted(reached.values()) == [1, 1, 1, 2, 2, 3]
    found: dict[str, tuple[log.Row, ...]] = {}
    for design in data["designs"]:
        rows = found[design["name"]] = log.read(place / design["run"])
        assert len(rows) == [1, 2, 4][reached[design["name"]] - 1]
        for rung in design["rungs"]:
            row = rows[rung["epochs"] - 1]
            assert (rung["top1_error"], rung["loss"]) == (row.test_top1_error, row.test_loss)
    for rung, epoch in enumerate((1, 2), start=1):  # whoever went on was better then
        here = [name for name, last in reached.items() if last >= rung]
        keys = {
            n: (found[n][epoch - 1].test_top1_error, found[n][epoch - 1].test_loss) for n in here
        }
        on = [keys[name] for name in here if reached[name] > rung]
        assert max(on) <= min(keys[name] for name in here if reached[name] == rung)
    monkeypatch.setattr(train_runs, "train_network", refuse_to_train)
    assert call(*sweep("--format", "json"))[1] == out  # what is done stays
    _files(place / "sweep", reached)


def _files(folder: Path, reached: dict[str, int]) -> None:
    rows = list(csv.DictReader((folder / "sweep.csv").read_text(encoding="utf-8").splitlines()))
    last = [row["network"] for row in rows if row["top-1 %"]]
    assert last == [name for name, rungs in reached.items() if rungs == 3]
    assert list(read_results(folder / "sweep.csv")) == last  # for `report --results`
    picture = (folder / "sweep.svg").read_text(encoding="utf-8")
    assert f"On the Pareto front are {last[0]}" in picture and ", epoch 1" in picture


def test_a_design_that_goes_on_ends_as_if_it_had_never_stopped(call: Call, place: Path) -> None:
    assert call(*sweep())[0] == 0
    (best,) = [name for name, epochs in epochs_of(place / "sweep").items() if epochs == 4]
    code, _, err = call("train", f"{best.lower()}.ctc", "--data", "data", "--run", "once", *RECIPE)
    assert code == 0, err
    assert same_weights(place / "once", place / "sweep" / best)
    once, swept = log.read(place / "once"), log.read(place / "sweep" / best)
    assert without_times(once) == without_times(swept)
    code, _, err = call("eval", str(place / "sweep" / best), "--views", "1", "--device", "cpu")
    assert code == 0, err


def test_rungs_in_steps(call: Call, place: Path) -> None:
    """Three steps are an epoch: judged in the middle of one, and resumed from there."""
    options = ("--rungs", "2,4,12steps", "--format", "json")
    code, out, err = call(*sweep(*options))
    assert code == 0, err
    data = json.loads(out)
    assert (data["unit"], data["rungs"]) == ("steps", [2, 4, 12])
    best = data["designs"][0]
    assert [rung["steps"] for rung in best["rungs"]] == [2, 4, 12]
    assert best["rungs"][-1]["loss"] == log.read(place / best["run"])[-1].test_loss
    stopped = data["designs"][-1]
    assert "step 2" in (place / "sweep" / "sweep.svg").read_text(encoding="utf-8")
    code, scores, err = call(
        *("eval", stopped["run"], "--views", "1", "--device", "cpu", "--format", "json")
    )
    assert json.loads(scores)["loss"] == pytest.approx(stopped["rungs"][-1]["loss"], rel=1e-6)
    code, _, err = call("train", best["name"].lower() + ".ctc", "--data", "data", *RECIPE)
    assert code == 0, err
    assert same_weights(place / "runs" / best["name"], place / best["run"])
    code, _, err = call(*sweep("--rungs", "13steps"))
    assert code == 1 and "after step 13, and the recipe has 12" in err


def test_one_that_fails_does_not_stop_the_others(
    call: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = vars(train_runs)["train_network"]

    def fails(config: Any, *others: Any) -> Any:
        if config.network.name == "W4":
            raise ctcdsl.text.error("CTC609", "the loss is nan")
        return train(config, *others)

    monkeypatch.setattr(train_runs, "train_network", fails)
    code, out, err = call(*sweep())
    assert code == 1 and "error[CTC609]" in err
    (row,) = [line for line in out.splitlines() if line.startswith("W4")]
    assert row.endswith("failed  the loss is nan [CTC609]")
    assert sorted(epochs_of(place / "sweep").values()) == [0, 1, 1, 2, 2, 4]
    assert call(*sweep())[1] == out  # it stays judged


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--rungs", "2,1"), "CTC683", "they are epochs that grow"),
        (("--rungs", "1,9"), "CTC683", "the recipe has 4"),
        (("--storage", "somewhere"), "CTC681", "neither the URL of a database nor"),
        (("--storage", "gone/x.journal"), "CTC681", "there is no folder gone"),
        (("--storage", "sqlite:///gone/x.db"), "CTC681", "there is no folder gone"),
        (("--storage", "postgresql+nothing://u:secret@h/d"), "CTC681", "postgresql+nothing://h/d"),
    ],
)
def test_wrong_input(
    call: Call, place: Path, options: tuple[str, ...], code: str, words: str
) -> None:
    result, out, err = call(*sweep(*options))
    assert (result, out) == (1, "")
    assert f"error[{code}]" in err and words in err and "secret" not in err


def test_wrong_usage(call: Call, place: Path) -> None:
    assert call(*sweep("--rungs", "a"))[0] == 2
    assert call(*sweep("--rungs", "1,2weeks"))[0] == 2
    assert call(*sweep("--eta", "1"))[0] == 2
    code, _, err = call("sweep", "w2.ctc", "w2.ctc", "--data", "data", *RECIPE)
    assert code == 1 and "CTC651" in err


def test_another_sweep_in_the_storage(call: Call, place: Path) -> None:
    assert call(*sweep("--rungs", "1", designs=(2,)))[0] == 0
    code, _, err = call(*sweep("--rungs", "2", designs=(2, 3)))
    assert code == 1 and "error[CTC682]" in err
    assert "rungs: [1] there, [2] here" in err and "designs W3: None there" in err


def test_without_optuna(call: Call, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ctcdsl.text import packages

    found = vars(packages)["find_spec"]
    monkeypatch.setattr(
        packages, "find_spec", lambda name: None if name == "optuna" else found(name)
    )
    code, _, err = call(*sweep())
    assert code == 1 and "error[CTC615]" in err and "pip install 'ctcdsl[sweep]'" in err


def test_rungs() -> None:
    assert plan_rungs(None, 3, 9, 18).budgets == (1, 3, 9)
    assert plan_rungs(None, 3, 75, 9).budgets == (25, 75)
    assert plan_rungs(None, 2, 2, 100).budgets == (1, 2)
    assert plan_rungs(None, 3, 9, 1).budgets == (9,)
    for rungs in ((), (0, 1), (1, 1), (3, 2), (10,)):
        with pytest.raises(UserError):
            plan_rungs(rungs, 3, 9, 4)
    judged = {
        "a": Judged(0.5, 0, 1.0),
        "b": Judged(0.5, 0, 0.9),
        "c": Judged(failure="no memory [CTC622]"),
        "d": Judged(0.4, 0, 2.0),
    }
    assert Rungs((1, 2), 2).promoted(judged) == ("d", "b")
    assert Rungs((1, 2), 3).promoted(judged) == ("d",)
    assert Rungs((1, 2), 3).promoted({"c": judged["c"]}) == ()


def test_a_job_of_a_machine_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock tells of the other machine: its job is free when its signs of life end."""
    study = open_study(f"sqlite:///{tmp_path / 'x.db'}", "sweep", {})
    here = Jobs(study, ["a", "b"], 1, tmp_path / "here", stale=0.2)
    there = Jobs(study, ["a", "b"], 1, tmp_path / "there")
    with monkeypatch.context() as patched:
        patched.setattr("platform.node", lambda: "there")
        gone = there.claim(0, ["a"])
    assert gone is not None
    assert here.claim(0, ["a"]) is None
    gone.trial.set_user_attr("beat", 1)  # it is still there
    time.sleep(0.3)
    assert here.claim(0, ["a"]) is None
    time.sleep(0.3)
    taken = here.claim(0, ["a"])
    assert taken is not None and taken.design == "a"
    there.finish(gone, Judged(0.1, 0.0, 1.0))  # after all: too late, and not counted
    here.finish(taken, Judged(0.2, 0.0, 1.0))
    assert here.judged(0) == there.judged(0) == {"a": Judged(0.2, 0.0, 1.0)}


@pytest.mark.parametrize("storage", ["sqlite:///{}/x.db", "{}/x.journal"])
def test_a_job_that_is_given_back(tmp_path: Path, storage: str) -> None:
    studies = [open_study(storage.format(tmp_path), "sweep", {}) for _ in range(2)]
    jobs = [Jobs(study, ["a", "b"], 2, tmp_path) for study in studies]
    with jobs[0].working(), jobs[1].working():
        job = jobs[0].claim(0, ["a", "b"])
        other = jobs[1].claim(0, ["a", "b"])
        assert job is not None and other is not None
        assert (job.design, other.design) == ("a", "b")
        assert jobs[1].claim(0, ["a", "b"]) is None
        with pytest.raises(KeyboardInterrupt), jobs[0].alive(job):
            raise KeyboardInterrupt
        again = jobs[1].claim(0, ["a", "b"])
        assert again is not None and again.design == "a"
        jobs[1].finish(again, Judged(failure="no memory"))
        assert jobs[0].claim(0, ["a"]) is None


def test_a_process_killed_before_it_ends_its_trial(tmp_path: Path) -> None:
    """The result counts: nobody trains the design again, and its trial is complete."""
    study = open_study(f"sqlite:///{tmp_path / 'x.db'}", "sweep", {})
    here, gone = (Jobs(study, ["a"], 1, tmp_path) for _ in range(2))
    with gone.working():
        job = gone.claim(0, ["a"])
        assert job is not None
        job.trial.set_user_attr("result", list(Judged(0.1, 0.0, 1.0)))
    assert here.claim(0, ["a"]) is None
    assert here.judged(0) == {"a": Judged(0.1, 0.0, 1.0)}
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"]
