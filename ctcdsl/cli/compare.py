"""`ctcdsl compare`."""

from __future__ import annotations

import gc
import json
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click

from ctcdsl.cli.inputs import load_networks, or_stdin
from ctcdsl.cli.options import (
    Values,
    data_option,
    device_option,
    format_option,
    input_option,
    recipe_option,
    values_option,
)
from ctcdsl.cli.output import require_writable
from ctcdsl.cli.recipe_options import recipe_fields, recipe_options
from ctcdsl.cli.tables import as_csv, as_markdown, as_text
from ctcdsl.ir import Shape
from ctcdsl.text.packages import require_packages

if TYPE_CHECKING:
    from ctcdsl.comparison.results import Comparison

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
    metavar="DIR",
    default="compare",
    show_default=True,
    help="Folder of the comparison, with the runs in NETWORK/seedN.",
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
@format_option(*_WRITERS, "csv", "json")
@recipe_option
@device_option
@recipe_options
def command(
    specs: tuple[str, ...],
    views: str,
    shape: Shape | None,
    values: Values,
    plot: str | None,
    form: str,
    recipe_name: str | None,
    **options: Any,
) -> int:
    """Train networks by one recipe, with several seeds each, and compare them.

    Prints a table like the paper's: depth, complexity, error with its spread over the seeds,
    time. What is trained is not trained again, and what was begun is resumed: interrupted,
    the same command continues. A network that fails (its loss is not finite, or it runs
    out of memory) is reported and does not stop the others; the exit code is 1 then. Without
    --data, the photographs that come with ctcdsl are used.
    """
    require_packages("comparing", "torch", "numpy", "PIL", "safetensors", "rich", "matplotlib")
    if plot is not None:
        require_writable(plot)
    gc.enable()
    from ctcdsl.cli.progress import Display
    from ctcdsl.execution.interrupt import Interrupted
    from ctcdsl.experiments import compare

    networks = [network for _, network, _ in load_networks(or_stdin(specs), values=values)]
    try:
        with Display() as display:
            comparison = compare(
                networks,
                views=10 if views == "10" else 1,
                input=shape,
                recipe=recipe_name,  # type: ignore[arg-type]  # click.Choice
                callbacks=[display],
                **recipe_fields(options),
            )
    except Interrupted as stopped:
        click.echo(str(stopped), err=True)
        return INTERRUPTED
    _print(comparison, form)
    if plot is not None:
        comparison.plot(plot)
        click.echo(f"plot written to {plot}", err=True)
    return FAILED if comparison.failed else 0


def _print(comparison: Comparison, form: str) -> None:
    if form == "json":
        click.echo(json.dumps(comparison.as_json(), indent=2, ensure_ascii=False))
        return
    if form == "csv":  # rows alone: what explains them goes to standard error
        click.echo(as_csv(comparison.records()), nl=False)
    else:
        click.echo(_WRITERS[form](comparison.table()))
    aside = form == "csv"
    click.echo(fill(comparison.caption(), 100), err=aside)
    if comparison.failed:
        click.echo("", err=aside)
    start = "- " if form == "markdown" else ""
    for network, result in comparison.failed:
        failure = result.failure
        assert failure is not None
        words = f"failed: {failure.message} [{failure.code}]"
        click.echo(f"{start}{network.name}, seed {result.seed}, {words}", err=aside)
