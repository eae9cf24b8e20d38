"""`ctcdsl compare`."""

from __future__ import annotations

import errno
import gc
import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ctcdsl.cli.contestants import contestants
from ctcdsl.cli.inputs import checked_or_exit, or_stdin
from ctcdsl.cli.options import (
    Values,
    data_option,
    device_option,
    format_option,
    input_option,
    recipe_option,
    values_option,
)
from ctcdsl.cli.recipe_options import recipe_options, with_options
from ctcdsl.cli.recording import list_images
from ctcdsl.cli.report import show
from ctcdsl.cli.tables import as_markdown, as_text
from ctcdsl.cli.workbench import device_named, open_data, require_training
from ctcdsl.ir import Shape
from ctcdsl.loading import find_spec
from ctcdsl.recipe import Recipe
from ctcdsl.storage.atomic import write_error
from ctcdsl.text import Diagnostic
from ctcdsl.text.plural import plural
from ctcdsl.text.render import render

if TYPE_CHECKING:
    from ctcdsl.comparison.compare import Comparison
    from ctcdsl.comparison.results import NetworkResult
    from ctcdsl.comparison.seed_runs import ComparedNetwork, Result, SeedRun, State

FAILED, INTERRUPTED = 1, 130
_WRITERS = {"text": as_text, "markdown": as_markdown}


@click.command("compare")
@click.argument("specs", nargs=-1)
@data_option
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Trainings of each network: with --seed and those after it.",
)
@click.option(
    "--run",
    "folder",
    metavar="DIR",
    default="compare",
    show_default=True,
    help="The runs go here, to NETWORK/seedN.",
)
@click.option(
    "--views",
    type=click.Choice(["1", "10"]),
    default="10",
    show_default=True,
    help="1: the centre; 10: four corners and centre, and their flips.",
)
@input_option
@values_option
@click.option("--plot", metavar="FILE", help="Draw errors and learning curves (PNG).")
@format_option(*_WRITERS, "json")
@recipe_option
@device_option
@recipe_options
def command(
    specs: tuple[str, ...],
    data: str | None,
    seeds: int,
    folder: str,
    views: str,
    shape: Shape | None,
    values: Values,
    plot: str | None,
    form: str,
    recipe_name: str | None,
    device: str,
    **given: Any,
) -> int:
    """Train networks by one recipe, with several seeds each, and compare them.

    Prints a table like the paper's: depth, complexity, error with its spread over the seeds,
    time. What is trained is not trained again, and what was begun is gone on with: interrupted,
    the same command goes on. A network that fails (its loss is not finite, or it finds no memory)
    is reported and does not stop the others; the exit code is 1 then. Without --data, the
    photographs that come with ctcdsl are used.
    """
    require_training()
    if plot is not None:
        _require_place(plot)
    gc.enable()
    from ctcdsl.cli.progress import Display
    from ctcdsl.comparison.compare import Comparison
    from ctcdsl.distributed.processes import SINGLE_PROCESS
    from ctcdsl.images.channels import channel_notes

    small = (recipe_name or ("paper" if data else "small")) == "small"
    recipe = with_options(Recipe.small() if small else Recipe.paper(), given)
    found = [find_spec(file) for file in or_stdin(specs)]
    where = device_named(device)
    named = checked_or_exit(found, values=values)
    opened = open_data(data)
    with Display() as display:
        listed = list_images(opened, display, recipe.workers, SINGLE_PROCESS)
    comparison = Comparison(
        contestants=contestants(named, [each.source for each in found], opened, shape),
        recipe=recipe,
        seeds=seeds,
        folder=Path(folder),
        data=data,
        train_set=opened.splits.train,
        test_set=opened.splits.test,
        tested_on=opened.splits.tested_on,
        listed=listed,
        views=10 if views == "10" else 1,
        device=where,
    )
    comparison.check_model_fits_data()
    takes = {each.identity.input[0] for each in comparison.contestants}
    show(
        note for channels in sorted(takes) for note in channel_notes(channels, opened.splits.train)
    )
    return _compare(comparison, plot, form)


def _compare(comparison: Comparison, plot: str | None, form: str) -> int:
    from ctcdsl.comparison.results import network_results
    from ctcdsl.comparison.seed_runs import State
    from ctcdsl.execution.interrupt import Interrupted

    states = comparison.survey()
    count = {state: sum(each is state for each in states.values()) for state in State}
    click.echo(
        f"{plural(len(comparison.contestants), 'network')}, {plural(comparison.seeds, 'seed')}:"
        f" {plural(len(states), 'run')} in {comparison.folder},"
        f" {count[State.FINISHED]} finished, {count[State.STARTED]} begun",
        err=True,
    )
    results: dict[ComparedNetwork, list[Result]] = {each: [] for each in comparison.contestants}
    for number, (trial, state) in enumerate(states.items(), start=1):
        heading = f"{trial.contestant.name}, seed {trial.recipe.seed} ({number} of {len(states)})"
        try:
            result = _carry_out(comparison, trial, state, heading)
        except Interrupted as stopped:
            saved = f"{heading} is saved at {stopped.saved}" if stopped.saved else "nothing is lost"
            click.echo(f"interrupted; {saved}: the same command goes on", err=True)
            return INTERRUPTED
        if result.failure is not None:
            click.echo(render(result.failure), err=True)
        results[trial.contestant].append(result)
    found = network_results(comparison.contestants, results.__getitem__)
    _say(comparison, found, form)
    if plot is not None:
        _draw(Path(plot), comparison, found)
    return FAILED if any(r.failure for each in found for r in each.results) else 0


def _carry_out(comparison: Comparison, trial: SeedRun, state: State, heading: str) -> Result:
    from ctcdsl.cli.progress import Display
    from ctcdsl.comparison.seed_runs import State
    from ctcdsl.execution.interrupt import Interrupted, interruptible
    from ctcdsl.runs import info as records

    if state is not State.FINISHED:
        goes_on = ", goes on" if state is State.STARTED else ""
        click.echo(f"{heading}{goes_on}", err=True)
        if state is State.STARTED:
            for difference in records.differences(records.read(trial.run).last):
                click.echo(f"note: {difference}; the last bits may differ", err=True)
        with Display() as display:
            failure = comparison.train(trial, state, display)
        if failure is not None:
            return failure
    with interruptible(), Display() as display:
        try:
            return comparison.tested(trial, display)
        except KeyboardInterrupt as stop:
            traceback.clear_frames(stop.__traceback__)  # ends threads before signals count again
            raise Interrupted(trial.run, "its last epoch, before its test") from None


def _say(comparison: Comparison, found: tuple[NetworkResult, ...], form: str) -> None:
    from ctcdsl.comparison.results import as_json, caption, table

    k = min(5, len(comparison.test_set.classes))
    if form == "json":
        import json

        text = json.dumps(as_json(comparison, found, k), indent=2, ensure_ascii=False)
        click.echo(text)
        return
    from textwrap import fill

    click.echo(_WRITERS[form](table(found, k)))
    click.echo(fill(caption(comparison), 100))
    failures = [(each, result) for each in found for result in each.results if result.failure]
    if failures:
        click.echo("")
    for each, result in failures:
        assert result.failure is not None
        start = "- " if form == "markdown" else ""
        click.echo(
            f"{start}{each.contestant.name}, seed {result.seed}, failed: {_short(result.failure)}"
        )


def _short(failure: Diagnostic) -> str:
    return f"{failure.message} [{failure.code}]"


def _draw(path: Path, comparison: Comparison, found: tuple[NetworkResult, ...]) -> None:
    from ctcdsl.comparison.plot import draw_comparison

    seeds = plural(comparison.seeds, "seed")
    bars = "; bars and bands: ± a standard deviation" if comparison.seeds > 1 else ""
    views = "10 views" if comparison.views == 10 else "centre view"
    title = f"{plural(len(found), 'network')}, {seeds}{bars}"
    draw_comparison(path, found, title=title, split=comparison.tested_on, views=views)
    click.echo(f"plot written to {path}", err=True)


def _require_place(file: str) -> None:
    """Refuse a plot that could not be written, before a training that may take days.

    Raises:
        UserError: CTC608 where its folder is missing, or a folder stands in its place.
    """
    folder = os.path.dirname(file) or os.curdir
    number = errno.EISDIR if os.path.isdir(file) else 0
    if not os.path.isdir(folder):
        number = errno.ENOENT
    if number:
        raise write_error(OSError(number, os.strerror(number)), file)
