"""`ctcdsl search`."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import click

from ctcdsl.cli.options import format_option, input_option, net_option
from ctcdsl.cli.output import (
    print_diagnostics,
    print_json,
    require_writable,
    write_output,
)
from ctcdsl.cli.search_bounds import bound_options, budget_of
from ctcdsl.cli.search_estimates import estimates, fitted, score_names, with_estimates
from ctcdsl.ir import Shape
from ctcdsl.text import error
from ctcdsl.text.files import STDIN, read_source

if TYPE_CHECKING:
    from ctcdsl.estimates.surrogate import Surrogate
    from ctcdsl.metrics.tables import Table
    from ctcdsl.spaces.search import Search


def _pins(
    context: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    pins: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{text!r} gives no parameter a value: write w=64")
        if name in pins:
            raise click.BadParameter(f"{name} is given twice: several values are '{name}=1|2'")
        pins[name] = value
    return pins


@click.command("search")
@click.argument("spec")
@bound_options
@click.option("--budget", metavar="FILE", help="More bounds, from a TOML file.")
@click.option("--table", metavar="FILE", help="The table of a device: ctcdsl bench --table.")
@click.option(
    "--device",
    type=click.Choice(["cpu", "mcu"]),
    default="cpu",
    show_default=True,
    help="Whose --memory; mcu: int8 inference of an image on a microcontroller.",
)
@click.option("--count", "counting", is_flag=True, help="Say how many there are, and no more.")
@click.option(
    "--rank",
    metavar="NAME,…",
    help="What the front compares, more is better after a `+`.  [+depth,activation-bytes,params]",
)
@click.option(
    "--min-width",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="The least filters of a convolution on the front.",
)
@click.option(
    "--max-depth",
    type=click.IntRange(min=0),
    default=16,
    show_default=True,
    help="The most layers on the front, of networks without shortcuts; 0 for any.",
)
@click.option("--chains", is_flag=True, help="Allow 1x1 convolutions one after another.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    help="The most rows of the table, or designs of JSON.",
)
@click.option(
    "--score",
    "kinds",
    metavar="NAME,…",
    callback=score_names,
    help="Columns of scores without training: naswot, synflow. Never trust them alone.",
)
@click.option(
    "--results",
    metavar="FILE",
    help="A column of predicted errors, from errors of your own: a table in CSV, as `compare"
    " --format csv` and `sweep` write it. --rank predicted,macs compares them.",
)
@click.option(
    "--trained",
    metavar="SPEC",
    multiple=True,
    help="Specs of the networks of --results, where they are not built in; may be repeated.",
)
@click.option(
    "--best",
    type=click.IntRange(min=1),
    metavar="K",
    help="Show the K best by the first of --rank instead of the front, with the same columns.",
)
@click.option("--pick", type=click.IntRange(min=1), metavar="N", help="Write row N as a spec.")
@click.option("-o", "--output", metavar="FILE", help="Write it here.  [default: standard output]")
@click.option(
    "--plot",
    metavar="FILE",
    help="Draw what the first two of --rank trade: .svg, .png, or .html for a report of the front.",
)
@input_option
@net_option
@click.option(
    "-D",
    "pins",
    multiple=True,
    callback=_pins,
    metavar="NAME=VALUES",
    help="Give a `let` another value, or other values: w=64, 'w=32|64'; may be repeated.",
)
@format_option("table", "chart", "markdown", "csv", "json")
def command(
    spec: str,
    budget: str | None,
    table: str | None,
    device: str,
    counting: bool,
    rank: str | None,
    min_width: int,
    max_depth: int,
    chains: bool,
    limit: int,
    kinds: tuple[str, ...],
    results: str | None,
    trained: tuple[str, ...],
    best: int | None,
    pick: int | None,
    output: str | None,
    plot: str | None,
    shape: Shape | None,
    net: str | None,
    pins: dict[str, str],
    form: str,
    **bounds: tuple[str, ...],
) -> int:
    """Find every network of a space within a budget.

    A spec with choices is a space. All of its networks that keep to every bound are counted; the
    table has those that no other beats in depth, memory and parameters. No accuracy is measured:
    which of them learns best, training tells.
    """
    from ctcdsl import designs

    if plot is not None:
        if not plot.endswith((".svg", ".png", ".html")):
            raise click.UsageError(
                f"{plot}: --plot writes FILE.svg, FILE.png, or a report FILE.html"
            )
        require_writable(plot)
    if counting and (plot or pick or best or kinds or results):
        raise click.UsageError(
            "--count prints numbers alone: leave out --plot, --pick, --best, --score and --results"
        )
    if device == "mcu" and not bounds["memory"]:
        raise click.UsageError("--device is for --memory; --rank takes mcu-memory by its name")
    if output is not None and pick is None:
        raise click.UsageError("-o is for a network: --pick 1 -o net.ctc")
    if best is not None and form == "chart":
        raise click.UsageError(
            "--best compares networks by one metric, and --format chart draws what two of them"
            " trade: leave one of them out"
        )
    given = {name.replace("_", "-"): texts for name, texts in bounds.items()}
    within = budget_of(budget, given, table, device)
    surrogate = fitted(results, trained)
    search = designs.search(
        read_source(STDIN) if spec == STDIN else spec,
        budget=within,
        input=shape,
        params=pins,
        name=net,
        rank=[] if rank is None else rank.split(","),
        min_width=min_width,
        max_depth=max_depth or None,
        chains=chains,
        surrogate=surrogate,
    )
    print_diagnostics(search.space.warnings)
    if counting:
        if form == "json":
            print_json({"space": {"designs": search.total}, "count": search.count})
        else:
            click.echo(f"{search.count:,} of {search.total:,} networks")
        return 0
    if plot is not None:
        _plot(search, plot)
    if pick is not None:
        return _picked(search, pick, output, best)
    if form == "json":
        data = search.as_json(limit, best)
        print_json(with_estimates(data, search, kinds, surrogate, limit, best))
        return int(search.interrupted) * 130
    if best is not None:
        return _best_shown(search, best, form, kinds, surrogate)
    return _shown(search, limit, form, kinds, surrogate)


def _picked(search: Search, pick: int, output: str | None, best: int | None) -> int:
    front = search.front if best is None else search.best(best)
    if not front:
        raise search.nothing_fits()
    if pick > len(front):
        raise error(
            "CTC726",
            f"the {'front' if best is None else 'table'} has {len(front)} networks, and no row"
            f" {pick}",
            hint=f"--pick 1 to --pick {len(front)}",
        )
    write_output(front[pick - 1].text, output, "network written to")
    return 0


def _plot(search: Search, file: str) -> None:
    from ctcdsl.drawing.png import write_picture
    from ctcdsl.reporting.front import front_page, front_picture

    if file.endswith(".html"):
        front_page(search).write(file)
    else:
        write_picture(front_picture(search), file)
    click.echo(f"front drawn in {file}", err=True)


def _chart(search: Search) -> None:
    """The picture of `--plot`, of characters."""
    from ctcdsl.cli.chart import chart
    from ctcdsl.reporting.front import trade

    found = trade(search)
    titles = (found.across.metric.title, found.along.metric.title)
    click.echo(chart(found.front, found.others, titles))


def _shown(
    search: Search, limit: int, form: str, kinds: Sequence[str], surrogate: Surrogate | None
) -> int:
    from ctcdsl.spaces.report import front_table, shown_rows, statements

    front = search.front
    if not front and not search.count:
        raise search.nothing_fits()
    shown = [design for _, design in shown_rows(search, limit)]
    columns, said = estimates(search, kinds, surrogate, shown)
    if form == "chart":
        _chart(search)
    more = {column.title: column.cells for column in columns}
    table = front_table(search, limit, more)
    _print(table, statements(search, limit, said), form)
    return 130 if search.interrupted else 0


def _best_shown(
    search: Search, best: int, form: str, kinds: Sequence[str], surrogate: Surrogate | None
) -> int:
    from ctcdsl.spaces.report import best_statements, best_table

    found = search.best(best)
    if not found:
        raise search.nothing_fits()
    columns, said = estimates(search, kinds, surrogate, found)
    more = {column.title: column.cells for column in columns}
    _print(best_table(search, found, more), best_statements(search, found, said), form)
    return 130 if search.interrupted else 0


def _print(table: Table, lines: Sequence[str], form: str) -> None:
    """A table, and what is said of it; beside the output where that is CSV."""
    from ctcdsl.cli.tables import as_csv, as_markdown, as_text

    writer = {"markdown": as_markdown, "csv": as_csv}.get(form, as_text)
    click.echo(writer(table), nl=False)
    text = "\n".join(fill(line, 100) for line in lines)
    click.echo(text if form == "csv" else f"\n{text}", err=form == "csv")
