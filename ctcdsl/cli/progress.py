"""Training and testing as they go, on standard error: a bar on a terminal, else a line an epoch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from ctcdsl.checking import Network
from ctcdsl.cli.tables import as_text
from ctcdsl.execution.autotune import ExecutionConfig, Measurement
from ctcdsl.execution.events import Callback, StepEnded, TrainingStarted
from ctcdsl.metrics.tables import Table
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


class Fact(NamedTuple):
    """Some words on a line."""

    text: str
    rank: int = 0
    """Those of a higher rank are left out first; of equal ones the last."""


def fit(facts: Sequence[Fact], width: int) -> str:
    """The facts in their order, two spaces between, in at most `width` columns.

    The last that is left is cut where even that is too long.
    """
    shown = list(facts)
    while len(text := "  ".join(fact.text for fact in shown)) > width and len(shown) > 1:
        del shown[max(range(len(shown)), key=lambda index: (shown[index].rank, index))]
    return text[: max(width, 1)]


class _Text(ProgressColumn):
    """What there is to say of the current work."""

    def render(self, task: Task) -> Text:
        """Return the task's own text."""
        return Text(str(task.fields.get("text", "")))


class Display(Callback):
    """Shows progress to people; a context manager, since a bar must be taken down."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        width = self._console.width
        self._bar = 24 if width >= 100 else 10 if width >= 60 else 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            *([BarColumn(self._bar)] if self._bar else []),
            _Text(table_column=Column(no_wrap=True)),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._tested_on, self._with_views = "test", False
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

    def on_note(self, text: str) -> None:
        """Print a line that stays."""
        self._line(f"note: {text}")

    def on_run_opened(self, network: Network, folder: Path) -> None:
        """Say where the run is."""
        self._line(f"{network.name} goes to {folder}")

    def on_reading(self, done: int, total: int) -> None:
        """Show how far reading the images is."""
        self.working("reading images", done, total)

    def on_tuning_started(self, network: Network, task: str, device: str) -> None:
        """Say what is tuned."""
        views = " by 10 views" if task == "evaluate" else ""
        self._with_views = task == "evaluate"
        self._line(f"how to {task} {network.name} fastest{views} on {device}:")

    def on_trial(self, config: ExecutionConfig) -> None:
        """Say what is timed."""
        self._line(f"  trying {config}")

    def on_tuned(self, trials: Sequence[Measurement], chosen: ExecutionConfig | None) -> None:
        """Show all times and the choice."""
        self._line(as_text(_trial_table(trials, self._with_views)).rstrip())
        for trial in trials:
            if trial.failure:
                self._line(f"{trial.config}: {trial.failure}")
        self._line(f"({trials[0].images} images at a time, the fastest of several runs)")
        self._line(f"taken: {chosen}" if chosen else "nothing works; continuing as requested")

    def on_statistics(self, done: int, total: int) -> None:
        """Show how far the colour statistics are."""
        self.working("mean and colours", done, total)

    def on_training_started(self, event: TrainingStarted) -> None:
        """Say what will be done."""
        self._tested_on = event.tested_on
        self._line(
            f"{plural(event.training_images, 'training image')},"
            f" {plural(event.test_images, f'{event.tested_on} image')},"
            f" {plural(event.classes, 'class')}; {plural(event.epochs, 'epoch')} of"
            f" {plural(event.steps, 'step')} on {event.device}" + _from(event)
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

    def on_comparison_started(self, folder: Path, states: Sequence[str], networks: int) -> None:
        """Say what there is to do."""
        seeds = len(states) // networks
        self._line(
            f"{plural(networks, 'network')}, {plural(seeds, 'seed')}: {plural(len(states), 'run')}"
            f" in {folder}, {states.count('finished')} finished, {states.count('started')} started"
        )

    def on_seed_run(self, title: str, resumes: bool) -> None:
        """Say which run is trained."""
        self._line(f"{title}, resumed" if resumes else title)

    def on_seed_run_failed(self, failure: Diagnostic) -> None:
        """Print why."""
        self._line(render(failure))

    def _show(self, title: str, done: int, total: int, *facts: Fact) -> None:
        if not self._console.is_terminal:
            if time.monotonic() >= self._next_line:
                self._fitted(Fact(title), *facts)
            return
        columns = (len(title), self._bar) if self._bar else (len(title),)
        text = fit(facts, self._console.width - sum(columns) - len(columns))
        if self._task is None:
            self._task = self._progress.add_task(title, total=total)
        self._progress.update(self._task, description=title, completed=done, total=total, text=text)

    def _fitted(self, *facts: Fact) -> None:
        width = self._console.width if self._console.is_terminal else _NO_TERMINAL
        self._line(fit(facts, width))

    def _line(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False)
        self._next_line = time.monotonic() + _PULSE


def _from(event: TrainingStarted) -> str:
    """Where a resumed run continues."""
    if event.first_epoch > event.epochs:
        return ", all of them done"
    if event.first_step > event.steps:
        return f", from the test after epoch {event.first_epoch}"
    if event.first_step > 1:
        return f", from epoch {event.first_epoch}, step {event.first_step}"
    return f", from epoch {event.first_epoch}" if event.first_epoch > 1 else ""


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _trial_table(trials: Sequence[Measurement], with_views: bool) -> Table:
    names = ("precision", "compile", "views") if with_views else ("precision", "compile")
    rows = []
    for trial in trials:
        config = trial.config
        cells = (config.precision, config.compile, "shared" if config.prefix else "apart")
        if trial.failure:
            times = ("failed", "", "")
        else:
            ratio = f"{trials[0].seconds / trial.seconds:.2f}" if trials[0].seconds else ""
            times = (f"{trial.images_per_second:,.1f}", ratio, f"{trial.first:.1f}")
        rows.append((*cells[: len(names)], *times))
    titles = (*names, "images/s", "ratio", "first run, s")
    return Table(titles, tuple(rows), frozenset(names))
