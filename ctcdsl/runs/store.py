"""The checkpoints of a run: one more, the best of them, and which are kept."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs.checkpoint import Checkpoint
from ctcdsl.runs.manifest import FOLDER, folder_name, numbers, read
from ctcdsl.storage.atomic import remove_folder, remove_stale
from ctcdsl.text.diagnostic import UserError

BEST = "best"
"""The name of the link beside the checkpoints that leads to the best one."""


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

    @property
    def folder(self) -> Path:
        """Where they stand."""
        return self.run / FOLDER

    def folder_of(self, number: int) -> Path:
        """The folder of checkpoint `number`."""
        return self.folder / folder_name(number)

    def add(self, checkpoint: Checkpoint) -> Path:
        """Write one more, and remove what need not be kept; older ones go last.

        Numbers only grow, so a damaged one is never written over. Raises `UserError` CTC608.
        """
        number = max(numbers(self.run), default=0) + 1
        checkpoints.write(self.folder_of(number), checkpoint)
        found = numbers(self.run)
        best = self._best(found)
        if best is not None:
            self._link(best)
        kept = {*found[-self.keep :], best}
        for each in found:
            if each not in kept:
                remove_folder(self.folder_of(each))
        return self.folder_of(number)

    def remove_stale(self) -> None:
        """Remove what a killed process left half-written."""
        remove_stale(self.folder)

    def clear(self) -> None:
        """Remove all: the run begins anew."""
        for number in numbers(self.run):
            remove_folder(self.folder_of(number))
        with contextlib.suppress(OSError):
            (self.folder / BEST).unlink()

    def _best(self, among: list[int]) -> int | None:
        """The number of the lowest test error, of equal ones the latest."""
        errors = []
        for number in among:
            with contextlib.suppress(UserError):  # a damaged one is not the best
                if (error := read(self.folder_of(number)).test_top1_error) is not None:
                    errors.append((error, -number))
        return -min(errors)[1] if errors else None

    def _link(self, number: int) -> None:
        """Let `best` lead to `number`, where the file system has links."""
        link, fresh = self.folder / BEST, self.folder / f".{BEST}.{os.getpid()}.tmp"
        with contextlib.suppress(OSError):
            if not link.is_symlink() or os.readlink(link) != folder_name(number):
                os.symlink(folder_name(number), fresh)
                os.replace(fresh, link)
