"""The runs of a comparison: a network and a seed each, how far they are, and their results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Self

from ctcdsl.checking import Network
from ctcdsl.recipe import Recipe
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import info, log, store
from ctcdsl.runs.identity import ModelIdentity, require_same_identity
from ctcdsl.runs.info import ImagesInfo
from ctcdsl.text import Diagnostic, UserError, error
from ctcdsl.training.checks import RUNTIME_FIELDS, recipe_changes
from ctcdsl.training.config import folder_name


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ComparedNetwork:
    """A network that is compared, as it fits the data."""

    network: Network
    identity: ModelIdentity
    file: str
    """The spec that it comes from."""
    spec: str
    """The text of that file."""
    folder: str
    """The name of the folder of its runs."""

    @classmethod
    def of(cls, network: Network, classes: tuple[str, ...]) -> Self:
        """`network`, whose outputs are `classes`."""
        source = network.architecture.origin.source
        return cls(
            network=network,
            identity=ModelIdentity.of_network(network, classes),
            file=source.name,
            spec=source.text,
            folder=folder_name(network.name),
        )

    @property
    def name(self) -> str:
        """The network's name."""
        return self.network.name


class State(Enum):
    """How far a run is."""

    NEW = "new"
    STARTED = "started"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SeedRun:
    """A network to be trained with a seed."""

    compared: ComparedNetwork
    recipe: Recipe
    """With the seed."""
    folder: Path

    @property
    def title(self) -> str:
        """Network and seed."""
        return f"{self.compared.name}, seed {self.recipe.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedResult:
    """The log and the errors of a run, or why there are none."""

    seed: int
    run: Path
    rows: tuple[log.Row, ...] = ()
    """The log as far as it was trained."""
    top1_error: float | None = None
    top5_error: float | None = None
    failure: Diagnostic | None = None

    @classmethod
    def of(
        cls,
        seed_run: SeedRun,
        rows: tuple[log.Row, ...],
        errors: tuple[float, float] | None = None,
        failure: Diagnostic | None = None,
    ) -> Self:
        """The result of `seed_run`: its top-1 and top-5 error, or its failure."""
        top1, top5 = errors or (None, None)
        return cls(
            seed=seed_run.recipe.seed,
            run=seed_run.folder,
            rows=rows,
            top1_error=top1,
            top5_error=top5,
            failure=failure,
        )


def state_of(seed_run: SeedRun, images: ImagesInfo) -> State:
    """How far the run in the folder is, if it is that of `seed_run`.

    Raises `UserError`: CTC652 where the run has another recipe or spec, was trained on other
    images, or has a log but no checkpoint; CTC610, CTC623 where it is damaged.
    """
    folder = seed_run.folder
    if not store.numbers(folder):
        if log.read(folder):
            raise _other_run(folder, "a run without checkpoints", ())
        return State.NEW
    saved = checkpoints.load(folder)
    try:
        require_same_identity(saved.identity, seed_run.compared.identity, folder)
    except UserError as cause:
        raise UserError(
            *(diagnostic._replace(code="CTC652") for diagnostic in cause.diagnostics)
        ) from None
    if changes := recipe_changes(saved.recipe, seed_run.recipe, RUNTIME_FIELDS):
        raise _other_run(folder, "a run by another recipe", changes)
    before = info.read(folder).last.images
    if before != images:
        then, now = asdict(before), asdict(images)
        notes = (f"{name}: {then[name]} then, {now[name]} now" for name in then)
        raise _other_run(folder, "a run on other images", notes)
    done = saved.progress.epoch >= seed_run.recipe.last_epoch
    return State.FINISHED if done else State.STARTED


def _other_run(folder: Path, what: str, notes: Iterable[str]) -> UserError:
    return error(
        "CTC652",
        f"the folder holds {what}",
        path=folder,
        notes=notes,
        hint="compare as before, or choose another folder with --run",
    )
