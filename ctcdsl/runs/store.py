"""The checkpoints in the folder of a run: where they are, that they are intact, which are kept.

A checkpoint is a folder ``RUN/checkpoints/000123``: the 123rd that the run wrote. Its manifest
has sizes and SHA-256 sums of the other files, so that a flipped bit is found before it is trained
on. Folders are written under another name and renamed, so a folder of digits is complete. Nothing
here needs torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from glob import glob
from pathlib import Path
from typing import Any, Protocol

from ctcdsl.storage.atomic import remove_folder, remove_stale, write_folder_atomic
from ctcdsl.text import UserError, error, reason

FOLDER, MANIFEST, BEST = "checkpoints", "manifest.json", "best"
"""The folder of the checkpoints; the manifest of one; the link to the best one."""
WEIGHTS, STATE = "weights.safetensors", "state.pt"
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a checkpoint says of itself without its weights being read."""

    format: int = FORMAT
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

    def to_bytes(self) -> bytes:
        """The manifest as a file."""
        values = asdict(self)
        values["files"] = {
            name: {"bytes": size, "sha256": digest} for name, (size, digest) in self.files.items()
        }
        return (json.dumps(values, indent=2) + "\n").encode()


class Writable(Protocol):
    """What a store writes: a `checkpoint.Checkpoint`."""

    def to_files(self) -> Mapping[str, bytes]:
        """Contents by file name, the manifest among them."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The last checkpoint of a run."""

    where: str
    """As in "epoch 3, step 20"."""
    path: Path

    @property
    def run(self) -> Path:
        """The folder of the run."""
        return self.path.parent.parent

    def __str__(self) -> str:
        return f"the last checkpoint is of {self.where}: {self.path}"


@dataclass(frozen=True, slots=True)
class CheckpointStore:
    """The last `keep` checkpoints of `run`, and the best by its test's top-1 error."""

    run: Path
    keep: int

    def add(self, checkpoint: Writable) -> Path:
        """Write one more, then remove those that need not be kept.

        Numbers only grow, so a damaged one is never overwritten. Raises `UserError` CTC608.
        """
        folder = folder_of(self.run, max(numbers(self.run), default=0) + 1)
        write_folder_atomic(folder, checkpoint.to_files())
        present = numbers(self.run)
        best = self._best(present)
        if best is not None:
            self._link(best)
        for number in present[: -self.keep]:
            if number != best:
                remove_folder(folder_of(self.run, number))
        return folder

    def remove_stale(self) -> None:
        """Remove what a killed process left half-written."""
        remove_stale(self.run / FOLDER)

    def clear(self) -> None:
        """Remove all: the run starts again from the beginning."""
        for number in numbers(self.run):
            remove_folder(folder_of(self.run, number))
        with contextlib.suppress(OSError):
            (self.run / FOLDER / BEST).unlink()

    def _best(self, candidates: list[int]) -> int | None:
        """The number of the lowest test error, of equal ones the latest."""
        errors = []
        for number in candidates:
            with contextlib.suppress(UserError):  # a damaged one is not the best
                manifest = read_manifest(folder_of(self.run, number))
                if manifest.test_top1_error is not None:
                    errors.append((manifest.test_top1_error, -number))
        return -min(errors)[1] if errors else None

    def _link(self, number: int) -> None:
        """Let the link `best` lead to `number`, where the file system has links."""
        target = folder_of(self.run, number).name
        link = self.run / FOLDER / BEST
        temporary = link.with_name(f".{BEST}.{os.getpid()}.tmp")
        with contextlib.suppress(OSError):
            if not link.is_symlink() or os.readlink(link) != target:
                os.symlink(target, temporary)
                os.replace(temporary, link)


def folder_of(run: Path, number: int) -> Path:
    """The folder of the checkpoint `number` of `run`, counted from 1."""
    return run / FOLDER / f"{number:06}"


def numbers(run: Path) -> list[int]:
    """The numbers of the checkpoints of `run`, intact or not, oldest first."""
    try:
        names = os.listdir(run / FOLDER)
    except OSError:
        return []
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal())


def runs_below(folder: Path) -> list[Path]:
    """The runs one or two folders below `folder`, as `ctcdsl compare` makes them."""
    paths = [path for depth in ("*", "*/*") for path in glob(f"{depth}/{FOLDER}", root_dir=folder)]
    runs = sorted(folder / os.path.dirname(path) for path in paths)
    return [run for run in runs if numbers(run)]


def is_checkpoint(path: Path) -> bool:
    """Whether `path` is a checkpoint's own folder rather than a run's."""
    return os.path.exists(path / MANIFEST) or os.path.exists(path / WEIGHTS)


def run_of(path: Path) -> Path:
    """The run's folder, from that, its folder of checkpoints, or one of those."""
    path = path.resolve() if os.path.islink(path) else path
    if is_checkpoint(path):
        path = path.parent
    return path.parent if path.name == FOLDER and not os.path.isdir(path / FOLDER) else path


def describe_files(files: Mapping[str, bytes]) -> dict[str, tuple[int, str]]:
    """`Manifest.files` for these contents."""
    return {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()
    }


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the checkpoint in `folder`. Raises `UserError` CTC610."""
    path = folder / MANIFEST
    try:
        values: dict[str, Any] = json.loads(_read(path))
        files = {
            str(name): (int(entry["bytes"]), str(entry["sha256"]))
            for name, entry in values.pop("files").items()
        }
        manifest = Manifest(files=files, **values)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise checkpoint_error(path, "the manifest of the checkpoint is damaged") from None
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
    manifest = read_manifest(folder)
    contents = {name: _read(folder / name) for name in manifest.files}
    for name, actual in describe_files(contents).items():
        size = manifest.files[name][0]
        if actual != manifest.files[name]:
            raise checkpoint_error(
                folder / name,
                "the checkpoint is damaged",
                "take another checkpoint: the folder of the run finds the newest intact one",
                f"it has {actual[0]:,} bytes, {size:,} were written"
                if actual[0] != size
                else "its SHA-256 is not that of the manifest",
            )
    return manifest, contents


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except PermissionError:
        message, hint = "no permission to read the checkpoint", "make it readable"
        raise checkpoint_error(path, message, hint) from None
    except OSError as cause:
        raise checkpoint_error(path, f"the checkpoint is incomplete: {reason(cause)}") from None


def checkpoint_error(
    path: Path, message: str, hint: str = "take another checkpoint", *notes: str
) -> UserError:
    """CTC610: what is at `path` cannot be used as a checkpoint."""
    return error("CTC610", message, path=path, notes=notes, hint=hint)
