"""The jobs of a sweep, a design at a rung each, shared by processes: each is done once.

A job is a trial of the study: it is asked for, trained and reported. Where two processes ask for
one, the trial of the lower number counts. A process that ends without a word, however it ends,
loses its job to another.
"""

from __future__ import annotations

import platform
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock, Timeout

from ctcdsl.sweeps.rungs import Judged

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

BEAT = 10.0
"""Seconds between signs of life of a process."""
STALE = 120.0
"""Seconds without one after which a process of another machine counts as gone."""
WORKERS = "workers"
"""The folder of locks, one a process, in that of the sweep."""
_DESIGN, _RUNG, _OWNER, _BEAT, _RESULT = "design", "rung", "owner", "beat", "result"


class Job(NamedTuple):
    """A design to be trained up to a rung, and the trial that is its own."""

    design: str
    rung: int
    trial: Trial


class Jobs:
    """The jobs of one process, and what all processes have found.

    Args:
        study: The study of the sweep.
        designs: The names of all designs.
        rungs: How many rungs there are.
        folder: The sweep's; processes of one machine see there which of them are alive.
        beat: Seconds between signs of life.
        stale: Seconds without one after which a process of another machine counts as gone.
    """

    def __init__(
        self,
        study: Study,
        designs: Sequence[str],
        rungs: int,
        folder: Path,
        *,
        beat: float = BEAT,
        stale: float = STALE,
    ) -> None:
        from optuna.distributions import CategoricalDistribution, IntDistribution

        self._study, self._folder = study, folder / WORKERS
        self._designs = tuple(designs)
        self._kinds = {
            _DESIGN: CategoricalDistribution(list(designs)),
            _RUNG: IntDistribution(0, max(0, rungs - 1)),
        }
        self._beat, self._stale = beat, stale
        self._token = uuid.uuid4().hex
        self._seen: dict[int, tuple[object, float]] = {}

    @contextmanager
    def working(self) -> Iterator[None]:
        """Within this, other processes see that this one is there.

        Where it fails its lock stays, free: they see that it has ended, whatever its trials say.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._lock(self._token)
        with FileLock(path):
            yield
            path.unlink(missing_ok=True)

    def judged(self, rung: int) -> dict[str, Judged]:
        """The results of a rung by design, in the order of the designs."""
        found: dict[str, Judged] = {}
        for trial in self._trials(rung):
            if _RESULT in trial.user_attrs:
                self._end(trial)
                found.setdefault(trial.params[_DESIGN], Judged(*trial.user_attrs[_RESULT]))
        return {design: found[design] for design in self._designs if design in found}

    def claim(self, rung: int, designs: Sequence[str]) -> Job | None:
        """A job of a rung that nobody does; None where all are done, or being done."""
        for design in designs:
            if self._is_taken(rung, design):
                continue
            self._study.enqueue_trial({_DESIGN: design, _RUNG: rung})
            trial = self._study.ask(self._kinds)
            trial.set_user_attr(_OWNER, {"token": self._token, "host": platform.node()})
            asked = trial.params[_DESIGN]  # another process may have queued it
            if (
                trial.params[_RUNG] == rung
                and asked in designs
                and not self._is_taken(rung, asked, before=trial.number)
            ):
                return Job(asked, rung, trial)
            self._end(trial)
        return None

    @contextmanager
    def alive(self, job: Job) -> Iterator[None]:
        """Within this, a thread gives signs of life for a job; one that is left is given back."""
        done = threading.Event()

        def run() -> None:
            count = 0
            while not done.wait(self._beat):
                count += 1
                with suppress(Exception):  # the storage may be away for a while
                    job.trial.set_user_attr(_BEAT, count)

        thread = threading.Thread(target=run, name="signs of life", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self._end(job.trial)  # nothing happens to one that is finished

    def finish(self, job: Job, judged: Judged) -> None:
        """Tell the result of a job; where another process has taken it over, that one's counts."""
        from optuna.exceptions import UpdateFinishedTrialError

        with suppress(UpdateFinishedTrialError):
            job.trial.set_user_attr(_RESULT, list(judged))
            self._end(job.trial)

    def _end(self, trial: Trial | FrozenTrial) -> None:
        """End a trial by the result that it has; a process may have stopped between the two."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import FrozenTrial, TrialState

        if isinstance(trial, FrozenTrial) and trial.state.is_finished():
            return
        judged = Judged(*trial.user_attrs[_RESULT]) if _RESULT in trial.user_attrs else None
        with suppress(UpdateFinishedTrialError):  # another process was faster
            if judged is None or judged.failure:
                self._study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            else:
                self._study.tell(trial.number, judged.top1_error, skip_if_finished=True)

    def _trials(self, rung: int) -> list[FrozenTrial]:
        trials = self._study.get_trials(deepcopy=False)
        return [trial for trial in trials if trial.params.get(_RUNG) == rung]

    def _is_taken(self, rung: int, design: str, before: int | None = None) -> bool:
        """Whether a job has a result, or a process that does it, by a trial of a lower number."""
        return any(
            _RESULT in trial.user_attrs
            or (
                not trial.state.is_finished()
                and (before is None or trial.number < before)
                and self._is_alive(trial)
            )
            for trial in self._trials(rung)
            if trial.params.get(_DESIGN) == design and trial.number != before
        )

    def _is_alive(self, trial: FrozenTrial) -> bool:
        """Whether the process of a running trial is there; else its trial ends."""
        owner = trial.user_attrs.get(_OWNER, {})
        gone = owner.get("host") == platform.node() and self._has_ended(owner.get("token", ""))
        if not gone:
            beat, now = trial.user_attrs.get(_BEAT), time.monotonic()
            known, since = self._seen.setdefault(trial.number, (beat, now))
            if known != beat:
                self._seen[trial.number] = (beat, now)
            gone = known == beat and now - since > self._stale
        if gone:
            self._end(trial)
        return not gone

    def _has_ended(self, token: str) -> bool:
        """Whether a process of this machine is gone: the system has released its lock."""
        path = self._lock(token)
        if token == self._token or not path.exists():
            return False
        try:
            with FileLock(path, timeout=0):
                return True
        except (Timeout, OSError):
            return False

    def _lock(self, token: str) -> Path:
        return self._folder / f"{token}.lock"
