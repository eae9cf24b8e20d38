"""A sweep: every design trained to the first rung, the best of them to the next, and so on.

The runs are in ``FOLDER/DESIGN``, and each is a run as `train` makes them: one that goes on is
resumed, so that it ends as if it had never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from ctcdsl.checking import Network
from ctcdsl.comparison.fit import fit_compared, require_fit
from ctcdsl.comparison.seed_runs import ComparedNetwork, SeedRun, State
from ctcdsl.comparison.train_runs import OF_ONE_RUN, EachWarningOnce, RunTrainer
from ctcdsl.distributed.processes import SINGLE_PROCESS
from ctcdsl.execution.events import Callback
from ctcdsl.execution.interrupt import Interrupted
from ctcdsl.execution.prepare import find_device, open_data, report_channels, sample_input
from ctcdsl.images.batch_plan import num_batches
from ctcdsl.ir import Shape
from ctcdsl.metrics import network_cost
from ctcdsl.recipe import Recipe
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import log
from ctcdsl.runs.info import ImagesInfo
from ctcdsl.sweeps.jobs import Job, Jobs
from ctcdsl.sweeps.results import DesignResult, Sweep
from ctcdsl.sweeps.rungs import Judged, Rungs, Unit, plan_rungs
from ctcdsl.sweeps.storage import default_storage, open_study, reachable
from ctcdsl.text import UserError, error
from ctcdsl.text.plural import plural
from ctcdsl.training.checks import RUNTIME_FIELDS

_TRAINED_ELSEWHERE = "CTC621"
_WAITS = (0.2, 5.0)
"""Seconds between looks at the others' jobs: at first, and at most."""


def sweep_networks(
    networks: Sequence[Network],
    *,
    data: str | None,
    recipe: Recipe,
    rungs: Sequence[int] | None,
    unit: Unit,
    eta: int,
    folder: Path,
    storage: str | None,
    name: str,
    input: Shape | None,
    device: str,
    callbacks: Iterable[Callback],
) -> Sweep:
    """Train designs by successive halving, together with all processes that do the same.

    Which designs go on depends on their errors alone, not on the number of processes or on who is
    faster; one whose training fails by its own fault does not go on.

    Raises:
        SpecError: Networks do not fit the input or the images; all reasons of all of them.
        UserError: CTC651 two networks of one name; CTC652 a folder holds another run; CTC681 the
            storage cannot be used, or fails; CTC682 it has another sweep; CTC683 wrong rungs; and
            as `train`.
        Interrupted: The runs are saved; the same call continues.
    """
    callback = EachWarningOnce(callbacks)
    found_device = find_device(device)
    opened = open_data(data, callback)
    if input is None and data is None:
        input = sample_input(networks)
    steps = num_batches(len(opened.splits.train), recipe.batch)
    plan = plan_rungs(rungs, eta, recipe.last_epoch, len(networks), unit, steps)
    compared = fit_compared(networks, input, opened, callback)
    require_fit(compared, recipe)
    runs = {
        network.folder: SeedRun(compared=network, recipe=recipe, folder=folder / network.folder)
        for network in compared
    }
    report_channels([network.network for network in compared], opened, callback)
    folder.mkdir(parents=True, exist_ok=True)
    images = opened.fingerprint(recipe.workers, callback, SINGLE_PROCESS)
    trainer = RunTrainer(opened, images, found_device, callback)
    storage = storage or default_storage(folder)
    study = open_study(storage, name, _plan(compared, recipe, plan, ImagesInfo.of(images)))
    jobs = Jobs(study, list(runs), len(plan.budgets), folder)
    with jobs.working(), reachable(storage):
        judged = _Sweeper(trainer, runs, plan, jobs).run()
    return Sweep(
        designs=_results(runs, judged),
        rungs=plan,
        recipe=recipe,
        folder=folder,
        storage=storage,
    )


class _Sweeper:
    """One process of a sweep."""

    def __init__(
        self, trainer: RunTrainer, runs: Mapping[str, SeedRun], rungs: Rungs, jobs: Jobs
    ) -> None:
        self._trainer, self._runs, self._rungs, self._jobs = trainer, runs, rungs, jobs

    def run(self) -> list[dict[str, Judged]]:
        """Every rung until all of its designs are judged: their results."""
        found: list[dict[str, Judged]] = []
        designs: tuple[str, ...] = tuple(self._runs)
        for rung in range(len(self._rungs.budgets)):
            found.append(self._judged(rung, designs))
            designs = self._rungs.promoted(found[-1])
            self._report(rung, found[-1], designs)
            if not designs:
                break
        return found

    def _judged(self, rung: int, designs: Sequence[str]) -> dict[str, Judged]:
        """All results of a rung, by this process or by others."""
        wait, longest = _WAITS
        noted = False
        while True:
            judged = self._jobs.judged(rung)
            if all(design in judged for design in designs):
                return {design: judged[design] for design in self._runs if design in designs}
            job = self._jobs.claim(rung, designs)
            if job is not None and self._do(job):
                wait = _WAITS[0]
                continue
            if not noted:
                self._trainer.callback.on_note(f"waiting for other processes at rung {rung + 1}")
                noted = True
            time.sleep(wait)
            wait = min(2 * wait, longest)

    def _do(self, job: Job) -> bool:
        """Train a design to a rung; False where another process is at its run."""
        with self._jobs.alive(job):
            try:
                result = self._trained(job)
            except UserError as failure:
                codes = {diagnostic.code for diagnostic in failure.diagnostics}
                if _TRAINED_ELSEWHERE in codes:
                    return False
                if not codes <= OF_ONE_RUN:
                    raise
                first = failure.diagnostics[0]
                self._trainer.callback.on_seed_run_failed(first)
                result = Judged(failure=f"{first.message} [{first.code}]")
            except Interrupted as stopped:
                where = f"{job.design} is saved at {stopped.saved}; " if stopped.saved else ""
                text = f"interrupted; {where}the same command continues"
                raise Interrupted(stopped.run, stopped.saved, text) from None
            self._jobs.finish(job, result)
        return True

    def _trained(self, job: Job) -> Judged:
        """What a design has reached at a rung; it is trained up to there if need be."""
        run, end = self._runs[job.design], self._rungs.end(job.rung)
        (state,) = self._trainer.states([run])
        position = (0, 0)  # by the checkpoint: a log may be an epoch ahead of it
        if state is not State.NEW:
            position = checkpoints.load(run.folder).progress.position
        if position > end and end[1]:
            raise error(
                "CTC652",
                f"the run is at epoch {position[0] + 1}, step {position[1]}, behind the rung that"
                f" is to be judged, {self._rungs.budget(job.rung)}",
                path=run.folder,
                hint="move the run's folder elsewhere: the design is trained again",
            )
        if position < end:
            title = f"{run.compared.name}, rung {job.rung + 1} of {len(self._rungs.budgets)}"
            title += f", to {self._rungs.budget(job.rung)}"
            self._trainer.callback.on_seed_run(title, state is not State.NEW)
            self._trainer.train(run, state, end)
        if not end[1]:
            return _of_row(log.read(run.folder)[end[0] - 1])
        scores = self._trainer.evaluate(run, checkpoints.load(run.folder), views=1)
        return _finite(Judged(scores.top1_error, scores.top5_error, scores.loss))

    def _report(self, rung: int, judged: Mapping[str, Judged], going_on: Sequence[str]) -> None:
        text = (
            f"rung {rung + 1} of {len(self._rungs.budgets)}: {plural(len(judged), 'design')} judged"
        )
        if rung + 1 < len(self._rungs.budgets):
            names = ", ".join(self._runs[name].compared.name for name in going_on)
            text += f", {len(going_on)} to {self._rungs.budget(rung + 1)}: {names}"
        self._trainer.callback.on_note(text)


def _of_row(row: log.Row) -> Judged:
    return _finite(Judged(row.test_top1_error, row.test_top5_error, row.test_loss))


def _finite(judged: Judged) -> Judged:
    """A failure where the loss of the test is not a number."""
    if math.isfinite(judged.loss):
        return judged
    return Judged(failure=f"the loss of the test is {judged.loss}")


def _plan(
    compared: Sequence[ComparedNetwork], recipe: Recipe, rungs: Rungs, images: ImagesInfo
) -> dict[str, object]:
    """What all processes of a sweep must have in common."""
    fields = {k: v for k, v in recipe.as_dict().items() if k not in RUNTIME_FIELDS}
    return {
        "designs": {each.folder: each.identity.digest for each in compared},
        "recipe": fields,
        "rungs": list(rungs.budgets),
        "unit": rungs.unit,
        "eta": rungs.eta,
        "images": asdict(images),
    }


def _results(
    runs: Mapping[str, SeedRun], judged: Sequence[Mapping[str, Judged]]
) -> tuple[DesignResult, ...]:
    costs = {name: network_cost(run.compared.network) for name, run in runs.items()}
    first = next(iter(costs.values()))
    return tuple(
        DesignResult(
            network=run.compared.network,
            cost=costs[name],
            relative=costs[name].relative_to(first) if first.macs else math.nan,
            run=run.folder,
            judged=tuple(rung[name] for rung in judged if name in rung),
        )
        for name, run in runs.items()
    )
