"""A run as an object: its network, recipe, log, checkpoints and weights."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

from torch import nn

from ctcdsl.checking import Network, check_source
from ctcdsl.codegen.load import build_module
from ctcdsl.images.colour import Statistics
from ctcdsl.images.sample import CLASSES
from ctcdsl.loading import select
from ctcdsl.metrics.html import as_html
from ctcdsl.metrics.tables import Table
from ctcdsl.recipe import Recipe
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import info, store
from ctcdsl.runs.checkpoint import Checkpoint
from ctcdsl.runs.identity import ModelIdentity
from ctcdsl.runs.info import ImagesInfo
from ctcdsl.runs.log import Row
from ctcdsl.runs.store import BEST
from ctcdsl.text import Source, SpecError, UserError, error


class LastTest(NamedTuple):
    """The test after the last epoch: by the centre view, errors as shares of the images."""

    top1_error: float
    top5_error: float
    """Top-k of k classes where there are fewer than five."""
    loss: float
    """In nats."""


class Run:
    """A training and its folder, as `train` returns it.

    Args:
        folder: The folder of a run. Properties are those of the newest checkpoint.

    Raises:
        UserError: CTC610 there is no intact checkpoint; CTC626 the folder has several runs.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        if not store.numbers(self.folder):
            checkpoints.load(self.folder)  # says what the folder is instead

    @cached_property
    def _saved(self) -> Checkpoint:
        return replace(checkpoints.load(self.folder), model={}, optimizer={})

    @property
    def name(self) -> str:
        """The network's name."""
        return self._saved.identity.name

    @cached_property
    def network(self) -> Network:
        """The network, at the input and for the classes that it was trained with."""
        return network_of(self._saved.identity, self.folder)

    @property
    def recipe(self) -> Recipe:
        """How it was trained."""
        return self._saved.recipe

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the network's outputs."""
        return self._saved.identity.classes

    @property
    def statistics(self) -> Statistics:
        """Mean and colour axes of the training images, used to normalise inputs."""
        return self._saved.statistics

    @property
    def log(self) -> tuple[Row, ...]:
        """A row for each epoch that is trained and tested."""
        return self._saved.rows

    @property
    def images(self) -> ImagesInfo:
        """The number of training and test images, and the split of the test."""
        return info.read(self.folder).last.images

    @property
    def scores(self) -> LastTest | None:
        """The test after the last epoch; None before the end of the first."""
        if not self.log:
            return None
        row = self.log[-1]
        return LastTest(row.test_top1_error, row.test_top5_error, row.test_loss)

    @property
    def last(self) -> Path:
        """The folder of the newest intact checkpoint."""
        return self._saved.path

    @property
    def best(self) -> Path:
        """The folder of the checkpoint with the lowest top-1 error."""
        best = self.folder / store.FOLDER / BEST
        return best.parent / best.readlink() if best.exists() else self.last

    def module(self, checkpoint: Literal["last", "best"] = "last") -> nn.Module:
        """The network's module with the weights of a checkpoint, on the CPU.

        It maps float32 (N, C, H, W) to logits (N, classes).
        """
        if checkpoint not in ("last", "best"):
            raise error("CTC605", f"checkpoint is {checkpoint!r}", hint="it is 'last' or 'best'")
        saved = checkpoints.load(self.best if checkpoint == "best" else self.last)
        module = build_module(self.network)
        checkpoints.restore_model(module, saved, saved.path)
        return module

    def __repr__(self) -> str:
        return f"<Run of {self.name} in {self.folder}: {self._summary()}>"

    def _repr_html_(self) -> str:
        table = Table(
            ("epoch", "rate", "train loss", "loss", "top-1 error %", "top-5 error %", "images/s"),
            tuple(
                (
                    str(row.epoch),
                    f"{row.learning_rate:g}",
                    f"{row.train_loss:.4f}",
                    f"{row.test_loss:.4f}",
                    f"{100 * row.test_top1_error:.2f}",
                    f"{100 * row.test_top5_error:.2f}",
                    f"{row.images_per_second:,.0f}",
                )
                for row in self.log
            ),
            frozenset(),
        )
        return as_html(table, caption=f"{self.name} in {self.folder}: {self._summary()}")

    def _summary(self) -> str:
        progress = f"{len(self.log)} of {self.recipe.last_epoch} epochs"
        if self.scores is None:
            return progress
        split, error = info.tested_on(self.folder), self.scores.top1_error
        return f"{progress}, {split} top-1 error {100 * error:.1f}%"


def network_of(identity: ModelIdentity, run: Path) -> Network:
    """The network that a checkpoint of `run` was trained with, at its input and classes."""
    source = Source(str(run / info.SPEC), identity.spec)
    report = check_source(source)
    if not report.ok:
        raise SpecError(*report.errors)
    return select(report.networks, None, source.name)


def name_of(run: Path) -> str | None:
    """The name of the network in `run`, as far as its folder says."""
    with suppress(UserError):
        return info.read(run).network
    return None


def data_of(run: Path, classes: tuple[str, ...]) -> str | None:
    """Where the images of `run` are; None for the sample.

    Raises:
        UserError: CTC625 where the run does not record it, or they are gone.
    """
    hint = "name the folder that has them now with --data"
    try:
        data = info.read(run).last.data
    except UserError as cause:
        if classes == CLASSES:
            return None
        first = cause.diagnostics[0]
        message = f"which images belong to the run is not known: {first.message}"
        raise error("CTC625", message, path=first.path, hint=hint) from None
    if data is not None and not os.path.exists(data):
        raise error("CTC625", "the images of the run are not where they were", path=data, hint=hint)
    return data
