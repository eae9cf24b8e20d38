"""Small things to train on, with, and to listen by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from ctcdsl.execution.events import Callback, StepEnded, TrainingStarted
from ctcdsl.images.decode import Pixels, decode, read_file
from ctcdsl.recipe import Recipe, Schedule
from ctcdsl.runs.identity import ModelIdentity
from ctcdsl.runs.log import Row
from ctcdsl.text.diagnostic import Diagnostic, UserError

torch.set_num_threads(1)  # on nets this small, threads do little but wait for one another

CLASSES = ("amber", "blue", "cyan")
_COLOURS = ((200, 120, 20), (30, 40, 190), (20, 170, 180), (120, 120, 120), (220, 30, 90))


@dataclass(frozen=True)
class Blots:
    """Noisy images whose mean colour tells their class; made from their index, in memory."""

    classes: tuple[str, ...] = CLASSES
    each: int = 8
    size: tuple[int, int] = (20, 16)
    seed: int = 0

    def __len__(self) -> int:
        return len(self.classes) * self.each

    def label(self, index: int) -> int:
        return index % len(self.classes)

    def pixels(self, index: int) -> Pixels:
        return np.array(blot(self.label(index), self.size, self.seed + index))

    def name(self, index: int) -> str:
        return f"blot {index}"


def decode_file(path: Path) -> Pixels:
    return decode(read_file(path), str(path))


def blot(label: int, size: tuple[int, int], seed: int) -> Image.Image:
    width, height = size
    noise = np.random.default_rng(seed).normal(0, 25, (height, width, 3))
    return Image.fromarray(np.clip(_COLOURS[label] + noise, 0, 255).astype(np.uint8))


def write_folder_atomic(
    root: Path, each: int = 3, classes: Sequence[str] = CLASSES, size: tuple[int, int] = (20, 16)
) -> Path:
    """Write ``root/CLASS/N.jpg``."""
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(each):
            blot(label, size, 100 * label + number).save(root / name / f"{number}.jpg")
    return root


def tiny_net(classes: int = len(CLASSES), side: int = 12, dropout: float = 0.5) -> nn.Module:
    """Convolution, pool, dropout, fc: (N, 3, side, side) to (N, classes)."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(6 * (side // 2) ** 2, classes),
    )


def identity(
    classes: tuple[str, ...] = CLASSES, side: int = 12, spec: str = "(3,6) 2/2 drop(0.5) fc\n"
) -> ModelIdentity:
    return ModelIdentity.of(name="tiny", spec=spec, input=(3, side, side), classes=classes)


def tiny_recipe(epochs: int = 3, rate: float = 0.02, **others: object) -> Recipe:
    values = {"batch": 7, "seed": 5, "schedule": Schedule(((epochs, rate),)), **others}
    return Recipe.from_dict({**Recipe().as_dict(), **values, "schedule": str(values["schedule"])})


@dataclass
class Recorder(Callback):
    """A callback that remembers, and that calls `after_step` if there is one."""

    after_step: Callable[[StepEnded], object] | None = None
    plans: list[TrainingStarted] = field(default_factory=list)
    steps: list[StepEnded] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    measured: list[tuple[int, int]] = field(default_factory=list)
    tested: list[tuple[int, int]] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)

    def on_statistics(self, done: int, total: int) -> None:
        self.measured.append((done, total))

    def on_training_started(self, event: TrainingStarted) -> None:
        self.plans.append(event)

    def on_step(self, step: StepEnded) -> None:
        self.steps.append(step)
        if self.after_step is not None:
            self.after_step(step)

    def on_image_replaced(self, name: str, reason: str) -> None:
        self.bad.append((name, reason))

    def on_validation(self, done: int, total: int) -> None:
        self.tested.append((done, total))

    def on_epoch_end(self, row: Row) -> None:
        self.rows.append(row)

    def on_warning(self, warning: Diagnostic) -> None:
        self.warnings.append(warning)


@contextmanager
def refused(*codes: str) -> Iterator[list[Diagnostic]]:
    """The body raises a `UserError` of just these codes; afterwards the list holds them."""
    found: list[Diagnostic] = []
    try:
        yield found
    except UserError as error:
        found += error.diagnostics
    assert [each.code for each in found] == list(codes), found
    for each in found:
        assert each.hints, f"{each.code} does not say what to do"


def said(diagnostic: Diagnostic) -> str:
    """Everything a user reads of a diagnostic, in one text."""
    return "\n".join(
        (diagnostic.message, diagnostic.path or "", *diagnostic.notes, *diagnostic.hints)
    )
