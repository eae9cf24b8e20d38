"""A controlled comparison: every network trained by one recipe, once a seed, a run for each.

The runs lie at ``FOLDER/NETWORK/seedN``, and each is a run as `ctcdsl train` makes them. What is
in these folders is all that a comparison remembers: it goes on from what it finds there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from ctcdsl.codegen.load import build_module
from ctcdsl.comparison.seed_runs import ComparedNetwork, Result, SeedRun, State, state_of
from ctcdsl.evaluation.evaluate import evaluate
from ctcdsl.execution.events import Callback
from ctcdsl.images import fingerprint
from ctcdsl.images.image_set import ImageSet
from ctcdsl.metrics.memory import training_memory
from ctcdsl.recipe import Recipe
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import info as records
from ctcdsl.runs import log, manifest
from ctcdsl.runs.checkpoint import Checkpoint
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.text.shell import command
from ctcdsl.training import health
from ctcdsl.training.loop import train
from ctcdsl.training.run import CheckpointPolicy

_OF_ONE_RUN = frozenset({"CTC609", "CTC618", "CTC621", "CTC622"})
"""A loss that is not finite, a batch too small for its norms, a run that is being trained
elsewhere, no memory: the other networks may still be trained. Whatever else goes
wrong goes wrong for all."""

TEN_VIEWS = "ten-views.json"
"""What the test by 10 views found, in a run's folder: it is not done twice."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Comparison:
    """Which networks are trained how, on what."""

    contestants: tuple[ComparedNetwork, ...]
    recipe: Recipe
    """Its seed is the first one's."""
    seeds: int
    folder: Path
    data: str | None
    """The path of the images; None for the embedded photographs."""
    train_set: ImageSet
    test_set: ImageSet
    tested_on: str
    """The split of `test_set`: of the curves and of the errors."""
    listed: tuple[fingerprint.ImageRecord, ...]
    """The images of both sets."""
    views: Literal[1, 10]
    device: torch.device

    def trials(self) -> tuple[SeedRun, ...]:
        """All of them, the first seed of every network before the second of any.

        Raises `UserError` CTC605 where the last seed is out of range.
        """
        first = self.recipe.seed
        return tuple(
            SeedRun(
                contestant=each,
                recipe=replace(self.recipe, seed=seed),
                run=self.folder / each.folder / f"seed{seed}",
            )
            for seed in range(first, first + self.seeds)
            for each in self.contestants
        )

    def check_model_fits_data(self) -> None:
        """Raise `UserError` with a diagnostic for every network that cannot be trained so.

        CTC651 two networks share a name, so their runs would share folders; CTC612 an input that
        is not three channels; CTC605 a crop larger than the images are scaled to.
        """
        problems = list(self._namesakes())
        for each in self.contestants:
            channels = each.identity.input[0]
            if channels not in (1, 3):
                problems.append(
                    Diagnostic(
                        code="CTC612",
                        message=f"{each.name} takes {channels} channels, images have 3 or 1",
                        path=each.file,
                        hints=("give all networks the same input, as in --input 3x64x64",),
                    )
                )
            try:
                self.recipe.resize_for(each.crop)
            except UserError as error:
                problems += [found._replace(path=each.file) for found in error.diagnostics]
        if problems:
            raise UserError(*problems)

    def survey(self) -> dict[SeedRun, State]:
        """How far every trial is.

        Raises `UserError` with a diagnostic for every folder that does not hold this comparison's
        run (see `state_of`).
        """
        images = records.ImagesInfo.of(self.listed)
        states: dict[SeedRun, State] = {}
        problems: list[Diagnostic] = []
        for trial in self.trials():
            try:
                states[trial] = state_of(trial, images)
            except UserError as error:
                problems += error.diagnostics
        if problems:
            raise UserError(*problems)
        return states

    def train(self, trial: SeedRun, state: State, reporter: Callback) -> Result | None:
        """Train what is left of a trial; a failure of the network's own is returned.

        Raises `UserError` for any other, and `Interrupted` on Ctrl-C, when the run is saved.
        """
        network = trial.contestant.network
        record = self._record(trial, state)
        try:
            train(
                build_module(network),
                self.train_set,
                self.test_set,
                trial.recipe,
                crop=trial.contestant.crop,
                run=trial.run,
                identity=trial.contestant.identity,
                reporter=reporter,
                resume=state is State.STARTED,
                device=self.device,
                keeping=CheckpointPolicy(
                    last=1,
                    files={
                        records.ORIGINAL_SPEC: trial.contestant.given.encode(),
                        **records.files(network, record, self.listed),
                    },
                    session=len(record.sessions) - 1,
                ),
                memory=training_memory(network, 2 if trial.recipe.precision == "bf16" else 4),
                tested_on=self.tested_on,
            )
        except UserError as error:
            return _failed(trial, error)
        return None

    def tested(self, trial: SeedRun, reporter: Callback) -> Result:
        """The result of a trial that is trained; by 10 views it is tested unless it was before.

        A test that finds no memory is the network's own failure, too.
        """
        saved = checkpoints.load(trial.run, reporter.on_warning)
        last = saved.rows[-1]
        errors: tuple[float, float] | None = last.test_top1_error, last.test_top5_error
        if self.views == 10:
            errors = _tested(saved)
        try:
            top1, top5 = errors or self._test(trial, saved, reporter)
        except UserError as error:
            return _failed(trial, error)
        return Result(
            seed=trial.recipe.seed, run=trial.run, rows=saved.rows, top1_error=top1, top5_error=top5
        )

    def _record(self, trial: SeedRun, state: State) -> records.RunInfo:
        """What `ctcdsl train` would record, too."""
        saved = checkpoints.load(trial.run) if state is State.STARTED else None
        session = records.this_session(
            recipe=trial.recipe,
            data=self.data,
            images=records.ImagesInfo.of(self.listed),
            device=self.device.type,
            parent=saved.session if saved else None,
            position=saved.progress.position if saved else (0, 0),
        )
        if saved is not None:
            return records.read(trial.run).continued(session)
        return records.RunInfo(network=trial.contestant.name, sessions=(session,))

    def _test(self, trial: SeedRun, saved: Checkpoint, reporter: Callback) -> tuple[float, float]:
        network = trial.contestant.network
        module = build_module(network)
        checkpoints.restore_model(module, saved, saved.path)
        # torch's stubs know no overload with both
        module.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with health.oom_as_error(lambda: self._no_memory(trial)):
            counts = evaluate(
                module,
                self.test_set,
                crop=trial.contestant.crop,
                views=self.views,
                recipe=saved.recipe,
                statistics=saved.statistics,
                reporter=reporter,
                device=self.device,
                network=network,
            ).counts
        found = {
            "weights": _digest(saved),
            "top1_error": counts.top1_error,
            "top5_error": counts.top5_error,
        }
        text = (json.dumps(found, indent=2) + "\n").encode()
        write_atomic(trial.run / TEN_VIEWS, lambda file: file.write(text))
        return counts.top1_error, counts.top5_error

    def _no_memory(self, trial: SeedRun) -> UserError:
        batch = trial.recipe.batch
        alone = command("eval", trial.run, "--batch", str(max(1, batch // 2)))
        hint = f"test it alone: {alone}"
        return health.out_of_memory_in_test(batch, self.device, hint)

    def _namesakes(self) -> Iterator[Diagnostic]:
        first: dict[str, ComparedNetwork] = {}
        for each in self.contestants:
            other = first.setdefault(each.folder, each)
            if other is not each:
                yield Diagnostic(
                    code="CTC651",
                    message=f"the runs of {each.name} would go to the same folder as those of"
                    f" {other.name} from {other.file}",
                    path=each.file,
                    hints=("give one of them another name: `net NAME` in its spec",),
                )


def _failed(trial: SeedRun, error: UserError) -> Result:
    """A result without errors; any failure but the network's own is raised again."""
    if not {each.code for each in error.diagnostics} <= _OF_ONE_RUN:
        raise error
    rows: tuple[log.Row, ...] = ()
    with suppress(UserError):
        rows = log.read(trial.run)
    failure = _advised(error.diagnostics[0])
    return Result(seed=trial.recipe.seed, run=trial.run, rows=rows, failure=failure)


def _advised(failure: Diagnostic) -> Diagnostic:
    """The failure with what to do in a comparison, where all networks share the recipe."""
    if failure.code == "CTC609":
        hint = "compare all networks at a lower rate, in another folder: --schedule …, --run …"
        return failure._replace(hints=(hint,))
    hints = tuple(hint.replace("--resume --accumulate", "--accumulate") for hint in failure.hints)
    return failure._replace(hints=hints)


def _tested(saved: Checkpoint) -> tuple[float, float] | None:
    """Top-1 and top-5 error by 10 views, where these weights were tested before."""
    try:
        found = json.loads((saved.run / TEN_VIEWS).read_text(encoding="utf-8"))
        if found["weights"] != _digest(saved):
            return None
        return float(found["top1_error"]), float(found["top5_error"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _digest(saved: Checkpoint) -> str:
    """SHA-256 of the file of weights."""
    return manifest.read(saved.path).files[manifest.WEIGHTS][1]
