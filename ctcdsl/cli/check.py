"""`ctcdsl check`."""

from __future__ import annotations

import click

from ctcdsl.cli.inputs import check_files, input_shape, or_stdin
from ctcdsl.cli.report import show
from ctcdsl.cost.report import conv_maps
from ctcdsl.ir import Shape
from ctcdsl.text.render import as_json


@click.command("check")
@click.argument("files", nargs=-1)
@click.option(
    "--input", "shape", type=input_shape, metavar="CxHxW", help="Check for another input."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print what was found.",
)
def command(files: tuple[str, ...], shape: Shape | None, form: str) -> int:
    """Check specs: names, structure and every feature map.

    Prints each network's convolution maps, stages parted by a dot; mistakes, several in
    one run, with their place and what to do.
    """
    networks, diagnostics, failed = check_files(or_stdin(files), input=shape)
    if form == "json":
        import json

        data = {
            "networks": [
                {
                    "name": checked.name,
                    "file": file,
                    "maps": [
                        [placed.output.height, placed.output.width]
                        for placed, _ in checked.convolutions()
                    ],
                }
                for file, checked in networks
            ],
            "diagnostics": [as_json(diagnostic) for diagnostic in diagnostics],
        }
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        show(diagnostics, fold=("CTC901",))
        for file, checked in networks:
            click.echo(f"{file}: {checked.name} is fine: maps {conv_maps(checked)}")
    return int(failed)
