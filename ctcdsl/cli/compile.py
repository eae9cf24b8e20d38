"""`ctcdsl compile`."""

from __future__ import annotations

import click

from ctcdsl.cli.inputs import Values, checked_or_exit, input_shape, or_stdin, pick, values_option
from ctcdsl.ir import Shape
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text.files import STDIN


@click.command("compile")
@click.argument("spec", required=False)
@click.option("-o", "--output", metavar="FILE", help="Write here.  [default: standard output]")
@click.option("--net", metavar="NAME", help="Which network, where the spec holds several.")
@click.option("--input", "shape", type=input_shape, metavar="CxHxW", help="Another input.")
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
    from ctcdsl.codegen import generate

    (file,) = or_stdin([spec] if spec else [])
    network = pick(checked_or_exit([file], input=shape, values=values), net, file)
    text = generate(network)
    if output is None or output == STDIN:
        click.echo(text, nl=False)
    else:
        write_atomic(output, text.encode())
        click.echo(f"{network.name} written to {output}", err=True)
