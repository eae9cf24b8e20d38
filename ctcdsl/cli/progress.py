"""Training and testing as they go, on standard error: a bar on a terminal, else a line an epoch."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from ctcdsl.text import Diagnostic
from ctcdsl.text.render import render
from ctcdsl.training.log import Row
from ctcdsl.training.report import Plan, Step

_PULSE = 15.0
"""Seconds between lines where there is no terminal to draw a bar on."""


class _Said(ProgressColumn):
    """What the current work says of itself."""

    def render(self, task: Task) -> Text:
        """Return the task's own text."""
        return Text(str(task.fields.get("said", "")))


class Display:
    """A `Reporter` for people; a context manager, since a bar must be taken down."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            _Said(),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._tested_on = "test"
        self._next_line = time.monotonic() + _PULSE

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def measuring(self, done: int, total: int) -> None:
        """Show how far the colour statistics are."""
        self._show("mean and colours", done, total, f"{done}/{total} images")

    def started(self, plan: Plan) -> None:
        """Say what will be done."""
        self._tested_on = plan.tested_on
        self._line(
            f"{plan.training_images} training images, {plan.test_images} {plan.tested_on} images,"
            f" {plan.classes} classes; {count(plan.epochs, 'epoch')} of"
            f" {count(plan.steps, 'step')} on {plan.device}" + _from(plan)
        )

    def stepped(self, step: Step) -> None:
        """Show loss, speed, waiting and the time left."""
        self._show(
            f"epoch {step.epoch}/{step.epochs}",
            step.step,
            step.steps,
            f"step {step.step}/{step.steps}  loss {step.loss:.3f}"
            f"  {step.images_per_second:.0f} img/s  data wait {100 * step.data_wait:.0f}%"
            f"  {_duration(step.seconds_left)} left",
        )

    def working(self, title: str, done: int, total: int) -> None:
        """Show how far another piece of work on images is."""
        self._show(title, done, total, f"{done}/{total} images")

    def left_out(self, name: str, reason: str) -> None:
        """Warn of an image that a pack goes without."""
        self._line(f"warning: {name} is left out: {reason}")

    def replaced(self, name: str, reason: str) -> None:
        """Warn of an image that cannot be read."""
        self._line(f"warning: {name} is left out, the next image takes its place: {reason}")

    def testing(self, done: int, total: int) -> None:
        """Show how far the test is."""
        self._show("testing", done, total, f"{done}/{total} images")

    def epoch_ended(self, row: Row) -> None:
        """Print a line that stays."""
        self._line(
            f"epoch {row.epoch:3}  rate {row.learning_rate:g}  loss {row.train_loss:.3f}"
            f"  {self._tested_on} loss {row.test_loss:.3f}"
            f"  top-1 error {100 * row.test_top1_error:.1f}%"
            f"  {row.images_per_second:.0f} img/s  data wait {100 * row.data_wait:.0f}%"
            f"  {_duration(row.seconds)}"
        )

    def warned(self, warning: Diagnostic) -> None:
        """Print a warning."""
        self._line(render(warning))

    def _show(self, title: str, done: int, total: int, said: str) -> None:
        if not self._console.is_terminal:
            if time.monotonic() >= self._next_line:
                self._line(f"{title}  {said}")
            return
        if self._task is None:
            self._task = self._progress.add_task(title, total=total)
        self._progress.update(self._task, description=title, completed=done, total=total, said=said)

    def _line(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False)
        self._next_line = time.monotonic() + _PULSE


def count(number: int, word: str) -> str:
    """Return `1 epoch`, `2 epochs`."""
    return f"{number} {word}{'s' * (number != 1)}"


def _from(plan: Plan) -> str:
    """Where a resumed run goes on."""
    if plan.first_step > plan.steps:
        return f", from the test after epoch {plan.first_epoch}"
    if plan.first_step > 1:
        return f", from epoch {plan.first_epoch}, step {plan.first_step}"
    return f", from epoch {plan.first_epoch}" if plan.first_epoch > 1 else ""


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
