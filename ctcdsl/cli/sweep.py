"""`ctcdsl sweep`."""

from __future__ import annotations

import gc
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

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
from ctcdsl.cli.output import print_json, require_writable
from ctcdsl.cli.recipe_options import recipe_fields, recipe_options
from ctcdsl.cli.tables import as_csv, as_markdown, as_text
from ctcdsl.ir import Shape
from ctcdsl.text.packages import require_packages

if TYPE_CHECKING:
    from ctcdsl.sweeps.results import Sweep

FAILED, INTERRUPTED = 1, 130
_WRITERS = {"text": as_text, "markdown": as_markdown}


def _budgets(text: str) -> tuple[tuple[int, ...], str]:
    """Read the option `--rungs`: `1,3,9`, or `500,1500steps`."""
    unit = "steps" if text.endswith("steps") else "epochs"
    try:
        return tuple(int(part) for part in text.removesuffix(unit).split(",")), unit
    except ValueError:
        raise click.BadParameter(
            f"{text!r} are neither epochs nor steps: write 1,3,9, or 500,1500steps"
        ) from None


@click.command("sweep")
@click.argument("specs", nargs=-1, metavar="[DESIGNS]...")
@data_option
@click.option(
    "--rungs",
    type=_budgets,
    metavar="N,N,…[steps]",
    help="Epochs, or steps, after which designs are judged.  [default: as many rungs as leave two"
    " designs]",
)
@click.option(
    "--eta",
    type=click.IntRange(min=2),
    default=3,
    show_default=True,
    help="Of how many designs one goes on.",
)
@click.option(
    "--run",
    metavar="DIR",
    default="sweep",
    show_default=True,
    help="Folder of the sweep, with the runs in DESIGN.",
)
@click.option(
    "--storage",
    metavar="URL|FILE",
    help="Its state, for several machines: postgresql+psycopg://…, or FILE.journal."
    "  [default: DIR/sweep.db]",
)
@click.option(
    "--name",
    default="sweep",
    show_default=True,
    help="Of the sweep, where one storage has several.",
)
@input_option
@values_option
@click.option(
    "--plot", metavar="FILE", help="Draw error against complexity: .svg, or .png.  [DIR/sweep.svg]"
)
@format_option(*_WRITERS, "csv", "json")
@recipe_option
@device_option
@recipe_options
def command(
    specs: tuple[str, ...],
    shape: Shape | None,
    values: Values,
    run: str,
    plot: str | None,
    form: str,
    recipe_name: str | None,
    rungs: tuple[tuple[int, ...], Literal["epochs", "steps"]] | None,
    **options: Any,
) -> int:
    """Train designs by successive halving: after each rung the best share of them goes on.

    All designs are trained to the first rung; one of three, those with the least error, goes on
    to the next. The same command on more terminals, or on other machines with one --storage,
    joins the sweep; interrupted, or killed, it continues. A design that fails (its loss is not
    finite, or it runs out of memory) is reported and does not stop the others; the exit code is
    1 then. Ends with a table, DIR/sweep.csv and a picture. Without --data, the photographs that
    come with ctcdsl are used.
    """
    require_packages("a sweep", "torch", "numpy", "PIL", "safetensors", "rich")
    require_packages("a sweep", "optuna", extra="sweep")
    if plot is not None:
        require_writable(plot)
    gc.enable()
    from ctcdsl.cli.progress import Display
    from ctcdsl.execution.interrupt import Interrupted
    from ctcdsl.experiments import sweep

    networks = [network for _, network, _ in load_networks(or_stdin(specs), values=values)]
    try:
        with Display() as display:
            result = sweep(
                networks,
                input=shape,
                run=run,
                rungs=None if rungs is None else rungs[0],
                unit="epochs" if rungs is None else rungs[1],
                recipe=recipe_name,  # type: ignore[arg-type]  # click.Choice
                callbacks=[display],
                **recipe_fields(options),
            )
    except Interrupted as stopped:
        click.echo(str(stopped), err=True)
        return INTERRUPTED
    _print(result, form)
    _write(result, plot)
    return FAILED if result.failed else 0


def _print(result: Sweep, form: str) -> None:
    if form == "json":
        print_json(result.as_json())
        return
    if form == "csv":
        click.echo(as_csv(result.records()), nl=False)
    else:
        click.echo(_WRITERS[form](result.table()))
    click.echo(fill(result.caption(), 100), err=form == "csv")


def _write(result: Sweep, plot: str | None) -> None:
    """The table and the picture, in the folder of the sweep."""
    from ctcdsl.storage.atomic import write_atomic

    folder = Path(result.folder)
    write_atomic(folder / "sweep.csv", as_csv(result.records()).encode())
    picture = Path(plot) if plot is not None else folder / "sweep.svg"
    if result.finished:
        result.plot(picture)
        click.echo(f"picture in {picture}", err=True)
