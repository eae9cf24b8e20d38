"""The trials of a comparison: a network and a seed each, and how far their runs are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from ctcdsl.checking import Network
from ctcdsl.images.augment import Crop
from ctcdsl.recipe import Recipe
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import info as records
from ctcdsl.runs import log, manifest
from ctcdsl.runs.identity import ModelIdentity, require_same_identity
from ctcdsl.text.diagnostic import Diagnostic, UserError

_HOW = frozenset({"accumulate", "compile", "max_corrupt", "workers"})
"""Of a recipe what says how it is carried out: it may differ between a run and its going on."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ComparedNetwork:
    """A network that is compared, as it fits the data."""

    file: str
    given: str
    """The text of its file."""
    folder: str
    """What the folder of its runs is called."""
    network: Network
    identity: ModelIdentity

    @property
    def name(self) -> str:
        """The network's name."""
        return self.network.name

    @property
    def crop(self) -> Crop:
        """Height and width of its input."""
        return self.identity.input[1], self.identity.input[2]


class State(Enum):
    """How far a trial is."""

    NEW = "new"
    STARTED = "started"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SeedRun:
    """A network to be trained with a seed."""

    contestant: ComparedNetwork
    recipe: Recipe
    """With the seed."""
    run: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a trial: its log and test, or why there is none."""

    seed: int
    run: Path
    rows: tuple[log.Row, ...] = ()
    """The log as far as it was trained."""
    top1_error: float | None = None
    top5_error: float | None = None
    failure: Diagnostic | None = None


def state_of(trial: SeedRun, images: records.ImagesInfo) -> State:
    """How far the run in the trial's folder is, if it is that trial's.

    Raises `UserError`: CTC652 where the run has another recipe or spec, was trained on other
    images, or has a log but no checkpoint; CTC610, CTC623 where it is damaged.
    """
    if not manifest.numbers(trial.run):
        if log.read(trial.run):
            raise _other(trial, "a run without checkpoints", ())
        return State.NEW
    saved = checkpoints.load(trial.run)
    try:
        require_same_identity(saved.identity, trial.contestant.identity, trial.run)
    except UserError as error:
        raise UserError(*(each._replace(code="CTC652") for each in error.diagnostics)) from None
    if changed := _changed(saved.recipe, trial.recipe):
        raise _other(trial, "a run by another recipe", changed)
    before = records.read(trial.run).last.images
    if before != images:
        then, now = asdict(before), asdict(images)
        notes = tuple(f"{name}: {then[name]} then, {now[name]} now" for name in then)
        raise _other(trial, "a run on other images", notes)
    done = saved.progress.epoch >= trial.recipe.last_epoch
    return State.FINISHED if done else State.STARTED


def _changed(before: Recipe, now: Recipe) -> tuple[str, ...]:
    """What differs of two recipes, but for what does not change what is learned."""
    then, asked = ({**recipe.as_dict(), "epochs": recipe.last_epoch} for recipe in (before, now))
    return tuple(
        f"{name}: {then[name]} then, {asked[name]} now"
        for name in then
        if then[name] != asked[name] and name not in _HOW
    )


def _other(trial: SeedRun, what: str, notes: Sequence[str]) -> UserError:
    return UserError(
        Diagnostic(
            code="CTC652",
            message=f"the folder holds {what}",
            path=str(trial.run),
            notes=tuple(notes),
            hints=("compare as before, or choose another folder with --run",),
        )
    )
