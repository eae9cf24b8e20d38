"""Checkpoints: written whole or not at all, and refused where they do not belong."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, Self
from zipfile import BadZipFile, ZipFile

import torch
from torch import Tensor, nn

from ctcdsl import __version__
from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.text.files import write_whole
from ctcdsl.training.colour import Statistics
from ctcdsl.training.data import difference
from ctcdsl.training.recipe import Recipe

FILE = "checkpoint.pt"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which network weights belong to, and which classes its outputs mean."""

    name: str
    spec: str
    """The canonical text of the network."""
    digest: str
    """SHA-256 of `spec` in UTF-8, hexadecimal."""
    input: tuple[int, int, int]
    """Channels, height, width."""
    classes: tuple[str, ...]

    @classmethod
    def of(
        cls, *, name: str, spec: str, input: tuple[int, int, int], classes: tuple[str, ...]
    ) -> Self:
        """The identity with the digest of `spec`."""
        return cls(name, spec, hashlib.sha256(spec.encode()).hexdigest(), input, classes)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Checkpoint:
    """Training at the end of an epoch (0: before the first one)."""

    identity: ModelIdentity
    recipe: Recipe
    statistics: Statistics
    epoch: int
    model: dict[str, Any]
    """The model's state_dict."""
    optimizer: dict[str, Any]
    """The optimizer's state_dict."""
    rng: tuple[Tensor, ...]
    """States of torch's generators: the CPU's, then every GPU's."""
    version: str = __version__
    """The ctcdsl that wrote it."""


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path`; until that is done, what was there stays.

    Raises `UserError` CTC608 where it cannot be written.
    """
    content = {
        "format": _FORMAT,
        "version": checkpoint.version,
        "identity": asdict(checkpoint.identity),
        "recipe": checkpoint.recipe.as_dict(),
        "statistics": asdict(checkpoint.statistics),
        "epoch": checkpoint.epoch,
        "model": checkpoint.model,
        "optimizer": checkpoint.optimizer,
        "rng": checkpoint.rng,
    }

    def write(file: IO[bytes]) -> None:
        try:
            torch.save(content, file)
        except RuntimeError as error:
            # torch's zip writer hides what the file's write() raised behind an error of its own
            raise error.__context__ or error from None

    write_whole(path, write)


def load(path: Path) -> Checkpoint:
    """The checkpoint at `path`, its tensors on the CPU. Runs no code from the file.

    Raises `UserError` CTC610 where it is missing, damaged, or no checkpoint of ctcdsl.
    """
    try:
        with ZipFile(path) as archive:  # torch reads over a bit that flipped; the checksums tell
            if archive.testzip() is not None:
                raise BadZipFile
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise _unusable(path, "there is no checkpoint", "train first, without --resume") from None
    except IsADirectoryError:
        raise _unusable(path, "this is a directory", f"name the {FILE} in it") from None
    except PermissionError:
        raise _unusable(path, "no permission to read the checkpoint", "make it readable") from None
    except MemoryError:
        raise
    except Exception:  # arbitrary bytes: zip, pickle and torch each have errors of their own
        message = "this is no checkpoint, or it is damaged"
        raise _unusable(path, message, "take another copy, or train anew") from None
    try:
        if not isinstance(content, dict):
            raise TypeError
        if content["format"] != _FORMAT:
            raise _unusable(
                path,
                f"the checkpoint has format {content['format']}, this ctcdsl reads {_FORMAT}",
                f"use ctcdsl {content['version']}, which wrote it",
            )
        return Checkpoint(
            identity=ModelIdentity(**content["identity"]),
            recipe=Recipe.from_dict(content["recipe"]),
            statistics=Statistics(**content["statistics"]),
            epoch=content["epoch"],
            model=content["model"],
            optimizer=content["optimizer"],
            rng=content["rng"],
            version=content["version"],
        )
    except (KeyError, TypeError):
        message = "this is a file of torch, but no checkpoint of ctcdsl"
        raise _unusable(path, message, f"name the {FILE} of a run") from None


def require_identity(checkpoint: Checkpoint, expected: ModelIdentity, path: Path) -> None:
    """Raise `UserError` unless `checkpoint` is of the `expected` network and classes.

    CTC606: another spec, with both names and digests and the first line that differs.
    CTC607: other classes, with both counts and the first names that differ.
    """
    found = checkpoint.identity
    problems = []
    if found.digest != expected.digest:
        problems.append(
            Diagnostic(
                code="CTC606",
                message=(
                    f"the checkpoint is of another spec: {_short(found)}, not {_short(expected)}"
                ),
                path=str(path),
                notes=(_first_difference(found.spec, expected.spec),),
                hints=("take the spec it was trained with, or another run folder",),
            )
        )
    if found.classes != expected.classes:
        problems.append(
            Diagnostic(
                code="CTC607",
                message=(
                    f"the checkpoint knows {_count(found)}, the data has {_count(expected)}"
                    + (", and not the same ones" * (len(found.classes) == len(expected.classes)))
                ),
                path=str(path),
                notes=difference(found.classes, expected.classes, "the checkpoint", "the data"),
                hints=("take the data it was trained on, or train anew on this data",),
            )
        )
    if problems:
        raise UserError(*problems)


def restore_model(model: nn.Module, checkpoint: Checkpoint, path: Path) -> None:
    """Put the checkpoint's weights into `model`; CTC610 where they do not fit it."""
    try:
        model.load_state_dict(checkpoint.model)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        raise _unusable(
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


def _short(identity: ModelIdentity) -> str:
    return f"{identity.name} ({identity.digest[:12]})"


def _count(identity: ModelIdentity) -> str:
    count = len(identity.classes)
    return f"{count} class{'es' * (count != 1)}"


def _first_difference(found: str, expected: str) -> str:
    pairs = zip_longest(found.splitlines(), expected.splitlines())
    for number, (theirs, ours) in enumerate(pairs, start=1):
        if theirs != ours:
            return f"line {number}: checkpoint {_line(theirs)}, spec {_line(ours)}"
    return "the lines are the same, their ends differ"


def _line(text: str | None) -> str:
    return "ends before it" if text is None else f"`{text}`"


def _unusable(path: Path, message: str, hint: str, *notes: str) -> UserError:
    return UserError(
        Diagnostic(code="CTC610", message=message, path=str(path), notes=notes, hints=(hint,))
    )
