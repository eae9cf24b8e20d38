"""Training and testing as they go, on standard error: a bar on a terminal, else a line an epoch."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from ctcdsl.cli.fitting import Fact, fit
from ctcdsl.execution.events import StepEnded, TrainingStarted
from ctcdsl.runs.log import Row
from ctcdsl.text import Diagnostic
from ctcdsl.text.plural import plural
from ctcdsl.text.render import render

_NO_TERMINAL = 80
"""Columns of a line where there is no terminal to be as wide as."""
_SLOW_DATA = 0.05
"""Share of the time spent waiting for images from which on it matters more than the speed."""
_PULSE = 15.0
"""Seconds between lines where there is no terminal to draw a bar on."""


class _Said(ProgressColumn):
    """What the current work says of itself."""

    def render(self, task: Task) -> Text:
        """Return the task's own text."""
        return Text(str(task.fields.get("said", "")))


class Display:
    """A `Callback` for people; a context manager, since a bar must be taken down."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        width = self._console.width
        self._bar = 24 if width >= 100 else 10 if width >= 60 else 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            *([BarColumn(self._bar)] if self._bar else []),
            _Said(table_column=Column(no_wrap=True)),
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

    def on_statistics(self, done: int, total: int) -> None:
        """Show how far the colour statistics are."""
        self.working("mean and colours", done, total)

    def on_training_started(self, plan: TrainingStarted) -> None:
        """Say what will be done."""
        self._tested_on = plan.tested_on
        self._line(
            f"{plural(plan.training_images, 'training image')},"
            f" {plural(plan.test_images, f'{plan.tested_on} image')},"
            f" {plural(plan.classes, 'class')}; {plural(plan.epochs, 'epoch')} of"
            f" {plural(plan.steps, 'step')} on {plan.device}" + _from(plan)
        )

    def on_step(self, step: StepEnded) -> None:
        """Show loss, speed, waiting and the time left."""
        self._show(
            f"epoch {step.epoch}/{step.epochs}",
            step.step,
            step.steps,
            Fact(f"step {step.step}/{step.steps}"),
            Fact(f"loss {step.loss:.3f}", 1),
            Fact(f"{step.images_per_second:.0f} img/s", 3),
            Fact(f"data wait {100 * step.data_wait:.0f}%", 4),
            Fact(f"{_duration(step.seconds_left)} left", 2),
        )

    def working(self, title: str, done: int, total: int) -> None:
        """Show how far another piece of work on images is."""
        self._show(title, done, total, Fact(f"{done}/{total} images"))

    def left_out(self, name: str, reason: str) -> None:
        """Warn of an image that a pack goes without."""
        self._line(f"warning: {name} is left out: {reason}")

    def on_image_replaced(self, name: str, reason: str) -> None:
        """Warn of an image that cannot be read."""
        self._line(f"warning: {name} is left out, the next image takes its place: {reason}")

    def on_validation(self, done: int, total: int) -> None:
        """Show how far the test is."""
        self.working("testing", done, total)

    def on_epoch_end(self, row: Row) -> None:
        """Print a line that stays."""
        self._fitted(
            Fact(f"epoch {row.epoch:3}"),
            Fact(f"rate {row.learning_rate:g}", 7),  # log.csv has all of it
            Fact(f"loss {row.train_loss:.3f}", 2),
            Fact(f"{self._tested_on} loss {row.test_loss:.3f}", 3),
            Fact(f"top-1 error {100 * row.test_top1_error:.1f}%"),
            Fact(f"{row.images_per_second:.0f} img/s", 6 if row.data_wait >= _SLOW_DATA else 4),
            Fact(f"data wait {100 * row.data_wait:.0f}%", 4 if row.data_wait >= _SLOW_DATA else 6),
            Fact(_duration(row.seconds), 5),
        )

    def on_warning(self, warning: Diagnostic) -> None:
        """Print a warning."""
        self._line(render(warning))

    def _show(self, title: str, done: int, total: int, *facts: Fact) -> None:
        if not self._console.is_terminal:
            if time.monotonic() >= self._next_line:
                self._fitted(Fact(title), *facts)
            return
        columns = (len(title), self._bar) if self._bar else (len(title),)
        said = fit(facts, self._console.width - sum(columns) - len(columns))
        if self._task is None:
            self._task = self._progress.add_task(title, total=total)
        self._progress.update(self._task, description=title, completed=done, total=total, said=said)

    def _fitted(self, *facts: Fact) -> None:
        width = self._console.width if self._console.is_terminal else _NO_TERMINAL
        self._line(fit(facts, width))

    def _line(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False)
        self._next_line = time.monotonic() + _PULSE


def _from(plan: TrainingStarted) -> str:
    """Where a resumed run continues."""
    if plan.first_epoch > plan.epochs:
        return ", all of them done"
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
