"""`ctcdsl predict`."""

from __future__ import annotations

import gc
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from ctcdsl.cli.options import device_option, format_option
from ctcdsl.cli.output import print_diagnostics, require_writable
from ctcdsl.cli.tables import as_csv, as_text
from ctcdsl.text.files import STDIN
from ctcdsl.text.packages import require_packages

if TYPE_CHECKING:
    from ctcdsl.prediction.images import GivenImages


@click.command("predict")
@click.argument("run", metavar="RUN|FILE")
@click.argument("images", nargs=-1, metavar="IMAGES…")
@click.option(
    "--views",
    type=click.Choice(["1", "10"]),
    default="10",
    show_default=True,
    help="1: the centre; 10: four corners and centre, and their flips.",
)
@click.option(
    "--top",
    type=click.IntRange(1, 5),
    default=5,
    show_default=True,
    help="Classes of each image.",
)
@click.option("--sheet", metavar="FILE", help="Draw the images with their classes (PNG).")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bf16"]),
    help="Of the layers.  [default: as the run was trained]",
)
@click.option(
    "--batch", type=click.IntRange(min=1), help="Views computed together.  [the run's batch]"
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Threads that read images.  [for a GPU the cores, else none]",
)
@device_option
@format_option("text", "csv", "jsonl")
def command(
    run: str, images: tuple[str, ...], views: str, sheet: str | None, form: str, **options: Any
) -> int:
    """Predict the classes of images.

    RUN is the folder of a run or of a checkpoint, FILE one of `ctcdsl export`. IMAGES are files,
    and folders with images at any depth; `-` is standard input: an image, or paths, one a line.
    Prints the likeliest classes of each and how likely they are, in percent; as JSON lines from 0
    to 1.
    Images that cannot be read are reported at the end, and the exit code is 1.
    """
    require_packages("prediction", "torch", "numpy", "PIL", "safetensors", "rich")
    gc.enable()
    from ctcdsl.cli.progress import Display
    from ctcdsl.deployment import predict
    from ctcdsl.images.skipped_files import skipped_notes
    from ctcdsl.prediction.images import collect, from_stdin

    if STDIN in images and len(images) > 1:
        raise click.UsageError("`-` is standard input, and stands alone")
    if not images and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError("name images, or `-` for standard input")
    if sheet is not None:
        require_writable(sheet)

    def given(classes: tuple[str, ...]) -> GivenImages:
        if images and STDIN not in images:
            return collect(images, classes)
        return from_stdin(sys.stdin.buffer.read(), classes)

    with Display() as shown:
        found = predict(run, given, views=10 if views == "10" else 1, callbacks=[shown], **options)
    if form == "jsonl":
        for prediction in found:
            click.echo(json.dumps(prediction.as_json(), ensure_ascii=False))
    else:
        click.echo((as_csv if form == "csv" else as_text)(found.table()), nl=False)
    if sheet is not None:
        from ctcdsl.prediction.sheet import write_sheet

        write_sheet(sheet, found)
        click.echo(f"sheet written to {sheet}", err=True)
    print_diagnostics([*skipped_notes(found.images.skipped), *found.failed])
    return 1 if found.failed else 0
