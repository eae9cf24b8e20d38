"""`ctcdsl report`."""

from __future__ import annotations

import click

from ctcdsl.cli.inputs import load_sweep, or_stdin, titled
from ctcdsl.cli.options import (
    Sweep,
    input_option,
    latency_option,
    metrics_option,
    output_option,
    sweep_option,
)
from ctcdsl.cli.output import print_diagnostics, write_output
from ctcdsl.ir import Shape


@click.command("report")
@click.argument("specs", nargs=-1)
@output_option
@click.option(
    "--results",
    metavar="FILE",
    help="Errors of the networks: a table in CSV, as `compare --format csv` writes it.",
)
@metrics_option
@latency_option
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Images of a training step, for memory over time.",
)
@input_option
@sweep_option
def command(
    specs: tuple[str, ...],
    output: str | None,
    results: str | None,
    names: str | None,
    latency: str | None,
    batch: int,
    shape: Shape | None,
    sweep: Sweep,
) -> None:
    """Report networks side by side: one page of HTML, which needs no network.

    It has a table that sorts, diagrams, memory over time, and the costs of all layers as bars on
    one scale. With --results it shows complexity against error: the Pareto front, and arrows from
    a network to those that one rewrite makes of it. With --latency it has predicted times and a
    roofline. It is the same text each time.
    """
    from ctcdsl.metrics.catalog import find_metrics
    from ctcdsl.metrics.latency_table import read_table
    from ctcdsl.reporting.build import build_page

    metrics = find_metrics(names.split(",")) if names is not None else None
    networks = [titled(loaded) for loaded in load_sweep(or_stdin(specs), input=shape, sweep=sweep)]
    table = read_table(latency) if latency is not None else None
    page = build_page(networks, results=results, metrics=metrics, batch=batch, latencies=table)
    print_diagnostics(page.warnings)
    write_output(page.html, output, f"{page.title} reported in")
