"""A run done again from its folder alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ctcdsl.checking import check_source
from ctcdsl.distributed.torchrun import join_processes
from ctcdsl.execution.events import Callback, CallbackList
from ctcdsl.execution.prepare import open_data
from ctcdsl.images.fingerprint import ImageRecord
from ctcdsl.loading import select
from ctcdsl.recipe import Recipe
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import info, store
from ctcdsl.runs.info import SessionInfo
from ctcdsl.runs.run import Run
from ctcdsl.text import SpecError
from ctcdsl.text.files import read_source
from ctcdsl.training.config import ResumePoint, RunConfig, parse_interval
from ctcdsl.training.initial_weights import InitialWeights, read_initial
from ctcdsl.training.session import require_images_of
from ctcdsl.training.train import run_training


def repeat(
    folder: str | os.PathLike[str],
    *,
    run: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    device: str = "auto",
    checkpoint_every: str = "10min",
    keep: int = 3,
    callbacks: Iterable[Callback] = (),
) -> Run:
    """Train what a run trained; on the same machine the weights are the same, bit for bit.

    Args:
        folder: The run; it says spec, recipe, seed and images.
        run: The new run's folder; FOLDER_repeated unless given.
        data: Where the images are now, if they have moved.
        device: As the run, unless given.
        checkpoint_every: As for `train`.
        keep: As for `train`.
        callbacks: What to call as it trains.

    Raises:
        UserError: CTC623 where the folder does not say enough, or the images are others; CTC626
            where it holds several runs; and as `train`.
    """
    callbacks = tuple(callbacks)
    path = os.fspath(data) if data is not None else None
    options = {"every": parse_interval(checkpoint_every), "keep": keep}
    configs = _configs(Path(folder), run, path, device, options)
    with join_processes() as processes:  # before anything is trained
        callback = CallbackList(callbacks, is_main=processes.is_main)
        images_of: dict[str | None, tuple[ImageRecord, ...]] = {}
        for config in configs:
            if config.data not in images_of:
                data_set = open_data(config.data, Callback())  # training reports on it
                images_of[config.data] = data_set.fingerprint(
                    config.recipe.workers, callback, processes
                )
            assert config.repeats is not None
            require_images_of(config.repeats, images_of[config.data], config.data)
        for number, config in enumerate(configs, start=1):
            if len(configs) > 1:
                part = f"part {number} of {len(configs)}: {_end(config.until)}"
                callback.on_note(part)
            result = run_training(config, callbacks)
    return result


def _configs(
    folder: Path,
    run: str | os.PathLike[str] | None,
    data: str | None,
    device: str,
    options: dict[str, Any],
) -> tuple[RunConfig, ...]:
    """One for each session that the run is made of."""
    if store.runs_below(folder) and not store.numbers(folder):
        checkpoints.load(folder)  # says so
    lineage = info.read(folder).lineage()
    if lineage[0][0].position != (0, 0):
        message = "the record does not reach back to the run's beginning"
        raise info.info_error(folder / info.INFO, message)
    source = read_source(str(folder / info.SPEC))
    report = check_source(source)
    if not report.ok:
        raise SpecError(*report.errors)
    network = select(report.networks, None, source.name)
    target = Path(run) if run else folder.with_name(f"{folder.resolve().name}_repeated")
    return tuple(
        RunConfig(
            network=network,
            spec=source.text,
            data=data or session.data,
            run=target,
            recipe=Recipe.from_dict(session.recipe),
            input=network.input,
            device=session.device if device == "auto" else device,
            resumed=ResumePoint(session=number - 1, position=session.position) if number else None,
            allow_changed_data=True,
            repeats=session,
            initial=_initial(session, folder),
            until=until,
            **options,
        )
        for number, (session, until) in enumerate(lineage)
    )


def _initial(session: SessionInfo, folder: Path) -> InitialWeights | None:
    """What the run started from, as it was; CTC623 where it is another now."""
    if session.weights is None:
        return None
    initial = read_initial(session.weights["path"])
    if initial.digest != session.weights["digest"]:
        message = f"the weights that the run started from have changed: {initial.path}"
        raise info.info_error(folder / info.INFO, message)
    return initial


def _end(until: tuple[int, int] | None) -> str:
    """How far one of several sessions trains."""
    if until is None:
        return "to the end"
    epochs, steps = until
    return f"to epoch {epochs}" if not steps else f"to epoch {epochs + 1}, step {steps}"
