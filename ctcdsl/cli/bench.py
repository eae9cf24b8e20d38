"""`ctcdsl bench`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click

from ctcdsl.cli.inputs import load_networks, or_stdin
from ctcdsl.cli.options import Values, format_option, input_option, values_option
from ctcdsl.cli.output import print_diagnostics, print_json
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
@input_option
@values_option
@format_option(*_WRITERS, "csv", "json")
def command(
    files: tuple[str, ...], shape: Shape | None, values: Values, form: str, **options: Any
) -> None:
    """Time networks on this device: forward pass, training step, 10 views.

    All are timed in turn on random images, each --runs times: the median, and the range of the
    middle half as its spread. One thread on a CPU is timed by its processor time, which stands
    still while other programs run; more threads, or a GPU, by the time that passes.
    """
    require_packages("timing", "torch", "numpy", "PIL", "safetensors")
    networks = [
        loaded.network for loaded in load_networks(or_stdin(files), input=shape, values=values)
    ]
    gc.enable()
    from ctcdsl.timing.bench import BenchConfig, bench_networks

    with _progress() as show:
        benchmark = bench_networks(networks, BenchConfig(**options), show)
    print_diagnostics(benchmark.warnings)
    if form == "json":
        print_json(benchmark.as_json())
        return
    _print(benchmark, options["layers"], form)


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
