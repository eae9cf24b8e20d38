"""A controlled comparison: every network trained by one recipe, once a seed, a run for each.

The runs are in ``FOLDER/NETWORK/seedN``, and each is a run as `train` makes them. What is in these
folders is all that a comparison remembers: it continues from what is there.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ctcdsl.checking import Network
from ctcdsl.comparison.fit import fit_compared, require_fit
from ctcdsl.comparison.results import Comparison, NetworkResult
from ctcdsl.comparison.seed_runs import ComparedNetwork, SeedResult, SeedRun, State
from ctcdsl.comparison.train_runs import OF_ONE_RUN, EachWarningOnce, RunTrainer
from ctcdsl.distributed.processes import SINGLE_PROCESS
from ctcdsl.execution.events import Callback
from ctcdsl.execution.interrupt import Interrupted
from ctcdsl.execution.prepare import (
    find_device,
    open_data,
    report_channels,
    sample_input,
)
from ctcdsl.ir import Shape
from ctcdsl.metrics import network_cost
from ctcdsl.recipe import Recipe
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import log, store
from ctcdsl.runs.checkpoint import Checkpoint
from ctcdsl.runs.info import ImagesInfo
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text import Diagnostic, UserError

TEN_VIEWS = "ten-views.json"
"""The result of the test by 10 views, in a run's folder: it is not done twice."""


def compare_networks(
    networks: Sequence[Network],
    *,
    data: str | None,
    recipe: Recipe,
    seeds: int,
    folder: Path,
    views: Literal[1, 10],
    input: Shape | None,
    device: str,
    callbacks: Iterable[Callback],
) -> Comparison:
    """Train every network with `recipe.seed` and the seeds after it, evaluate, and compare.

    A run that fails by its network's own fault does not stop the others: its result says why.

    Raises:
        SpecError: Networks do not fit the input or the images; all reasons of all of them.
        UserError: CTC605 a seed out of range or a crop larger than the images are scaled to;
            CTC612 an input that is not one or three channels; CTC651 two networks of one name;
            CTC652 a folder holds another run; and as `train` and `evaluate`.
        Interrupted: The runs are saved; the same call continues.
    """
    callback = EachWarningOnce(callbacks)
    found_device = find_device(device)
    opened = open_data(data, callback)
    if input is None and data is None:
        input = sample_input(networks)
    compared = fit_compared(networks, input, opened, callback)
    require_fit(compared, recipe)
    seed_runs = tuple(
        SeedRun(
            compared=network,
            recipe=replace(recipe, seed=seed),
            folder=folder / network.folder / f"seed{seed}",
        )
        for seed in range(recipe.seed, recipe.seed + seeds)
        for network in compared
    )
    report_channels([network.network for network in compared], opened, callback)
    images = opened.fingerprint(recipe.workers, callback, SINGLE_PROCESS)
    trainer = RunTrainer(opened, images, found_device, callback)
    runner = _Runner(trainer, views)
    states = trainer.states(seed_runs)
    callback.on_comparison_started(folder, [state.value for state in states], len(compared))
    results: dict[ComparedNetwork, list[SeedResult]] = {network: [] for network in compared}
    for number, (seed_run, state) in enumerate(zip(seed_runs, states, strict=True), start=1):
        result = runner.run(seed_run, state, f"{seed_run.title} ({number} of {len(seed_runs)})")
        if result.failure is not None:
            callback.on_seed_run_failed(result.failure)
        results[seed_run.compared].append(result)
    costs = {network: network_cost(network.network) for network in compared}
    first = costs[compared[0]]
    return Comparison(
        networks=tuple(
            NetworkResult(
                network=network.network,
                identity=network.identity,
                cost=cost,
                relative=cost.relative_to(first) if first.macs else math.nan,
                results=tuple(results[network]),
            )
            for network, cost in costs.items()
        ),
        recipe=recipe,
        seeds=seeds,
        folder=folder,
        views=views,
        data=data,
        images=ImagesInfo.of(images),
        classes=opened.classes,
        device=str(found_device),
    )


@dataclass(frozen=True, slots=True)
class _Runner:
    """Trains and evaluates the runs of a comparison."""

    trainer: RunTrainer
    views: Literal[1, 10]

    @property
    def callback(self) -> Callback:
        """What hears how far the runs are."""
        return self.trainer.callback

    def run(self, seed_run: SeedRun, state: State, title: str) -> SeedResult:
        """Train what is left of a run and evaluate it, unless that was done before."""
        try:
            if state is not State.FINISHED:
                self.callback.on_seed_run(title, state is State.STARTED)
                self.trainer.train(seed_run, state)
            return self._evaluated(seed_run)
        except UserError as error:
            if not {diagnostic.code for diagnostic in error.diagnostics} <= OF_ONE_RUN:
                raise
            rows: tuple[log.Row, ...] = ()
            with suppress(UserError):
                rows = log.read(seed_run.folder)
            failure = _advised(error.diagnostics[0])
            return SeedResult.of(seed_run, rows, failure=failure)
        except Interrupted as stopped:
            where = f"{title} is saved at {stopped.saved}" if stopped.saved else "nothing is lost"
            text = f"interrupted; {where}: the same command continues"
            raise Interrupted(seed_run.folder, stopped.saved, text) from None

    def _evaluated(self, seed_run: SeedRun) -> SeedResult:
        """The result of a run that is trained; its log has that of the centre view."""
        saved = checkpoints.load(seed_run.folder, self.callback.on_warning)
        last = saved.rows[-1]
        errors: tuple[float, float] | None = last.test_top1_error, last.test_top5_error
        if self.views == 10:
            errors = _read_ten_views(saved) or self._evaluate(seed_run, saved)
        return SeedResult.of(seed_run, saved.rows, errors)

    def _evaluate(self, seed_run: SeedRun, saved: Checkpoint) -> tuple[float, float]:
        scores = self.trainer.evaluate(seed_run, saved, views=10)
        errors = {
            "weights": _digest(saved),
            "top1_error": scores.top1_error,
            "top5_error": scores.top5_error,
        }
        write_atomic(saved.run / TEN_VIEWS, (json.dumps(errors, indent=2) + "\n").encode())
        return scores.top1_error, scores.top5_error


def _advised(failure: Diagnostic) -> Diagnostic:
    """The failure with what to do in a comparison, where all networks share the recipe."""
    if failure.code == "CTC609":
        hint = "compare all networks at a lower rate, in another folder: --schedule …, --run …"
        return failure._replace(hints=(hint,))
    parts = re.search(r"--accumulate \d+", " ".join(failure.hints))
    if parts is None:
        return failure
    return failure._replace(hints=(f"compare with {parts[0]}: the same batch, in parts",))


def _read_ten_views(saved: Checkpoint) -> tuple[float, float] | None:
    """Top-1 and top-5 error by 10 views, where these weights were tested before."""
    try:
        tested = json.loads((saved.run / TEN_VIEWS).read_text(encoding="utf-8"))
        if tested["weights"] != _digest(saved):
            return None
        return float(tested["top1_error"]), float(tested["top5_error"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _digest(saved: Checkpoint) -> str:
    """SHA-256 of the file of weights."""
    return store.read_manifest(saved.path).files[store.WEIGHTS][1]
