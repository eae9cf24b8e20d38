"""`ctcdsl compile`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import click

from ctcdsl.api import generate
from ctcdsl.cli.inputs import LoadedNetwork, assignments, load_sweep, or_stdin
from ctcdsl.cli.options import Sweep, input_option, net_option, output_option, sweep_option
from ctcdsl.cli.output import write_output
from ctcdsl.ir import Shape
from ctcdsl.loading import select
from ctcdsl.text.files import STDIN


@click.command("compile")
@click.argument("spec", required=False)
@output_option
@net_option
@input_option
@sweep_option
@click.option("--target", type=click.Choice(["pytorch"]), default="pytorch", show_default=True)
def command(
    spec: str | None,
    output: str | None,
    net: str | None,
    shape: Shape | None,
    sweep: Sweep,
    target: str,
) -> None:
    """Generate a PyTorch module from a spec.

    The module needs torch alone, reads as written by hand, and is the same text each time.
    Of several values (`-D w=0.5,1`) each is a file in the folder -o.
    """
    loaded = load_sweep(or_stdin([spec] if spec else []), input=shape, sweep=sweep)
    if not loaded[0].values:
        network = select([each.network for each in loaded], net, loaded[0].file)
        write_output(generate(network, target), output, f"{network.name} written to")
        return
    runs: dict[tuple[tuple[str, float], ...], list[LoadedNetwork]] = {}
    for each in loaded:
        runs.setdefault(tuple(each.values.items()), []).append(each)
    if output is None or output == STDIN or output.endswith(".py"):
        raise click.UsageError(f"{len(runs)} networks are a file each: name their folder, -o DIR")
    os.makedirs(output, exist_ok=True)
    for values, networks in runs.items():
        network = select([each.network for each in networks], net, networks[0].file)
        file = os.path.join(output, _module_name(network.name, dict(values)))
        title = networks[0]._replace(network=network).title
        write_output(generate(network, target), file, f"{title} written to")


def _module_name(name: str, values: Mapping[str, float]) -> str:
    """A file that Python can import: `mobilenet_v2_w0_75.py`."""
    texts = [name, *(text.replace("=-", "_minus").replace("=", "") for text in assignments(values))]
    return re.sub(r"\W", "_", "_".join(texts)) + ".py"
