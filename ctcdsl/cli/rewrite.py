"""`ctcdsl rewrite`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ctcdsl.checking import Network
from ctcdsl.cli.inputs import Values, checked_or_exit, or_stdin, pick, values_option
from ctcdsl.cli.report import show
from ctcdsl.cli.rewrite_weights import (
    require_places,
    require_transfer,
    transferred,
    with_weights,
    write_both,
)
from ctcdsl.ir import Architecture
from ctcdsl.loading import find_spec
from ctcdsl.passes import Frozen, Interval, Step, require_within, run_passes
from ctcdsl.passes.equation import as_json, report_line
from ctcdsl.passes.lineage import Family, chain_family, find_family
from ctcdsl.passes.registry import create, registered
from ctcdsl.passes.update_source import update_source
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.syntax.nodes import Header
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source
from ctcdsl.text.files import STDIN
from ctcdsl.text.plural import plural

if TYPE_CHECKING:
    from ctcdsl.passes.weights.transferred import TransferredWeights


def interval(text: str) -> Interval:
    """Read the option `--within`: `-7%,+3%`, or `5%` for either side."""
    try:
        parts = [float(part.strip().removesuffix("%")) / 100 for part in text.split(",")]
    except ValueError:
        parts = []
    if len(parts) == 1:
        parts = [-abs(parts[0]), abs(parts[0])]
    if len(parts) != 2 or not -1 <= parts[0] <= parts[1] <= 100:
        raise click.BadParameter(f"{text!r} is no interval: write -7%,+3%, or 5%")
    return Interval(*parts)


@click.command("rewrite")
@click.argument("specs", nargs=-1)
@click.option(
    "--pass",
    "passes",
    multiple=True,
    metavar="NAME[:k=v,…]",
    help="A rewrite to apply; may be repeated. `ctcdsl passes` lists them.",
)
@click.option("-o", "--output", metavar="FILE", help="Write here.  [default: standard output]")
@click.option(
    "--graph",
    metavar="FILE",
    help="Draw the chain as SVG; without --pass, which of several networks come from which.",
)
@click.option("--net", metavar="NAME", help="Which network, where the spec holds several.")
@click.option("--name", metavar="NAME", help="The new network's name.  [default: the old one]")
@click.option(
    "--within",
    type=interval,
    metavar="LOW,HIGH",
    help="Fail where the chain moves the MACs further: -7%,+3%.",
)
@click.option(
    "--freeze",
    "frozen",
    type=click.Choice([contract.value for contract in Frozen]),
    multiple=True,
    help="What no pass may change; may be repeated.",
)
@click.option(
    "--multiple",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Fail where a pass sets a width that is no multiple of N.",
)
@click.option(
    "--weights",
    metavar="FILE",
    help="Carry these weights of the network along, and measure how exact each pass is.",
)
@click.option("--weights-out", metavar="FILE", help="Write the new network's weights here.")
@values_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: the steps with their equations, and the spec, as data.",
)
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
    values: Values,
    form: str,
) -> None:
    """Rewrite a network by passes, and print its spec.

    The complexity equation of each step goes to standard error: layers touched, before and
    after, as in the paper's Section 4. Without SPEC, standard input is read, so that
    rewrites pipe into each other. `rewrite --graph family.svg specs/*.ctc` draws which of
    many networks are rewrites of which.
    """
    if not passes and graph is not None:
        _draw(
            find_family([named.network for named in checked_or_exit(or_stdin(specs), notes=False)]),
            graph,
        )
        return
    if not passes:
        raise click.UsageError("say what to do: `--pass NAME`; `ctcdsl passes` lists them")
    if len(specs) > 1:
        raise click.UsageError("one spec is rewritten at a time; `--graph` alone takes several")
    known = registered()
    chain = [create(text, known) for text in passes]
    require_places(weights, weights_out, output)
    if weights is not None:
        require_transfer(chain)
    (file,) = or_stdin(specs)
    source = (found := find_spec(file)).source
    start = pick(checked_or_exit([found], values=values, notes=False), net, file)
    contracts = [Frozen(contract) for contract in frozen]
    steps = run_passes(start, chain, frozen=contracts, multiple=multiple)
    end = steps[-1].after
    if within is not None:
        require_within(within, start, end)
    after = end.architecture if name is None else _renamed(end.architecture, name)
    text = update_source(source, start.architecture, after, dict(values))
    new_weights = None if weights is None else transferred(weights, start, steps, text)
    if graph is not None:
        _draw(chain_family([start, *(step.after for step in steps)], chain), graph)
    to_file = output is not None and output != STDIN
    if new_weights is not None and weights_out is not None:
        write_both(output if to_file else None, text, weights_out, new_weights)
    elif output is not None and to_file:
        write_atomic(output, text.encode())
    if form == "json":
        import json

        data = {"start": start.name, "steps": as_json(steps, start), "spec": text}
        click.echo(json.dumps(with_weights(data, new_weights), indent=2, ensure_ascii=False))
    else:
        _report(steps, start, new_weights)
        if not to_file:
            click.echo(text, nl=False)


def _report(steps: list[Step], start: Network, weights: TransferredWeights | None) -> None:
    for index, step in enumerate(steps):
        click.echo(report_line(step, start), err=True)
        for remark in step.remarks:
            click.echo(f"  {remark}", err=True)
        if weights is not None:
            click.echo(f"  {weights.measured[index]}", err=True)
    if weights is not None:
        click.echo(weights.summary, err=True)
    show(steps[-1].notes, fold=("CTC901", "CTC902", "CTC903", "CTC906", "CTC907"))


def _draw(family: Family, file: str) -> None:
    from ctcdsl.drawing.lineage import draw

    write_atomic(file, draw(family).encode())
    networks, rewrites = len(family.names), len(family.relations)
    again = f"; {family.repeated} given more than once" if family.repeated else ""
    what = f"{_count(networks, 'network')} and {_count(rewrites, 'rewrite')}"
    click.echo(f"{what} drawn in {file}{again}", err=True)


def _count(number: int, what: str) -> str:
    return plural(number, what)


def _renamed(architecture: Architecture, name: str) -> Architecture:
    tree, mistakes = parse(Source("", f"net {name}"))
    header = tree.statements[0] if len(tree.statements) == 1 and not mistakes else None
    if not isinstance(header, Header) or header.values[0].span.text != name:
        raise click.BadParameter(f"{name!r} is no name for a network", param_hint="--name")
    return replace(architecture, name=name)
