"""Checkpoints: all that training needs to go on from a step as if it had never stopped."""

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
from ctcdsl.runs import manifest as manifests
from ctcdsl.runs.identity import ModelIdentity
from ctcdsl.runs.log import Row
from ctcdsl.runs.manifest import STATE, WEIGHTS, Manifest, checkpoint_error
from ctcdsl.storage.atomic import write_folder_atomic
from ctcdsl.text.diagnostic import Diagnostic, Severity, UserError
from ctcdsl.text.plural import plural
from ctcdsl.text.shell import shown

Warn = Callable[[Diagnostic], None]

_NAMED = 4


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far training is: a place in the sequence of steps, and the sums of the epoch begun."""

    epoch: int = 0
    """Epochs that are trained and tested."""
    step: int = 0
    """Steps of the next epoch that are done; all of them where only its test is left."""
    loss: float = 0.0
    """Sum of the losses of the images those steps have seen."""
    num_errors: int = 0
    """How many of these were mistaken."""
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
    """The number of the session that wrote it, in the run's record."""
    version: str = __version__
    """The ctcdsl that wrote it."""
    path: Path = Path()
    """The folder it was read from."""

    @property
    def run(self) -> Path:
        """The folder of the run it belongs to."""
        return manifests.run_of(self.path)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The log of the epochs that are trained and tested."""
        return tuple(self.progress.rows)


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `folder`, which must not exist yet; whole or not at all.

    Raises `UserError` CTC608 where it cannot be written.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in checkpoint.model.items()}
    state = io.BytesIO()
    torch.save(
        {
            "identity": asdict(checkpoint.identity),
            "recipe": checkpoint.recipe.as_dict(),
            "statistics": asdict(checkpoint.statistics),
            "progress": asdict(checkpoint.progress),
            "optimizer": checkpoint.optimizer,
            "rng": checkpoint.rng,
            "session": checkpoint.session,
        },
        state,
    )
    files = {
        WEIGHTS: bytes(save_tensors(weights, metadata={"format": "pt"})),
        STATE: state.getvalue(),
    }
    progress = checkpoint.progress
    manifest = Manifest(
        format=manifests.FORMAT,
        version=checkpoint.version,
        network=checkpoint.identity.name,
        epoch=progress.epoch,
        step=progress.step,
        test_top1_error=(
            progress.rows[-1].test_top1_error if progress.rows and not progress.step else None
        ),
        files=manifests.describe_files(files),
    )
    write_folder_atomic(folder, {**files, manifests.MANIFEST: manifest.as_bytes()})


def load(path: Path, warn: Warn | None = None) -> Checkpoint:
    """The checkpoint at `path`, its tensors on the CPU. Runs no code from the files.

    `path` is a checkpoint's folder (or ``RUN/checkpoints/best``), or a run's: then the newest
    checkpoint that is whole is taken, and `warn` hears of newer ones that are not.

    Raises `UserError` CTC610 where there is none, or it is damaged, or no checkpoint of ctcdsl.
    """
    if manifests.is_checkpoint(path):
        return _read(path)
    run = manifests.run_of(path)
    numbers = manifests.numbers(run)
    if not numbers:
        raise _none(path)
    damaged: list[Diagnostic] = []
    for number in reversed(numbers):
        folder = run / manifests.FOLDER / manifests.folder_name(number)
        try:
            found = _read(folder)
        except UserError as error:
            damaged += error.diagnostics
            continue
        if warn is not None:
            for each in damaged:
                warn(_passed_over(each, found))
        return found
    raise UserError(*damaged)


def _read(folder: Path) -> Checkpoint:
    manifest, contents = manifests.read_verified(folder)
    path = folder / STATE
    try:
        state = torch.load(io.BytesIO(contents[STATE]), map_location="cpu", weights_only=True)
        rows = [Row(**row) for row in state["progress"].pop("rows")]
        found = Checkpoint(
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
        raise checkpoint_error(
            path, "this is no checkpoint of ctcdsl", "name the folder of a run of `ctcdsl train`"
        ) from None
    if found.progress.position != (manifest.epoch, manifest.step):
        message = "the manifest is of another checkpoint"
        raise checkpoint_error(folder, message, "take another checkpoint")
    return found


def restore_model(model: nn.Module, checkpoint: Checkpoint, path: Path) -> None:
    """Put the checkpoint's weights into `model`; CTC610 where they do not fit it."""
    try:
        model.load_state_dict(checkpoint.model)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
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
    """Put torch's generators back to the checkpoint's states."""
    processor, *accelerators = checkpoint.rng
    torch.set_rng_state(processor)
    if len(accelerators) == torch.cuda.device_count():  # else the machine is another one
        torch.cuda.set_rng_state_all(accelerators)


def _none(path: Path) -> UserError:
    if runs := manifests.runs_below(path):
        more = ", …" if len(runs) > _NAMED else ""
        return UserError(
            Diagnostic(
                code="CTC626",
                message=f"the folder is not a run, it holds {plural(len(runs), 'run')}",
                path=str(path),
                notes=(f"{', '.join(map(str, runs[:_NAMED]))}{more}",),
                hints=(f"name one of them, as in {shown(runs[0])}",),
            )
        )
    if (old := path / "checkpoint.pt").is_file() or (path.is_file() and path.suffix == ".pt"):
        message = "this is a checkpoint of an older ctcdsl, in one file, or none of ctcdsl"
        return checkpoint_error(
            old if path.is_dir() else path, message, "train anew: name a run's folder"
        )
    if path.exists() and not path.is_dir():
        return checkpoint_error(
            path, "this is a file, not the folder of a run", "name the run's folder"
        )
    hint = "name the folder of a run; `ctcdsl train` without --resume begins one"
    return checkpoint_error(path, "there is no checkpoint", hint)


def _passed_over(damaged: Diagnostic, found: Checkpoint) -> Diagnostic:
    return damaged._replace(
        code="CTC911",
        severity=Severity.WARNING,
        hints=(f"taken instead: {found.path}, {found.progress}",),
    )


def read_weights(path: str) -> dict[str, Tensor]:
    """The tensors of a file of weights, or those of a run's newest checkpoint.

    Raises:
        UserError: CTC409 where the file cannot be read, CTC610 where no checkpoint can.
    """
    if os.path.isdir(path):
        return load(Path(path)).model
    from ctcdsl.passes.weights.files import read_tensors

    return read_tensors(path)
