"""The networks of a comparison, fitted to the data all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.cli.inputs import Named
from ctcdsl.cli.order import file_name
from ctcdsl.cli.report import show
from ctcdsl.cli.workbench import EMBEDDED_SIDE, Data, identity
from ctcdsl.ir import Shape
from ctcdsl.text import Source

if TYPE_CHECKING:
    from ctcdsl.comparison.seed_runs import ComparedNetwork


def contestants(
    named: Sequence[Named], sources: Sequence[Source], data: Data, shape: Shape | None
) -> tuple[ComparedNetwork, ...]:
    """The networks for the data's classes at the input asked for; all misfits are shown at once.

    Without one, the embedded photographs take the smallest square that all of them fit.
    """
    from ctcdsl.comparison.seed_runs import ComparedNetwork

    if shape is None and data.embedded:
        least = min(min(each.network.input[1:]) for each in named)
        channels = named[0].network.input.channels
        shape = next(
            (
                square
                for side in range(EMBEDDED_SIDE, least)
                if all(_fits(each.network, square := Shape(channels, side, side)) for each in named)
            ),
            None,
        )
    reports = [
        infer_shapes(each.network.architecture, input=shape, classes=len(data.classes))
        for each in named
    ]
    problems = [error for report in reports for error in report.errors]
    if problems:
        show(problems)
        raise click.exceptions.Exit(1)
    fitted = [report.networks[0] for report in reports]
    if len(inputs := {network.input for network in fitted}) > 1:
        listed = ", ".join(sorted(map(str, inputs)))
        click.echo(
            f"note: the networks see different inputs ({listed}); --input gives them one", err=True
        )
    elif any(each.network.input not in inputs for each in named):
        click.echo(f"note: compared at {inputs.pop()}, not at the specs' own input", err=True)
    texts = {source.name: source.text for source in sources}
    return tuple(
        ComparedNetwork(
            file=each.file,
            given=texts[each.file],
            folder=file_name(network.name),
            network=network,
            identity=identity(network, data.classes),
        )
        for each, network in zip(named, fitted, strict=True)
    )


def _fits(network: Network, shape: Shape) -> bool:
    return infer_shapes(network.architecture, input=shape).ok
