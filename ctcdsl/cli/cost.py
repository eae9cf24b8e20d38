"""`ctcdsl cost`."""

from __future__ import annotations

from textwrap import fill

import click

from ctcdsl import api
from ctcdsl.cli.cost_memory import MemoryOptions, report_memory
from ctcdsl.cli.inputs import load_sweep, or_stdin, titled
from ctcdsl.cli.options import (
    Sweep,
    batch_option,
    format_option,
    input_option,
    latency_option,
    metrics_option,
    precision_option,
    sweep_option,
)
from ctcdsl.cli.output import PER_NETWORK, print_diagnostics, print_json, write_output
from ctcdsl.cli.tables import as_csv, as_markdown, as_text
from ctcdsl.ir import Shape
from ctcdsl.metrics import Cost
from ctcdsl.metrics.catalog import DEFAULT, MACS, find_metrics, statement, with_latency
from ctcdsl.metrics.tables import Entry, as_json, layer_records, layer_table, overview
from ctcdsl.text import error
from ctcdsl.text.plural import plural

_WRITERS = {"table": as_text, "markdown": as_markdown, "csv": as_csv}


@click.command("cost")
@click.argument("files", nargs=-1)
@click.option(
    "--relative-to",
    metavar="NAME",
    help="The network whose MACs count as 1.  [default: the first]",
)
@click.option(
    "--layers", is_flag=True, help="A table of layers for each network; as CSV, one of all."
)
@metrics_option
@latency_option
@batch_option
@click.option(
    "--roofline",
    "picture",
    metavar="FILE",
    help="Draw the layers under the roofs of --latency's device, as SVG.",
)
@click.option("--memory", is_flag=True, help="Memory of training and inference, not counts.")
@click.option(
    "--optimizer",
    type=click.Choice(["sgd", "adamw"]),
    help="Whose state --memory counts.  [sgd, with momentum]",
)
@click.option(
    "--fits", metavar="AMOUNT", help="The largest batches for so much memory, such as 6GB."
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "mcu"]),
    help="Whose memory; mcu: int8 inference of an image on a microcontroller.  [cpu]",
)
@click.option("--timeline", metavar="FILE", help="Draw the memory of a training step, as SVG.")
@precision_option
@input_option
@sweep_option
@format_option(*_WRITERS, "json")
def command(
    files: tuple[str, ...],
    relative_to: str | None,
    layers: bool,
    names: str | None,
    latency: str | None,
    batch: int | None,
    picture: str | None,
    memory: bool,
    precision: str | None,
    shape: Shape | None,
    sweep: Sweep,
    form: str,
    **of_memory: str | None,
) -> None:
    """Report cost: MACs by the paper's Eqn. 1, parameters, feature maps.

    MACs are multiply-accumulates (not FLOPs: one MAC is two) of the convolutional layers
    for one image; fully connected layers are counted apart. With --latency the time of a forward
    pass is predicted, and with --layers the roof that each layer is under. With --memory it is
    the peaks of training and inference instead, and where they are.
    """
    options = MemoryOptions(**of_memory)
    if not memory:
        options.require_memory()
    metrics = find_metrics(names.split(",")) if names is not None else ()
    if picture is not None and latency is None:
        raise click.UsageError("--roofline needs the table of a device: --latency device.json")
    latencies = None
    if latency is not None:
        from ctcdsl.metrics.latency_table import read_table

        latencies = read_table(latency)
        metrics = with_latency(metrics, layers=layers)
        batch = batch or latencies.batch
    loaded = load_sweep(or_stdin(files), input=shape, sweep=sweep)
    if memory:
        others = {"--metrics": names, "--latency": latency, "--relative-to": relative_to}
        options.require_alone(others, len(loaded))
    batch, precision = batch or 1, precision or "float32"
    costs = [
        api.cost(titled(each), batch=batch, precision=precision, latency=latencies)
        for each in loaded
    ]
    if latencies is not None:
        from ctcdsl.metrics.latency import doubts

        print_diagnostics(doubts([cost.workload.latency for cost in costs]), collapse=PER_NETWORK)
    if picture is not None:
        from ctcdsl.drawing.roofline import draw_roofline

        write_output(draw_roofline(costs), picture, "roofline drawn in")
    base = _base(costs, relative_to)
    entries = [
        Entry(cost=cost, file=file, relative=cost.relative_to(base), values=values)
        for cost, (file, _, values) in zip(costs, loaded, strict=True)
    ]
    name = base.network.name
    if memory:
        write = _WRITERS.get(form, as_text)
        report_memory(entries, options, layers=layers, form=form, write=write)
        return
    if form == "json":
        print_json(as_json(entries, name, metrics))
        return
    write = _WRITERS[form]
    if layers and form == "csv":
        click.echo(as_csv(layer_records(entries, metrics)), nl=False)
    elif layers:
        for cost in costs:
            click.echo(_layers(cost, form, write(layer_table(cost, metrics))), nl=False)
    else:
        click.echo(write(overview(entries, metrics, exact=form == "csv")), nl=False)
    definition = statement(metrics or DEFAULT, base.workload)
    if not layers and (not metrics or MACS in metrics):
        definition += f" Relative: MACs over those of {name}."
    if form == "csv":
        click.echo(fill(definition, 100), err=True)
    else:
        click.echo("\n" + fill(definition, 100))


def _layers(cost: Cost, form: str, table: str) -> str:
    architecture = cost.network.architecture
    title = (
        f"{architecture.name}  (input {architecture.input}, {plural(cost.depth, 'convolution')})"
    )
    heading = f"### {title}\n" if form == "markdown" else title
    return f"{heading}\n{table}\n"


def _base(costs: list[Cost], name: str | None) -> Cost:
    """The cost of the network with that name, or of the first."""
    names = [cost.network.name for cost in costs]
    if name is None:
        return costs[0]
    if name in names:
        return costs[names.index(name)]
    raise error(
        "CTC111",
        f"no network is named `{name}`, so nothing can be relative to it",
        hint=f"the networks given are {', '.join(dict.fromkeys(names))}",
    )
