"""`ctcdsl bench`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ctcdsl.cli.inputs import load_networks, or_stdin
from ctcdsl.cli.options import (
    Values,
    format_option,
    input_option,
    latency_option,
    values_option,
)
from ctcdsl.cli.output import print_diagnostics, print_json, require_writable
from ctcdsl.cli.tables import as_csv, as_markdown, as_text
from ctcdsl.ir import Shape
from ctcdsl.text.packages import require_packages

if TYPE_CHECKING:
    from ctcdsl.timing.results import Benchmark

_WRITERS = {"table": as_text, "markdown": as_markdown}
_TASKS = ("forward", "train", "views")
_LARGEST = 1_000_000


def _listed(kind: Callable[[str], Any], example: str) -> Callable[..., tuple[Any, ...]]:
    """Reads values with commas between them, each once."""

    def read(context: click.Context, option: click.Parameter, text: str) -> tuple[Any, ...]:
        try:
            return tuple(dict.fromkeys(kind(part.strip()) for part in text.split(",")))
        except ValueError:
            raise click.BadParameter(f"{text!r}: write {example}") from None

    return read


def _task(text: str) -> str:
    if text not in _TASKS:
        raise ValueError(text)
    return text


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _LARGEST:
        raise ValueError(text)
    return number


@click.command("bench")
@click.argument("files", nargs=-1)
@click.option(
    "--tasks",
    default=",".join(_TASKS),
    show_default=True,
    callback=_listed(_task, "forward, train, views, or several: forward,train"),
    metavar="TASK,…",
    help="A forward pass, a training step, a test with 10 views.",
)
@click.option(
    "--batch",
    "batches",
    default="1",
    show_default=True,
    callback=_listed(_count, "a number of images, or several: 1,8,32"),
    metavar="N,…",
    help="Images at a time.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=3),
    default=7,
    show_default=True,
    help="How often everything is timed, in turn; two runs before them do not count.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="On a CPU."
)
@click.option("--layers", is_flag=True, help="Time each layer of the forward pass, too.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bf16"]),
    default="float32",
    show_default=True,
    help="Of the layers.",
)
@click.option(
    "--compile",
    type=click.Choice(["off", "on", "graphs"]),
    default="off",
    show_default=True,
    help="Use torch.compile (graphs: with CUDA graphs).",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where to compute.",
)
@click.option("--table", is_flag=True, help="Make this CPU's table of latencies, into -o FILE.")
@click.option("-o", "--output", metavar="FILE", help="The file of --table.")
@latency_option
@input_option
@values_option
@format_option(*_WRITERS, "csv", "json")
@click.pass_context
def command(
    context: click.Context,
    /,
    files: tuple[str, ...],
    table: bool,
    output: str | None,
    latency: str | None,
    shape: Shape | None,
    values: Values,
    form: str,
    **options: Any,
) -> None:
    """Time networks on this device: forward pass, training step, 10 views.

    All are timed in turn on random images, each --runs times: the median, and the range of the
    middle half as its spread. One thread on a CPU is timed by its processor time, which stands
    still while other programs run; more threads, or a GPU, by the time that passes.

    With --table, some 1,700 random operations are timed instead, and a law is fitted to them by
    which `cost --latency` predicts the time of any network; 40 networks say how well it does.
    """
    require_packages("timing", "torch", "numpy", "PIL", "safetensors")
    if table or output is not None:
        _require_table(context, files, table, output)
        assert output is not None
        _make_table(output, options["batches"][0], options["threads"])
        return
    networks = [
        loaded.network for loaded in load_networks(or_stdin(files), input=shape, values=values)
    ]
    gc.enable()
    from ctcdsl.metrics.latency_table import read_table
    from ctcdsl.timing.bench import BenchConfig, bench_networks

    with _progress() as show:
        config = BenchConfig(**options, latency=None if latency is None else read_table(latency))
        benchmark = bench_networks(networks, config, show)
    print_diagnostics(benchmark.warnings)
    if form == "json":
        print_json(benchmark.as_json())
        return
    _print(benchmark, options["layers"], form)


_OF_TABLE = ("table", "output", "batches", "threads")
"""The options that --table takes."""


def _require_table(
    context: click.Context, files: Sequence[str], table: bool, output: str | None
) -> None:
    """Fail for what a table does not take, before it is measured."""
    if not table:
        raise click.UsageError("-o is the file of a table: add --table")
    if output is None:
        raise click.UsageError("--table needs a file to write: -o device.json")
    if files:
        raise click.UsageError(f"--table is of the device, not of {files[0]}: leave that out")
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if given and option.name not in _OF_TABLE and option.name != "files":
            raise click.UsageError(f"--table does not take {option.opts[0]}")
    if len(context.params["batches"]) > 1:
        raise click.UsageError("a table is of one --batch: make one for each")
    require_writable(output)


def _make_table(output: str, batch: int, threads: int) -> None:
    from ctcdsl.metrics.latency_table import require_accurate
    from ctcdsl.timing.table import TableConfig, build_table, held_out_rows, write_table

    with _progress() as show:
        table = build_table(TableConfig(batch=batch, threads=threads), show)
    write_table(table, output)
    click.echo(as_text(held_out_rows(table)), nl=False)
    peaks = table.peaks
    stated = (
        f"{table.summary}: {table.accuracy}. Peaks: {peaks.macs / 1e9:.1f} GMACs/s,"
        f" {peaks.bytes / 1e9:.1f} GB/s. Operations timed once more differed by"
        f" {100 * table.repeat:.1f}% in the median. Times are {table.clock}."
    )
    click.echo("\n" + fill(stated, 100))
    click.echo(f"table written to {output}", err=True)
    require_accurate(table._replace(path=output))


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Shows on a terminal what is timed. A display with a thread of its own would be timed, too."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return

    def show(text: str) -> None:
        width = get_terminal_size().columns - 1
        click.echo(f"\r\x1b[K{text[:width]}", err=True, nl=False)

    try:
        yield show
    finally:
        click.echo("\r\x1b[K", err=True, nl=False)


def _print(benchmark: Benchmark, layers: bool, form: str) -> None:
    stated = (
        f"{benchmark.device.summary}. ms: median {benchmark.clock}; spread: the range of the middle"
        " half of the runs over the median. GMACs/s: multiply-accumulates of convolutions and"
        " fully connected layers in a second; ten views count as ten passes."
    )
    if form == "csv":
        click.echo(as_csv(benchmark.layer_records() if layers else benchmark.records()), nl=False)
        click.echo(fill(stated, 100), err=True)
        return
    write = _WRITERS[form]
    click.echo(write(benchmark.table()), nl=False)
    heading = "### " if form == "markdown" else ""
    for timing, table in benchmark.layer_tables():
        click.echo(f"\n{heading}{timing.title}\n\n{write(table)}", nl=False)
    click.echo("\n" + fill(stated, 100))
