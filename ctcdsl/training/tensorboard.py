"""TensorBoard's view of a run, where its package is installed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from ctcdsl.checking import Network
from ctcdsl.execution.events import Callback, StepEnded, TrainingStarted
from ctcdsl.runs.log import Row
from ctcdsl.text import error

FOLDER = "tensorboard"


class TensorBoard(Callback):
    """Writes events to the folder ``tensorboard`` of a run.

    Every step has loss, learning rate and speed, every epoch its row of the log. Of a resumed
    run, events after the step it resumes from are dropped by TensorBoard itself.

    Raises `UserError` CTC615 where the package is missing.
    """

    def __init__(self) -> None:
        try:
            self._module: Any = import_module("torch.utils.tensorboard")
        except ImportError:
            raise error(
                "CTC615",
                "--tensorboard needs the package tensorboard, which is not installed",
                hint="pip install 'ctcdsl[tensorboard]', or leave the option out",
            ) from None
        self._folder = Path(FOLDER)
        self._writer: Any = None
        self._steps, self._tested_on = 0, "test"

    def on_run_opened(self, network: Network, folder: Path) -> None:
        """Remember where the run is."""
        self._folder = folder / FOLDER

    def on_training_started(self, event: TrainingStarted) -> None:
        """Open the file of events."""
        self._steps, self._tested_on = event.steps, event.tested_on
        first = (event.first_epoch - 1) * event.steps + event.first_step
        self._writer = self._module.SummaryWriter(
            log_dir=str(self._folder), purge_step=first if first > 1 else None
        )

    def on_step(self, step: StepEnded) -> None:
        """Write a step."""
        at = (step.epoch - 1) * self._steps + step.step
        for name, value in (
            ("step/loss", step.loss),
            ("step/learning rate", step.learning_rate),
            ("step/images per second", step.images_per_second),
            ("step/data wait", step.data_wait),
        ):
            self._writer.add_scalar(name, value, at)

    def on_epoch_end(self, row: Row) -> None:
        """Write an epoch, at the step it ended with."""
        for name, value in (
            ("train/loss", row.train_loss),
            ("train/top-1 error", row.train_top1_error),
            (f"{self._tested_on}/loss", row.test_loss),
            (f"{self._tested_on}/top-1 error", row.test_top1_error),
            (f"{self._tested_on}/top-5 error", row.test_top5_error),
        ):
            self._writer.add_scalar(name, value, row.steps)
        self._writer.flush()

    def on_training_end(self) -> None:
        """Close the file of events, if one was opened."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
