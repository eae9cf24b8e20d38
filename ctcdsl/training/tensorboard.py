"""TensorBoard's view of a run, where its package is installed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from ctcdsl.execution.events import NullCallback, StepEnded, TrainingStarted
from ctcdsl.runs.log import Row
from ctcdsl.text.diagnostic import Diagnostic, UserError

FOLDER = "tensorboard"


class TensorBoard(NullCallback):
    """A `Callback` that writes events to the folder ``tensorboard`` of a run.

    Every step has loss, learning rate and speed, every epoch its row of the log. Of a resumed
    run, events after the step it goes on from are dropped by TensorBoard itself.

    Raises `UserError` CTC615 where the package is missing.
    """

    def __init__(self, run: Path) -> None:
        try:
            self._module: Any = import_module("torch.utils.tensorboard")
        except ImportError:
            raise UserError(
                Diagnostic(
                    code="CTC615",
                    message="--tensorboard needs the package tensorboard, which is not installed",
                    hints=("pip install 'ctcdsl[tensorboard]', or leave the option out",),
                )
            ) from None
        self._folder = run / FOLDER
        self._writer: Any = None
        self._steps, self._tested_on = 0, "test"

    def on_training_started(self, plan: TrainingStarted) -> None:
        """Open the file of events."""
        self._steps, self._tested_on = plan.steps, plan.tested_on
        first = (plan.first_epoch - 1) * plan.steps + plan.first_step
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

    def close(self) -> None:
        """Close the file of events, if one was opened."""
        if self._writer is not None:
            self._writer.close()
