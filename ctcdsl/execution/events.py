"""What training tells whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ctcdsl.runs.log import Row
from ctcdsl.text.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
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
class Step:
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


class Reporter(Protocol):
    """Hears of training and testing as they go; each call returns quickly."""

    def measuring(self, done: int, total: int) -> None:
        """So many images of the sample have gone into the colour statistics."""

    def started(self, plan: Plan) -> None:
        """Training begins, or goes on."""

    def stepped(self, step: Step) -> None:
        """A step is done."""

    def replaced(self, name: str, reason: str) -> None:
        """A training image cannot be read, and the next one took its place."""

    def testing(self, done: int, total: int) -> None:
        """So many test images are done."""

    def epoch_ended(self, row: Row) -> None:
        """An epoch is trained, tested, logged and saved."""

    def warned(self, warning: Diagnostic) -> None:
        """Training goes on, but there is something to be known."""


class Silent:
    """A `Reporter` that says nothing."""

    def measuring(self, done: int, total: int) -> None:
        """Nothing."""

    def started(self, plan: Plan) -> None:
        """Nothing."""

    def stepped(self, step: Step) -> None:
        """Nothing."""

    def replaced(self, name: str, reason: str) -> None:
        """Nothing."""

    def testing(self, done: int, total: int) -> None:
        """Nothing."""

    def epoch_ended(self, row: Row) -> None:
        """Nothing."""

    def warned(self, warning: Diagnostic) -> None:
        """Nothing."""


class Follower(Silent):
    """A `Reporter` for all but the first of several processes: what they alone know is said."""

    def __init__(self, other: Reporter) -> None:
        self._other = other

    def replaced(self, name: str, reason: str) -> None:
        """Hand it on: each process reads images of its own."""
        self._other.replaced(name, reason)


class Several:
    """A `Reporter` that tells others, in their order."""

    def __init__(self, *others: Reporter) -> None:
        self._others = others

    def measuring(self, done: int, total: int) -> None:
        """Hand it on."""
        for each in self._others:
            each.measuring(done, total)

    def started(self, plan: Plan) -> None:
        """Hand it on."""
        for each in self._others:
            each.started(plan)

    def stepped(self, step: Step) -> None:
        """Hand it on."""
        for each in self._others:
            each.stepped(step)

    def replaced(self, name: str, reason: str) -> None:
        """Hand it on."""
        for each in self._others:
            each.replaced(name, reason)

    def testing(self, done: int, total: int) -> None:
        """Hand it on."""
        for each in self._others:
            each.testing(done, total)

    def epoch_ended(self, row: Row) -> None:
        """Hand it on."""
        for each in self._others:
            each.epoch_ended(row)

    def warned(self, warning: Diagnostic) -> None:
        """Hand it on."""
        for each in self._others:
            each.warned(warning)
