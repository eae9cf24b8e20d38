"""`ctcdsl compile`."""

from __future__ import annotations

import click

from ctcdsl.api import generate
from ctcdsl.cli.inputs import load_network
from ctcdsl.cli.options import Values, input_option, net_option, output_option, values_option
from ctcdsl.cli.report import write_output
from ctcdsl.ir import Shape


@click.command("compile")
@click.argument("spec", required=False)
@output_option
@net_option
@input_option
@values_option
@click.option("--target", type=click.Choice(["pytorch"]), default="pytorch", show_default=True)
def command(
    spec: str | None,
    output: str | None,
    net: str | None,
    shape: Shape | None,
    values: Values,
    target: str,
) -> None:
    """Generate a PyTorch module from a spec.

    The module needs torch alone, reads as written by hand, and is the same text each time.
    """
    network = load_network(spec, net, input=shape, values=values)
    write_output(generate(network, target), output, f"{network.name} written to")
