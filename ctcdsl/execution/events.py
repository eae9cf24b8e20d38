"""What training tells whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ctcdsl.runs.log import Row
from ctcdsl.text.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStarted:
    """What lies ahead, said once when training begins."""

    epochs: int
    first_epoch: int
    """1, or the epoch after the checkpoint's in a resumed run."""
    first_step: int
    """1, or the step after the checkpoint's."""
    steps: int
    """Steps in an epoch."""
    training_images: int
    test_images: int
    tested_on: str = "test"
    """The split that the network is tested on after each epoch."""
    classes: int
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded:
    """One step done: epochs and steps are counted from 1."""

    epoch: int
    epochs: int
    step: int
    steps: int
    learning_rate: float
    loss: float
    """Mean cross entropy of the step's batch, in nats."""
    images_per_second: float
    """Over the last steps."""
    data_wait: float
    """Share of the time spent waiting for images, 0 to 1, over the last steps."""
    seconds_left: float
    """Estimate for all that is left, tests included."""


class Callback(Protocol):
    """Hears of training and testing as they go; each call returns quickly."""

    def on_statistics(self, done: int, total: int) -> None:
        """So many images of the sample have gone into the colour statistics."""

    def on_training_started(self, plan: TrainingStarted) -> None:
        """Training begins, or goes on."""

    def on_step(self, step: StepEnded) -> None:
        """A step is done."""

    def on_image_replaced(self, name: str, reason: str) -> None:
        """A training image cannot be read, and the next one took its place."""

    def on_validation(self, done: int, total: int) -> None:
        """So many test images are done."""

    def on_epoch_end(self, row: Row) -> None:
        """An epoch is trained, tested, logged and saved."""

    def on_warning(self, warning: Diagnostic) -> None:
        """Training goes on, but there is something to be known."""


class NullCallback:
    """A `Callback` that says nothing."""

    def on_statistics(self, done: int, total: int) -> None:
        """Nothing."""

    def on_training_started(self, plan: TrainingStarted) -> None:
        """Nothing."""

    def on_step(self, step: StepEnded) -> None:
        """Nothing."""

    def on_image_replaced(self, name: str, reason: str) -> None:
        """Nothing."""

    def on_validation(self, done: int, total: int) -> None:
        """Nothing."""

    def on_epoch_end(self, row: Row) -> None:
        """Nothing."""

    def on_warning(self, warning: Diagnostic) -> None:
        """Nothing."""


class Follower(NullCallback):
    """A `Callback` for all but the first of several processes: what they alone know is said."""

    def __init__(self, other: Callback) -> None:
        self._other = other

    def on_image_replaced(self, name: str, reason: str) -> None:
        """Hand it on: each process reads images of its own."""
        self._other.on_image_replaced(name, reason)


class CallbackList:
    """A `Callback` that tells others, in their order."""

    def __init__(self, *others: Callback) -> None:
        self._others = others

    def on_statistics(self, done: int, total: int) -> None:
        """Hand it on."""
        for each in self._others:
            each.on_statistics(done, total)

    def on_training_started(self, plan: TrainingStarted) -> None:
        """Hand it on."""
        for each in self._others:
            each.on_training_started(plan)

    def on_step(self, step: StepEnded) -> None:
        """Hand it on."""
        for each in self._others:
            each.on_step(step)

    def on_image_replaced(self, name: str, reason: str) -> None:
        """Hand it on."""
        for each in self._others:
            each.on_image_replaced(name, reason)

    def on_validation(self, done: int, total: int) -> None:
        """Hand it on."""
        for each in self._others:
            each.on_validation(done, total)

    def on_epoch_end(self, row: Row) -> None:
        """Hand it on."""
        for each in self._others:
            each.on_epoch_end(row)

    def on_warning(self, warning: Diagnostic) -> None:
        """Hand it on."""
        for each in self._others:
            each.on_warning(warning)
