"""`ctcdsl rewrite`."""

from __future__ import annotations

import gc
from typing import Any

import click

from ctcdsl.checking import Network
from ctcdsl.cli.inputs import load_network, load_networks, or_stdin
from ctcdsl.cli.options import Values, format_option, net_option, output_option, values_option
from ctcdsl.cli.output import PER_NETWORK, print_diagnostics, print_json
from ctcdsl.cli.tables import as_text
from ctcdsl.designs import Rewrite, rewrite
from ctcdsl.elaborate.drafts import is_network_name
from ctcdsl.passes import Frozen, Interval
from ctcdsl.passes.equation import as_json, report_line
from ctcdsl.passes.lineage import Family, chain_family, find_family
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text.files import STDIN
from ctcdsl.text.plural import plural


def interval(text: str) -> Interval:
    """Read the option `--within`: `-7%,+3%`, or `5%` for either side."""
    try:
        parts = [float(part.strip().removesuffix("%")) / 100 for part in text.split(",")]
    except ValueError:
        parts = []
    if len(parts) == 1:
        parts = [-abs(parts[0]), abs(parts[0])]
    if len(parts) != 2 or not -1 <= parts[0] <= parts[1] <= 100:
        raise click.BadParameter(f"{text!r} is not an interval: write -7%,+3%, or 5%")
    return Interval(*parts)


def network_name(text: str) -> str:
    """Read the option `--name`."""
    if not is_network_name(text):
        raise click.BadParameter(f"{text!r} is not a name for a network")
    return text


@click.command("rewrite")
@click.argument("specs", nargs=-1)
@click.option(
    "--pass",
    "passes",
    multiple=True,
    metavar="NAME[:k=v,…]",
    help="A rewrite to apply; may be repeated. `ctcdsl passes` lists them.",
)
@output_option
@click.option(
    "--graph",
    metavar="FILE",
    help="Draw the chain as SVG; without --pass, which of several networks come from which.",
)
@net_option
@click.option(
    "--name",
    type=network_name,
    metavar="NAME",
    help="The new network's name.  [default: the old one]",
)
@click.option(
    "--within",
    type=interval,
    metavar="LOW,HIGH",
    help="Fail where the chain moves the MACs further: -7%,+3%.",
)
@click.option(
    "--freeze",
    "frozen",
    type=click.Choice([part.value for part in Frozen]),
    multiple=True,
    help="What no pass may change; may be repeated.",
)
@click.option(
    "--multiple",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Fail where a pass sets a width that is not a multiple of N.",
)
@click.option(
    "--weights",
    metavar="FILE",
    help="Carry these weights of the network along, and measure how exact each pass is.",
)
@click.option("--weights-out", metavar="FILE", help="Write the new network's weights here.")
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Print all choices that the pass `recompute` has, instead of a spec.",
)
@values_option
@format_option("text", "json", help="json: the steps with their equations, and the spec, as data.")
def command(
    specs: tuple[str, ...],
    passes: tuple[str, ...],
    output: str | None,
    graph: str | None,
    net: str | None,
    name: str | None,
    within: Interval | None,
    frozen: tuple[str, ...],
    multiple: int,
    weights: str | None,
    weights_out: str | None,
    every: bool,
    values: Values,
    form: str,
) -> None:
    """Rewrite a network by passes, and print its spec.

    Standard error gets the complexity equation of each step: layers touched, before and
    after, as in the paper's Section 4. Without SPEC, standard input is read, so that
    rewrites pipe into each other. `rewrite --graph family.svg specs/*.ctc` draws which of
    many networks are rewrites of which.
    """
    if not passes and graph is not None:
        _draw(
            find_family([network for _, network, _ in load_networks(or_stdin(specs), notes=False)]),
            graph,
        )
        return
    if not passes:
        raise click.UsageError("say what to do: `--pass NAME`; `ctcdsl passes` lists them")
    if len(specs) > 1:
        raise click.UsageError("one spec is rewritten at a time; `--graph` alone takes several")
    if weights_out is not None and weights is None:
        raise click.UsageError("--weights-out writes what --weights reads: give both")
    if weights_out is not None and weights_out == output:
        raise click.UsageError("-o and --weights-out name one file")
    start = load_network(specs[0] if specs else None, net, values=values, notes=False)
    if every:
        _print_choices(start, passes, form)
        return
    if weights is not None:
        gc.enable()  # networks of this size are worth collecting
    result = rewrite(
        start,
        *passes,
        name=name,
        within=within,
        frozen=frozen,
        multiple=multiple,
        weights=weights,
    )
    if result.transfer is not None:
        print_diagnostics(result.transfer.notes)
    if graph is not None:
        _draw(chain_family(result.steps), graph)
    to_file = output if output != STDIN else None
    if result.transfer is not None and weights_out is not None:
        result.transfer.save(weights_out, to_file, result.text)
    elif to_file is not None:
        write_atomic(to_file, result.text.encode())
    if form == "json":
        print_json(_data(result))
        return
    _report(result)
    if to_file is None:
        click.echo(result.text, nl=False)


def _print_choices(start: Network, passes: tuple[str, ...], form: str) -> None:
    """The choices of a pass that has several: what each one takes and costs."""
    from ctcdsl.passes.registry import create, registered
    from ctcdsl.passes.rewrites.recompute import Recompute, as_data, as_table

    (chosen, *others) = [create(text, registered()) for text in passes]
    if others or not isinstance(chosen, Recompute):
        raise click.UsageError("--all shows the choices of one pass: --pass recompute:batch=8")
    choices = chosen.choices(start)
    if form == "json":
        print_json(as_data(start, chosen, choices))
    else:
        click.echo(as_text(as_table(choices)), nl=False)


def _data(result: Rewrite) -> dict[str, Any]:
    """A rewrite as plain data."""
    start = result.steps[0].before
    steps = as_json(result.steps, start)
    data = {"start": start.name, "steps": steps, "spec": result.text}
    if result.transfer is None:
        return data
    for step, exactness in zip(steps, result.transfer.measured, strict=True):
        step["weights"] = exactness.as_json()
    return {**data, "weights": result.transfer.as_json()}


def _report(result: Rewrite) -> None:
    for index, step in enumerate(result.steps):
        click.echo(report_line(step, result.steps[0].before), err=True)
        for note in step.notes:
            click.echo(f"  {note}", err=True)
        if result.transfer is not None:
            click.echo(f"  {result.transfer.measured[index]}", err=True)
    if result.transfer is not None:
        click.echo(result.transfer.summary, err=True)
    print_diagnostics(result.steps[-1].diagnostics, collapse=PER_NETWORK)


def _draw(family: Family, file: str) -> None:
    from ctcdsl.drawing.lineage import draw

    write_atomic(file, draw(family).encode())
    networks, rewrites = len(family.names), len(family.relations)
    again = f"; {family.repeated} given more than once" if family.repeated else ""
    what = f"{plural(networks, 'network')} and {plural(rewrites, 'rewrite')}"
    click.echo(f"{what} drawn in {file}{again}", err=True)
