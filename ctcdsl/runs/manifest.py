"""The files of a checkpoint, and how one knows that they are whole.

A checkpoint is a folder ``RUN/checkpoints/000123``: the 123rd that the run wrote. Its manifest
holds sizes and SHA-256 sums of the other files, so a bit that flipped shows before it is trained
on. Folders are written under another name and renamed, so a folder of digits is one that was
finished. Nothing here needs torch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ctcdsl.text.diagnostic import Diagnostic, UserError

FOLDER, MANIFEST = "checkpoints", "manifest.json"
WEIGHTS, STATE = "weights.safetensors", "state.pt"
FORMAT = 2
"""1 was a single file of torch, ``checkpoint.pt``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a checkpoint says of itself without its weights being read."""

    format: int
    version: str
    """The ctcdsl that wrote it."""
    network: str
    epoch: int
    """Epochs that are trained and tested."""
    step: int
    """Steps of the next epoch that are done."""
    test_top1_error: float | None
    """By the test after `epoch`; None before the first and inside an epoch."""
    files: dict[str, tuple[int, str]]
    """Bytes and SHA-256 of each file."""

    def as_bytes(self) -> bytes:
        """The manifest as a file."""
        values = asdict(self)
        values["files"] = {
            name: {"bytes": size, "sha256": digest} for name, (size, digest) in self.files.items()
        }
        return (json.dumps(values, indent=2) + "\n").encode()


def describe_files(files: dict[str, bytes]) -> dict[str, tuple[int, str]]:
    """`Manifest.files` for these contents."""
    return {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()
    }


def folder_name(number: int) -> str:
    """The folder of a run's checkpoint `number`, counted from 1."""
    return f"{number:06}"


def numbers(run: Path) -> list[int]:
    """The numbers of the checkpoints of `run`, whole or not, oldest first."""
    try:
        names = [entry.name for entry in (run / FOLDER).iterdir()]
    except OSError:
        return []
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal())


def runs_below(folder: Path) -> list[Path]:
    """The runs one or two folders below `folder`, as `ctcdsl compare` leaves them."""
    found = [*folder.glob(f"*/{FOLDER}"), *folder.glob(f"*/*/{FOLDER}")]
    return sorted(path.parent for path in found if numbers(path.parent))


def is_checkpoint(path: Path) -> bool:
    """Whether `path` is a checkpoint's own folder rather than a run's."""
    return (path / MANIFEST).exists() or (path / WEIGHTS).exists()


def run_of(path: Path) -> Path:
    """The run's folder, given that, its folder of checkpoints, or one of those."""
    path = path.resolve() if path.is_symlink() else path
    if is_checkpoint(path):
        path = path.parent
    return path.parent if path.name == FOLDER and not (path / FOLDER).is_dir() else path


def read(folder: Path) -> Manifest:
    """The manifest of the checkpoint in `folder`. Raises `UserError` CTC610."""
    path = folder / MANIFEST
    try:
        values: dict[str, Any] = json.loads(_content(path))
        files = {
            str(name): (int(each["bytes"]), str(each["sha256"]))
            for name, each in values.pop("files").items()
        }
        manifest = Manifest(files=files, **values)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise checkpoint_error(
            path, "the manifest of the checkpoint is damaged", "take another checkpoint"
        ) from None
    if manifest.format != FORMAT:
        raise checkpoint_error(
            folder,
            f"the checkpoint has format {manifest.format}, this ctcdsl reads {FORMAT}",
            f"use ctcdsl {manifest.version}, which wrote it",
        )
    return manifest


def read_verified(folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest of `folder` and the files it names, as they were written.

    Raises `UserError` CTC610 naming the file that is missing, or is not what was written.
    """
    manifest = read(folder)
    contents = {}
    for name, (size, digest) in manifest.files.items():
        content = _content(folder / name)
        if len(content) != size:
            found = f"it has {len(content):,} bytes, {size:,} were written"
        elif hashlib.sha256(content).hexdigest() != digest:
            found = "its SHA-256 is not that of the manifest"
        else:
            contents[name] = content
            continue
        hint = "take another checkpoint: the folder of the run finds the newest that is whole"
        raise checkpoint_error(folder / name, "the checkpoint is damaged", hint, found)
    return manifest, contents


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except PermissionError:
        raise checkpoint_error(
            path, "no permission to read the checkpoint", "make it readable"
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise checkpoint_error(
            path, f"the checkpoint is not whole: {reason}", "take another checkpoint"
        ) from None


def checkpoint_error(path: Path, message: str, hint: str, *notes: str) -> UserError:
    """CTC610: what stands at `path` is of no use as a checkpoint."""
    return UserError(
        Diagnostic(code="CTC610", message=message, path=str(path), notes=notes, hints=(hint,))
    )
