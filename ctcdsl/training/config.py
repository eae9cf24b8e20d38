"""What a run is asked to train: a network by a recipe, or the rest of an earlier run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from ctcdsl.checking import Network
from ctcdsl.execution.autotune import Fixed
from ctcdsl.ir import Shape
from ctcdsl.recipe import Recipe
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import store
from ctcdsl.runs.info import SessionInfo
from ctcdsl.runs.run import data_of, network_of
from ctcdsl.runs.schedule import TEN_MINUTES, Interval
from ctcdsl.text import error
from ctcdsl.training.initial_weights import InitialWeights, read_initial


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePoint:
    """The checkpoint that a run is resumed from."""

    session: int
    """The number of the session that wrote it."""
    position: tuple[int, int]
    """Epochs done and steps of the next one."""
    classes: tuple[str, ...] | None = None
    """Those of the run, where its network is not known to fit the data's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """A training to be done."""

    network: Network
    spec: str | None
    """The text that `network` comes from; None where a run is resumed by its own."""
    data: str | None
    """The path of the images; None for the sample."""
    run: Path
    recipe: Recipe
    input: Shape | None = None
    """An input that replaces the network's."""
    device: str | torch.device = "auto"
    every: Interval = TEN_MINUTES
    """When to save inside an epoch."""
    keep: int = 3
    """Checkpoints that stay, besides the best."""
    initial: InitialWeights | None = None
    """What a run that begins starts from; None: weights that are drawn."""
    tune: Fixed | None = None
    """What to keep while the rest of the configuration is tuned; None: all of it."""
    resumed: ResumePoint | None = None
    allow_changed_data: bool = False
    repeats: SessionInfo | None = None
    """The session of another run that is repeated."""
    until: tuple[int, int] | None = None
    """Where to stop before the end: epochs done, and steps of the next one."""


def configure(
    network: Network | None,
    *,
    data: str | os.PathLike[str] | None,
    recipe: Recipe | str | None,
    run: str | os.PathLike[str] | None,
    resume: bool | Literal["auto"],
    input: Shape | None,
    weights: str | os.PathLike[str] | None = None,
    fields: Mapping[str, Any],
    **options: Any,
) -> RunConfig:
    """What to train; a run that is resumed has its own network, data and recipe.

    Raises:
        TypeError: There is neither a network nor a run to resume.
        UserError: CTC610 where there is nothing to resume, CTC409 where weights cannot be read,
            CTC605 for a field that is unknown or
            out of range, CTC625 where the images of a resumed run are not known or gone.
    """
    if network is None and (run is None or not resume):
        raise TypeError("name a network, or the folder of a run to resume")
    if resume not in (False, True, "auto"):
        raise error("CTC605", f"resume is {resume!r}", hint="it is True, False or 'auto'")
    if resume is True and weights is not None:
        message = "a run that is resumed has its own weights"
        raise error("CTC605", message, hint="leave out --from, or start another run")
    if run is not None and not os.fspath(run):
        raise error("CTC605", "run is an empty text", hint="name a folder, or leave it out")
    if run is not None:
        folder = Path(run)
    else:
        assert network is not None
        folder = Path("runs") / folder_name(network.name)
    path = os.fspath(data) if data is not None else None
    spec = network.architecture.origin.source.text if network is not None else None
    if not resume or (resume == "auto" and not store.numbers(folder)):
        if network is None:
            raise error(
                "CTC610",
                "there is no checkpoint to resume, and no network to start with",
                path=folder,
                hint="name a spec to start a run there, or the folder of a run",
            )
        return RunConfig(
            network=network,
            spec=spec,
            data=path,
            run=folder,
            recipe=base_recipe(recipe, data).with_fields(fields),
            input=input,
            initial=None if weights is None else read_initial(weights),
            **options,
        )
    saved = checkpoints.load(folder)
    identity = saved.identity
    base = recipe if isinstance(recipe, Recipe) else saved.recipe
    return RunConfig(
        network=network or network_of(identity, folder),
        spec=spec,
        data=path or data_of(folder, identity.classes),
        run=folder,
        recipe=base.with_fields(fields),
        input=input or Shape(*identity.input),
        resumed=ResumePoint(
            session=saved.session, position=saved.progress.position, classes=identity.classes
        ),
        **options,
    )


def base_recipe(recipe: Recipe | str | None, data: object) -> Recipe:
    """The recipe that is named; without a name `paper`, or `small` where there is no `data`."""
    if isinstance(recipe, Recipe):
        return recipe
    return Recipe.named(recipe or ("paper" if data is not None else "small"))


def parse_interval(text: str | int) -> Interval:
    """When to save, such as ``10min``, or 500 steps. Raises `UserError` CTC605."""
    try:
        return Interval.parse(str(text))
    except ValueError:
        message = f"checkpoint_every is {text!r}, neither a time nor a number of steps"
        raise error("CTC605", message, hint="write 10min, 600s, or 500") from None


def folder_name(name: str) -> str:
    """A folder's name for a network: `J'` is `J_prime`."""
    plain = re.sub("['′]", "_prime", name)
    return re.sub(r"[^A-Za-z0-9_+-]+", "_", plain).strip("_") or "network"
