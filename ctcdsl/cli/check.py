"""`ctcdsl check`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ctcdsl.cli.inputs import LoadedNetwork, check_sweep, or_stdin
from ctcdsl.cli.options import Sweep, format_option, input_option, sweep_option
from ctcdsl.cli.output import print_diagnostics, print_json
from ctcdsl.ir import Shape
from ctcdsl.metrics.tables import conv_maps
from ctcdsl.text import Diagnostic
from ctcdsl.text.formats import as_github, as_json, as_sarif


@click.command("check")
@click.argument("files", nargs=-1)
@input_option
@sweep_option
@format_option(
    "text",
    "json",
    "sarif",
    "github",
    help="How to print the results; sarif and github are for code scanning.",
)
def command(files: tuple[str, ...], shape: Shape | None, sweep: Sweep, form: str) -> int:
    """Check specs: names, structure and every feature map.

    Prints each network's convolution maps, stages separated by a dot, or every error with its
    place and what to do.
    """
    networks, diagnostics, failed = check_sweep(or_stdin(files), input=shape, sweep=sweep)
    if form == "text":
        print_diagnostics(diagnostics, collapse=("CTC901",))
        for loaded in networks:
            maps = conv_maps(loaded.network)
            click.echo(f"{loaded.file}: {loaded.title} ok: maps {maps}")
    elif form == "github":
        click.echo(as_github(diagnostics), nl=False)
    else:
        print_json(as_sarif(diagnostics) if form == "sarif" else _data(networks, diagnostics))
    return int(failed)


def _data(
    networks: Sequence[LoadedNetwork], diagnostics: Sequence[Diagnostic]
) -> dict[str, object]:
    """The networks and diagnostics as plain data."""
    return {
        "networks": [
            {
                "name": network.name,
                "file": file,
                "maps": [
                    [node.output.height, node.output.width] for node, _ in network.convolutions()
                ],
                **({"values": dict(values)} if values else {}),
            }
            for file, network, values in networks
        ],
        "diagnostics": [as_json(diagnostic) for diagnostic in diagnostics],
    }
