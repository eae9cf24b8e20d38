"""Callbacks: what training, evaluation and comparison report as they go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ctcdsl.checking import Network
from ctcdsl.runs.log import Row
from ctcdsl.text.diagnostic import Diagnostic

if TYPE_CHECKING:
    from ctcdsl.execution.autotune import ExecutionConfig, Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStarted:
    """What is to be trained, on which images and where."""

    epochs: int
    first_epoch: int
    """1, or in a resumed run the epoch after the checkpoint's."""
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
    """One step; epochs and steps are counted from 1."""

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


class Callback:
    """Base class of callbacks: each method does nothing; override those you need.

    They run in the thread that called `train`, `evaluate` or `compare`, and should return
    quickly. Of several processes only the main one calls them, except `on_image_replaced`. An
    exception in a callback ends the training at its last checkpoint.
    """

    def on_note(self, text: str) -> None:
        """A choice that was made for the user, such as the size of the input."""

    def on_warning(self, warning: Diagnostic) -> None:
        """Work continues; `warning.severity` is a warning or a note."""

    def on_run_opened(self, network: Network, folder: Path) -> None:
        """The run in `folder` starts or resumes; `network` fits its images."""

    def on_reading(self, done: int, total: int) -> None:
        """Images are read to identify them when the run is resumed."""

    def on_statistics(self, done: int, total: int) -> None:
        """So many images of the sample are in the colour statistics."""

    def on_tuning_started(self, network: Network, task: str, device: str) -> None:
        """Configurations are about to be timed; `task` is ``train`` or ``evaluate``."""

    def on_trial(self, config: ExecutionConfig) -> None:
        """A configuration is about to be timed."""

    def on_tuned(self, trials: Sequence[Measurement], chosen: ExecutionConfig | None) -> None:
        """All configurations are timed; None if none works."""

    def on_training_started(self, event: TrainingStarted) -> None:
        """Training starts or resumes."""

    def on_step(self, step: StepEnded) -> None:
        """A step is done."""

    def on_image_replaced(self, name: str, reason: str) -> None:
        """A training image is unreadable, and the next one replaces it."""

    def on_validation(self, done: int, total: int) -> None:
        """So many images of the test after an epoch, or of an evaluation, are done."""

    def on_epoch_end(self, row: Row) -> None:
        """An epoch is trained, tested, logged and saved."""

    def on_training_end(self) -> None:
        """Training is over, also by an error or an interrupt."""

    def on_comparison_started(self, folder: Path, states: Sequence[str], networks: int) -> None:
        """A state for each run of the comparison in `folder`: new, started or finished."""

    def on_seed_run(self, title: str, resumes: bool) -> None:
        """A run of a comparison starts or resumes; `title` has network, seed and number."""

    def on_seed_run_failed(self, failure: Diagnostic) -> None:
        """A run of a comparison failed; the others continue."""


class CallbackList(Callback):
    """Calls several callbacks in their order; outside the main process only what it cannot know."""

    def __init__(self, callbacks: Iterable[Callback], *, is_main: bool = True) -> None:
        if not isinstance(callbacks, Iterable):
            raise TypeError(f"callbacks is {callbacks!r}: give a list of ctcdsl.Callback")
        self.callbacks = tuple(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"{callback!r} is not a ctcdsl.Callback")
        self.is_main = is_main


def _call_all(name: str) -> Callable[..., None]:
    def call(self: CallbackList, *arguments: object) -> None:
        if self.is_main or name == "on_image_replaced":
            for callback in self.callbacks:
                getattr(callback, name)(*arguments)

    return call


for _name in [name for name in vars(Callback) if name.startswith("on_")]:
    setattr(CallbackList, _name, _call_all(_name))
