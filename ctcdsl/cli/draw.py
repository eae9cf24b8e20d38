"""`ctcdsl draw`."""

from __future__ import annotations

import click

from ctcdsl.cli.inputs import Values, checked_or_exit, input_shape, or_stdin, pick, values_option
from ctcdsl.ir import Shape
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text.files import STDIN


@click.command("draw")
@click.argument("spec", required=False)
@click.option("-o", "--output", metavar="FILE", help="Write here.  [default: standard output]")
@click.option("--net", metavar="NAME", help="Which network, where the spec holds several.")
@click.option("--input", "shape", type=input_shape, metavar="CxHxW", help="Another input.")
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
    from ctcdsl.drawing import draw_network

    (file,) = or_stdin([spec] if spec else [])
    network = pick(checked_or_exit([file], input=shape, values=values), net, file)
    text = draw_network(network, width=width)
    if output is None or output == STDIN:
        click.echo(text, nl=False)
    else:
        write_atomic(output, text.encode())
        click.echo(f"{network.name} drawn in {output}", err=True)
