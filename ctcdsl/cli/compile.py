"""`ctcdsl compile`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import click

from ctcdsl.api import Network, generate
from ctcdsl.arguments import tensors
from ctcdsl.cli.inputs import LoadedNetwork, assignments, load_sweep, or_stdin
from ctcdsl.cli.options import Sweep, input_option, net_option, output_option, sweep_option
from ctcdsl.cli.output import print_diagnostics, write_output
from ctcdsl.ir import Shape
from ctcdsl.loading import select
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text.files import STDIN
from ctcdsl.text.packages import require_packages


@click.command("compile")
@click.argument("spec", required=False)
@output_option
@net_option
@input_option
@sweep_option
@click.option(
    "--weights",
    metavar="FILE|RUN",
    help="Write these weights under the module's names: its own, torchvision's or timm's.",
)
@click.option("--weights-out", metavar="FILE", help="Where to.  [-o with the suffix .safetensors]")
@click.option("--target", type=click.Choice(["pytorch"]), default="pytorch", show_default=True)
def command(
    spec: str | None,
    output: str | None,
    net: str | None,
    shape: Shape | None,
    sweep: Sweep,
    weights: str | None,
    weights_out: str | None,
    target: str,
) -> None:
    """Generate a PyTorch module from a spec.

    The module needs torch alone, reads as written by hand, and is the same text each time.
    Of several values (`-D w=0.5,1`) each is a file in the folder -o.
    """
    if weights_out is not None and weights is None:
        raise click.UsageError("--weights-out writes what --weights reads: give both")
    loaded = load_sweep(or_stdin([spec] if spec else []), input=shape, sweep=sweep)
    if not loaded[0].values:
        network = select([each.network for each in loaded], net, loaded[0].file)
        if weights is not None:
            _write_weights(network, weights, weights_out or _beside(output))
        write_output(generate(network, target), output, f"{network.name} written to")
        return
    if weights is not None:
        raise click.UsageError("--weights are of one network: give each -D one value")
    runs: dict[tuple[tuple[str, float | str], ...], list[LoadedNetwork]] = {}
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


def _beside(output: str | None) -> str:
    if output is None or output == STDIN:
        raise click.UsageError("name the file of the module's weights, --weights-out FILE")
    return f"{os.path.splitext(output)[0]}.safetensors"


def _write_weights(network: Network, weights: str, file: str) -> None:
    require_packages("a transfer of weights", "torch", "safetensors")
    from ctcdsl.passes.weights.pretrained import converted

    content, notes = converted(network, tensors(weights), weights)
    print_diagnostics(notes)
    write_atomic(file, content)
    click.echo(f"weights written to {file}", err=True)


def _module_name(name: str, values: Mapping[str, float | str]) -> str:
    """A file that Python can import: `mobilenet_v2_w0_75.py`."""
    texts = [name, *(text.replace("=-", "_minus").replace("=", "") for text in assignments(values))]
    return re.sub(r"\W", "_", "_".join(texts)) + ".py"
