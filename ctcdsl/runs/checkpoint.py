"""Checkpoints: all that training needs to resume from a step as if it had never stopped."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from ctcdsl import __version__
from ctcdsl.images.colour import Statistics
from ctcdsl.recipe import Recipe
from ctcdsl.runs import store
from ctcdsl.runs.identity import ModelIdentity
from ctcdsl.runs.log import Row
from ctcdsl.runs.store import STATE, WEIGHTS, Manifest, checkpoint_error
from ctcdsl.text import Diagnostic, Severity, UserError, error
from ctcdsl.text.plural import plural
from ctcdsl.text.shell import shown

Warn = Callable[[Diagnostic], None]

_NAMED = 4


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far training is: a position in the sequence of steps, and sums of the current epoch."""

    epoch: int = 0
    """Epochs that are trained and tested."""
    step: int = 0
    """Steps of the next epoch that are done; all of them if only its test remains."""
    loss: float = 0.0
    """Sum of the losses of the images those steps have seen."""
    num_errors: int = 0
    """How many of these were misclassified."""
    images: int = 0
    """How many they were."""
    seconds: float = 0.0
    """How long the steps took."""
    data_wait: float = 0.0
    """How much of that was waiting for images."""
    rows: list[Row] = field(default_factory=list)
    """The log of the epochs that are done."""

    @property
    def position(self) -> tuple[int, int]:
        """Epochs done and steps of the next: what orders checkpoints."""
        return self.epoch, self.step

    def __str__(self) -> str:
        if self.step:
            return f"epoch {self.epoch + 1}, step {self.step}"
        return f"epoch {self.epoch}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Checkpoint:
    """Training between two steps."""

    identity: ModelIdentity
    recipe: Recipe
    statistics: Statistics
    progress: Progress
    model: dict[str, Any]
    """The model's state_dict."""
    optimizer: dict[str, Any]
    """The optimizer's state_dict."""
    rng: tuple[Tensor, ...]
    """States of torch's generators: the CPU's, then every GPU's."""
    session: int = 0
    """The number of the session that wrote it, in the run's `info.RunInfo`."""
    version: str = __version__
    """The ctcdsl that wrote it."""
    path: Path = Path()
    """The folder it was read from."""

    @property
    def run(self) -> Path:
        """The folder of the run it belongs to."""
        return store.run_of(self.path)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The log of the epochs that are trained and tested."""
        return tuple(self.progress.rows)

    def to_files(self) -> dict[str, bytes]:
        """The contents of the checkpoint's files, by name."""
        weights = {name: value.detach().cpu().contiguous() for name, value in self.model.items()}
        progress = self.progress
        state = io.BytesIO()
        torch.save(
            {
                "identity": asdict(self.identity),
                "recipe": self.recipe.as_dict(),
                "statistics": asdict(self.statistics),
                "progress": asdict(progress),
                "optimizer": self.optimizer,
                "rng": self.rng,
                "session": self.session,
            },
            state,
        )
        files = {
            WEIGHTS: bytes(save_tensors(weights, metadata={"format": "pt"})),
            STATE: state.getvalue(),
        }
        between_epochs = progress.rows and not progress.step
        manifest = Manifest(
            version=self.version,
            network=self.identity.name,
            epoch=progress.epoch,
            step=progress.step,
            test_top1_error=progress.rows[-1].test_top1_error if between_epochs else None,
            files=store.describe_files(files),
        )
        return {**files, store.MANIFEST: manifest.to_bytes()}


def load(path: Path, warn: Warn | None = None) -> Checkpoint:
    """The checkpoint at `path`, its tensors on the CPU. Runs no code from the files.

    `path` is a checkpoint's folder (or ``RUN/checkpoints/best``), or a run's: then the newest
    intact checkpoint is taken, and `warn` is called for newer ones that are damaged.

    Raises `UserError` CTC610 where there is none, or it is damaged, or not of ctcdsl.
    """
    if store.is_checkpoint(path):
        return _read(path)
    run = store.run_of(path)
    damaged: list[Diagnostic] = []
    for number in reversed(store.numbers(run)):
        try:
            checkpoint = _read(store.folder_of(run, number))
        except UserError as cause:
            damaged += cause.diagnostics
            continue
        hint = f"taken instead: {checkpoint.path}, {checkpoint.progress}"
        if warn is not None:
            for diagnostic in damaged:
                warn(diagnostic._replace(code="CTC911", severity=Severity.WARNING, hints=(hint,)))
        return checkpoint
    raise UserError(*damaged) if damaged else _no_checkpoint(path)


def _read(folder: Path) -> Checkpoint:
    manifest, contents = store.read_verified(folder)
    try:
        state = torch.load(io.BytesIO(contents[STATE]), map_location="cpu", weights_only=True)
        rows = [Row(**row) for row in state["progress"].pop("rows")]
        checkpoint = Checkpoint(
            identity=ModelIdentity(**state["identity"]),
            recipe=Recipe.from_dict(state["recipe"]),
            statistics=Statistics(**state["statistics"]),
            progress=Progress(**state["progress"], rows=rows),
            model=dict(sorted(load_tensors(contents[WEIGHTS]).items())),
            optimizer=state["optimizer"],
            rng=state["rng"],
            session=int(state["session"]),
            version=manifest.version,
            path=folder,
        )
    except MemoryError:
        raise
    except (Exception, SafetensorError):  # zip, pickle and torch each have errors of their own
        message, hint = "not a checkpoint of ctcdsl", "name the folder of a run of `ctcdsl train`"
        raise checkpoint_error(folder / STATE, message, hint) from None
    if checkpoint.progress.position != (manifest.epoch, manifest.step):
        raise checkpoint_error(folder, "the manifest is of another checkpoint")
    return checkpoint


def restore_model(model: nn.Module, checkpoint: Checkpoint, path: Path) -> None:
    """Load the checkpoint's weights into `model`; CTC610 where they do not fit it."""
    try:
        model.load_state_dict(checkpoint.model)
    except RuntimeError as cause:
        lines = [line.strip() for line in str(cause).splitlines()[1:]]
        raise checkpoint_error(
            path,
            f"the checkpoint's weights do not fit the module of {checkpoint.identity.name}",
            f"use ctcdsl {checkpoint.version}, which wrote it",
            *lines[:3],
        ) from None


def rng_states() -> tuple[Tensor, ...]:
    """The states of torch's generators now, as `Checkpoint.rng` keeps them."""
    return (torch.get_rng_state(), *torch.cuda.get_rng_state_all())


def restore_rng(checkpoint: Checkpoint) -> None:
    """Set torch's generators to the checkpoint's states."""
    processor, *accelerators = checkpoint.rng
    torch.set_rng_state(processor)
    if len(accelerators) == torch.cuda.device_count():  # else it is another machine
        torch.cuda.set_rng_state_all(accelerators)


def _no_checkpoint(path: Path) -> UserError:
    if runs := store.runs_below(path):
        more = ", …" if len(runs) > _NAMED else ""
        return error(
            "CTC626",
            f"the folder is not a run, it contains {plural(len(runs), 'run')}",
            path=path,
            notes=(f"{', '.join(map(str, runs[:_NAMED]))}{more}",),
            hint=f"name one of them, as in {shown(runs[0])}",
        )
    if os.path.exists(path) and not os.path.isdir(path):
        message, hint = "this is a file, not the folder of a run", "name the run's folder"
    else:
        message = "there is no checkpoint" if os.path.exists(path) else "no such file or folder"
        hint = (
            "name the folder of a run, or a file of `ctcdsl export`; "
            "`ctcdsl train` without --resume starts a run"
        )
    return checkpoint_error(path, message, hint)


def read_weights(path: str) -> dict[str, Tensor]:
    """The tensors of a file of weights, or those of a run's newest checkpoint.

    Raises:
        UserError: CTC409 where the file cannot be read, CTC610 where no checkpoint can.
    """
    if os.path.isdir(path):
        return load(Path(path)).model
    from ctcdsl.passes.weights.files import read_tensors

    return read_tensors(path)
