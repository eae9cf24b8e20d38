"""`ctcdsl export`."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ctcdsl.cli.inputs import load_network
from ctcdsl.cli.options import (
    Values,
    data_option,
    format_option,
    input_option,
    net_option,
    values_option,
)
from ctcdsl.cli.output import print_json, require_writable
from ctcdsl.ir import Shape
from ctcdsl.text.files import read_source
from ctcdsl.text.packages import require_packages

if TYPE_CHECKING:
    from ctcdsl.exporters.export import Export


def numbers(text: str) -> tuple[float, ...]:
    """Read the options `--mean` and `--std`: `123.7,116.3,103.5`."""
    try:
        return tuple(map(float, text.split(",")))
    except ValueError:
        raise click.BadParameter(f"{text!r}: write a number a channel, 123.7,116.3,103.5") from None


@click.command("export")
@click.argument("spec", required=False, metavar="RUN|SPEC")
@click.option(
    "--target",
    default="onnx",
    show_default=True,
    help="onnx, onnx-int8, openvino, openvino-int8, torch-export, or a plug-in's.",
)
@click.option("-o", "--output", metavar="FILE", help="Write here.  [default: NAME.SUFFIX]")
@click.option("--weights", metavar="FILE|RUN", help="Weights of a SPEC.  [initial ones]")
@data_option
@click.option("--mean", type=numbers, metavar="R,G,B", help="Of a SPEC: subtracted from pixels.")
@click.option("--std", type=numbers, metavar="R,G,B", help="Of a SPEC: divides them then.")
@click.option("--classes", metavar="FILE", help="Of a SPEC: the name of a class a line.")
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 100),
    default=1.0,
    show_default=True,
    metavar="PERCENT",
    help="Accuracy that int8 may lose, in points.",
)
@click.option(
    "--images",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Test images to compare on, at most.",
)
@net_option
@input_option
@values_option
@format_option("text", "json")
def command(
    spec: str | None,
    target: str,
    output: str | None,
    net: str | None,
    shape: Shape | None,
    values: Values,
    classes: str | None,
    max_drop: float,
    form: str,
    **options: Any,
) -> None:
    """Export a trained network to a file that another runtime serves.

    RUN is the folder of a run, or of a checkpoint. Batch norms are folded and branches fused; the
    file takes uint8 RGB pixels, holds the classes' names, and its nodes have the names of the
    stages. It is run at once and compared with the module on the test images; int8 is calibrated
    on training images, and is an error where it loses more than --max-drop.
    """
    packages = ("torch", "numpy", "PIL", "safetensors", "rich")
    require_packages("exporting", *packages)
    gc.enable()
    from ctcdsl.cli.progress import Display
    from ctcdsl.deployment import export

    if output is not None:
        require_writable(output)
    if spec is not None and os.path.isdir(spec):
        named = {"--net": net, "--input": shape, "-D": values, "--classes": classes}
        named |= {f"--{name}": options[name] for name in ("weights", "mean", "std")}
        for option, given in named.items():
            if given:
                raise click.UsageError(f"{option} is for a spec: a run has its own")
        source: Any = spec
    else:
        source = load_network(spec, net, input=shape, values=values)
    if classes is not None:
        options["classes"] = read_source(classes).text.split("\n")
        options["classes"] = [name.strip() for name in options["classes"] if name.strip()]
    with Display() as shown:
        done = export(source, target, output, max_drop=max_drop / 100, callbacks=[shown], **options)
    if form == "json":
        print_json(done.as_json())
        return
    for line in _lines(done):
        click.echo(line)


def _lines(done: Export) -> Iterator[str]:
    agreement = done.agreement
    files = " and ".join(map(str, done.files))
    yield f"{done.name} exported to {files}: {done.target}, {done.bytes / 1e6:,.1f} MB"
    for note in done.notes:
        yield f"  {note}"
    images = f"{agreement.images} {agreement.split} images"
    yield f"  on {images} logits differ by at most {agreement.difference:.1e} of the largest"
    same = f"  the same class is likeliest in {100 * agreement.top1:.2f}%"
    if agreement.accuracy is not None:
        module, exported = agreement.accuracy
        same += f"; accuracy {100 * exported:.2f}%, of the module {100 * module:.2f}%"
    yield same
