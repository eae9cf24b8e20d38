"""`ctcdsl draw`."""

from __future__ import annotations

import click

from ctcdsl.cli.inputs import load_network
from ctcdsl.cli.options import Values, input_option, net_option, output_option, values_option
from ctcdsl.cli.output import write_output
from ctcdsl.ir import Shape


@click.command("draw")
@click.argument("spec", required=False)
@output_option
@net_option
@input_option
@values_option
@click.option(
    "--width",
    type=click.IntRange(min=0, max=100_000),
    default=840,
    show_default=True,
    metavar="PIXELS",
    help="Where the stages wrap; 0 puts them below each other.",
)
def command(
    spec: str | None,
    output: str | None,
    net: str | None,
    shape: Shape | None,
    values: Values,
    width: int,
) -> None:
    """Draw a network as SVG: stages, layers, branches, feature maps.

    Equal layers and blocks that follow each other are folded to ×N. The darker a layer is,
    the larger its share of the convolutions' MACs. The picture follows the reader's light or
    dark mode, and is the same text each time.
    """
    network = load_network(spec, net, input=shape, values=values)
    write_output(network.draw(width=width), output, f"{network.name} drawn in")
