"""`ctcdsl check`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ctcdsl.cli.inputs import LoadedNetwork, assignments, check_sweep, or_stdin
from ctcdsl.cli.options import (
    Sweep,
    batch_option,
    format_option,
    input_option,
    latency_option,
    precision_option,
    sweep_option,
)
from ctcdsl.cli.output import print_diagnostics, print_json
from ctcdsl.ir import Shape
from ctcdsl.metrics.catalog import MACS, PARAMS
from ctcdsl.metrics.latency_metrics import LATENCY
from ctcdsl.metrics.memory_metrics import MCU_MEMORY, MEMORY, TRAINING_MEMORY
from ctcdsl.metrics.tables import conv_maps
from ctcdsl.text import Diagnostic, Severity, UserError
from ctcdsl.text.formats import as_github, as_json, as_sarif

if TYPE_CHECKING:
    from ctcdsl.budgets import Budget, Verdict
    from ctcdsl.spaces.summary import Summary

LIMITS = (MACS, PARAMS, MEMORY, TRAINING_MEMORY, MCU_MEMORY, LATENCY)
"""The metrics whose most an option gives, `--max-macs`; a budget bounds the others too."""

_EXAMPLES = {
    "MACs": "1G, or 1.0*A for those of A",
    "values": "60M, or 1.0*A for those of A",
    "bytes": "256KB or 1.5GiB, as of --batch and --precision",
    "seconds": "5ms, by the table of --latency",
}


def _limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for metric in reversed(LIMITS):
        command = click.option(
            f"--max-{metric.name}",
            metavar="AMOUNT",
            help=f"The most {metric.title} of a network: {_EXAMPLES[metric.unit]}.",
        )(command)
    return command


@click.command("check")
@click.argument("files", nargs=-1)
@click.option(
    "--budget", metavar="FILE", help="The bounds that networks must keep to, a TOML file."
)
@_limit_options
@latency_option
@batch_option
@precision_option
@input_option
@sweep_option
@format_option(
    "text",
    "json",
    "sarif",
    "github",
    help="How to print the results; sarif and github are for code scanning.",
)
def command(
    files: tuple[str, ...],
    budget: str | None,
    latency: str | None,
    batch: int | None,
    precision: str | None,
    shape: Shape | None,
    sweep: Sweep,
    form: str,
    **limits: str | None,
) -> int:
    """Check specs: names, structure, every feature map; and budgets.

    Prints each network's convolution maps, stages separated by a dot, or every error with its
    place and what to do. With a budget, or an option such as --max-macs, a network that costs more
    is an error at the layer that weighs most.
    """
    given = {_name(option): x for option, x in limits.items() if x is not None}
    bounds = _budget(budget, given, _conditions(batch, precision, latency))
    networks, diagnostics, failed = check_sweep(or_stdin(files), input=shape, sweep=sweep)
    spaces: list[Summary] = []
    if bounds is None and any(each.code == "CTC119" for each in diagnostics):
        spaces, diagnostics = _spaces(diagnostics, shape, sweep)
        failed = any(each.severity is Severity.ERROR for each in diagnostics)
    verdicts: list[Sequence[Verdict]] = [()] * len(networks)
    if bounds is not None:
        verdicts, errors = _judged(networks, bounds)
        diagnostics = [*diagnostics, *errors]
        failed = failed or any(each.severity is Severity.ERROR for each in errors)
    if form == "text":
        print_diagnostics(diagnostics, collapse=("CTC901",))
        for loaded, judged in zip(networks, verdicts, strict=True):
            if all(verdict.ok for verdict in judged):
                maps = conv_maps(loaded.network)
                click.echo(f"{loaded.file}: {loaded.title} ok: maps {maps}{_shares(judged)}")
        for space in spaces:
            click.echo(f"{space.name} ok: {space.text}")
    elif form == "github":
        click.echo(as_github(diagnostics), nl=False)
    elif form == "sarif":
        print_json(as_sarif(diagnostics))
    else:
        print_json(_data(networks, verdicts, diagnostics, spaces))
    return int(failed)


def _spaces(
    diagnostics: Sequence[Diagnostic], shape: Shape | None, sweep: Sweep
) -> tuple[list[Summary], list[Diagnostic]]:
    """The spaces among specs, all of whose networks are looked at, and what is wrong."""
    from ctcdsl.spaces.summary import as_spaces, summaries

    sources, others = as_spaces(diagnostics)
    pins = {name: values[0] for name, values in sweep if len(values) == 1}
    found: list[Summary] = []
    for source in sources:
        try:
            found += summaries(source, input=shape, pins=pins)
        except UserError as failure:
            others += (each for each in failure.diagnostics if each not in others)
    return found, others


def _name(argument: str) -> str:
    """The metric of an option's argument: `max_training_memory` is of `training-memory`."""
    return argument.removeprefix("max_").replace("_", "-")


def _conditions(batch: int | None, precision: str | None, latency: str | None) -> dict[str, Any]:
    """How networks are run, as far as options say."""
    given = {"batch": batch, "precision": precision}
    conditions: dict[str, Any] = {name: x for name, x in given.items() if x is not None}
    if latency is not None:
        from ctcdsl.metrics.latency_table import read_table

        conditions["latencies"] = read_table(latency)
    return conditions


def _budget(
    file: str | None, limits: Mapping[str, str], conditions: Mapping[str, Any]
) -> Budget | None:
    """The budget of a file and of options; None where there is neither."""
    if file is None and not limits:
        if conditions:
            raise click.UsageError(
                "--batch, --precision and --latency are for budgets: --budget or --max-macs"
            )
        return None
    from ctcdsl.budgets import Budget

    if file is None:
        return Budget(conditions=conditions).with_limits(limits)
    return Budget.read(file, conditions).with_limits(limits)


def _judged(
    networks: Sequence[LoadedNetwork], budget: Budget
) -> tuple[list[Sequence[Verdict]], list[Diagnostic]]:
    """What each network costs of each bound; an error for each that one exceeds, and doubts."""
    verdicts: list[Sequence[Verdict]] = []
    errors: list[Diagnostic] = []
    for loaded in networks:
        verdicts.append(budget.judge(loaded.network))
        run = (f"with {', '.join(assignments(loaded.values))}",) if loaded.values else ()
        failures = (verdict.failure for verdict in verdicts[-1] if not verdict.ok)
        errors += (each._replace(notes=(*each.notes, *run)) for each in failures)
    doubts = budget.doubts(judged[0].cost for judged in verdicts)
    return verdicts, [*doubts, *errors]


def _shares(verdicts: Sequence[Verdict]) -> str:
    """What a network takes of each bound: `; macs 97.9 % of the budget`."""
    shares = [
        f"{verdict.bound.metric.name} {100 * verdict.share:.1f} %"
        for verdict in verdicts
        if verdict.share is not None
    ]
    return f"; {', '.join(shares)} of the budget" if shares else ""


def _data(
    networks: Sequence[LoadedNetwork],
    verdicts: Sequence[Sequence[Verdict]],
    diagnostics: Sequence[Diagnostic],
    spaces: Sequence[Summary],
) -> dict[str, object]:
    """The networks and diagnostics as plain data."""
    of_spaces = [
        {"name": space.name, "designs": space.networks, "macs": list(space.macs)}
        for space in spaces
    ]
    return {
        **({"spaces": of_spaces} if spaces else {}),
        "networks": [
            {
                "name": network.name,
                "file": file,
                "maps": [
                    [node.output.height, node.output.width] for node, _ in network.convolutions()
                ],
                **({"values": dict(values)} if values else {}),
                **({"budget": [each.as_json() for each in judged]} if judged else {}),
            }
            for (file, network, values), judged in zip(networks, verdicts, strict=True)
        ],
        "diagnostics": [as_json(diagnostic) for diagnostic in diagnostics],
    }
