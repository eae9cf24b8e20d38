"""A sweep goes on after whatever ended it: a kill at any place, a database that failed."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ctcdsl.comparison import train_runs
from ctcdsl.runs import log
from ctcdsl.training.run import TrainingRun
from tests.support import postgresql
from tests.support.runs import same_weights, without_times
from tests.support.sweeps import WIDTHS, Call, epochs_of, sweep


class Killed(BaseException):
    """What no handler catches, as a kill."""


def require_same(first: Path, second: Path) -> None:
    """The same logs and weights of every design."""
    for width in WIDTHS:
        name = f"W{width}"
        rows = [without_times(log.read(folder / name)) for folder in (first, second)]
        assert rows[0] == rows[1]
        assert same_weights(first / name, second / name)


def started(*arguments: str, place: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ctcdsl", *arguments],
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


@pytest.fixture(params=["SQLite", "a journal", "PostgreSQL"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """What `--storage` is for a storage of each kind."""
    if request.param == "PostgreSQL":
        with postgresql.server() as url:
            yield url
    else:
        yield f"sqlite:///{tmp_path}/x.db" if request.param == "SQLite" else f"{tmp_path}/x.journal"


def test_two_processes_one_killed(call: Call, place: Path, storage: str) -> None:
    """Every design is judged, once, as by one process alone, and nobody waits for the dead."""
    assert call(*sweep("--run", "alone"))[0] == 0
    alone = epochs_of(place / "alone")
    first = started(*sweep("--storage", storage), place=place)
    second = started(*sweep("--storage", storage), place=place)
    deadline = time.monotonic() + 120
    while sum(epochs_of(place / "sweep").values()) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    _, err = second.communicate(timeout=120)
    assert second.returncode == 0, err.decode()
    assert epochs_of(place / "sweep") == alone
    require_same(place / "alone", place / "sweep")
    trials = trials_of(storage)
    results = [(t.params["design"], t.params["rung"]) for t in trials if "result" in t.user_attrs]
    assert len(results) == len(set(results)) == 6 + 3 + 1
    states = {trial.state.name for trial in trials if "result" in trial.user_attrs}
    assert states == {"COMPLETE"}


def trials_of(storage: str) -> list[Any]:
    """The trials of a sweep, as Optuna reads them."""
    import optuna
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if "://" not in storage:
        there = JournalStorage(JournalFileBackend(storage))
        return list(optuna.load_study(study_name="sweep", storage=there).trials)
    database = RDBStorage(storage)
    trials = list(optuna.load_study(study_name="sweep", storage=database).trials)
    database.engine.dispose()
    return trials


def test_killed_between_log_and_checkpoint(
    call: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log says that a design has reached its rung, and its weights are an epoch behind."""
    assert call(*sweep("--run", "alone"))[0] == 0
    save = vars(TrainingRun)["save"]

    def killed(run: TrainingRun) -> None:
        if run.progress.epoch and run.run.name == "W3":
            raise Killed
        save(run)

    with monkeypatch.context() as patched:
        patched.setattr(TrainingRun, "save", killed)
        with pytest.raises(Killed):
            call(*sweep())
    assert len(log.read(place / "sweep" / "W3")) == 1
    code, _, err = call(*sweep())
    assert code == 0, err
    require_same(place / "alone", place / "sweep")


def test_a_database_that_fails(call: Call, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was trained is not lost: the same command continues once it is back."""
    database, saved = place / "sweep" / "sweep.db", place / "saved.db"
    train = vars(train_runs)["train_network"]

    def breaks(config: Any, *others: Any) -> Any:
        if not saved.exists():
            shutil.copy(database, saved)
            with closing(sqlite3.connect(database)) as connection:
                connection.execute("DROP TABLE trial_user_attributes")
        return train(config, *others)

    monkeypatch.setattr(train_runs, "train_network", breaks)
    code, out, err = call(*sweep())
    assert (code, out) == (1, "")
    assert "error[CTC681]: the storage fails" in err and "no such table" in err
    trained = epochs_of(place / "sweep")
    assert sum(trained.values()) > 0
    shutil.copy(saved, database)
    code, out, err = call(*sweep())
    assert code == 0 and "best" in out, err
    assert "waiting" not in err  # it knows that the process before it has ended
    assert all(epochs_of(place / "sweep")[name] >= count for name, count in trained.items())
