"""`ctcdsl eval`."""

from __future__ import annotations

import errno
import gc
import os
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from ctcdsl.cli.options import Values, device_option, format_option, net_option, values_option
from ctcdsl.cli.processes import together
from ctcdsl.cli.tested import Manner, Tested, tested_by_all
from ctcdsl.cli.workbench import crop_of, require_training
from ctcdsl.storage.atomic import write_error

if TYPE_CHECKING:
    from ctcdsl.evaluation.views import Views
    from ctcdsl.images.split_names import Split


@click.command("eval")
@click.argument("names", nargs=-1, metavar="[SPEC] RUN")
@click.option("--data", metavar="DIR", help="Images: a folder, tar shards or a pack.  [the run's]")
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test"]),
    help="Which images of it.  [test, else val]",
)
@click.option(
    "--views",
    type=click.Choice(["1", "10", "dense"]),
    default="10",
    show_default=True,
    help="1: the centre; 10: four corners and centre, and their flips; dense: every place.",
)
@net_option
@values_option
@click.option("--picture", metavar="FILE", help="Draw learning curve, views and predictions (PNG).")
@click.option("--report", metavar="FILE", help="Write a page of the worst errors (HTML).")
@click.option(
    "--worst",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    help="How many errors the page shows.",
)
@click.option(
    "--prefix",
    type=click.Choice(["auto", "off"]),
    default="auto",
    show_default=True,
    help="Compute layers that the 10 views share once an image, where it changes no bit.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bf16"]),
    help="Of the layers.  [default: as the run was trained]",
)
@click.option(
    "--compile",
    type=click.Choice(["off", "on", "graphs"]),
    help="By torch.compile; with CUDA graphs.  [off]",
)
@click.option("--tune", is_flag=True, help="Try these three on 10 views; take the fastest.")
@click.option("--batch", type=int, help="Views computed together.  [default: the run's batch]")
@click.option(
    "--workers",
    type=int,
    help="Threads that read images.  [for a GPU the cores, else none]",
)
@device_option
@format_option("text", "json")
def command(
    names: tuple[str, ...],
    data: str | None,
    split: Split | None,
    views: str,
    net: str | None,
    values: Values,
    picture: str | None,
    report: str | None,
    worst: int,
    prefix: str,
    device: str,
    form: str,
    **how: Any,
) -> None:
    """Test a trained network by the paper's 10 views.

    RUN is the folder of a run, whose newest checkpoint is taken, or of a checkpoint. It knows its
    network and its images: a SPEC or --data only need to be named to test with others. The
    four corners and the centre are cut from each image, and each is flipped; the softmax
    outputs of the views are averaged. Prints top-1 and top-5 error, each class's error and
    which classes are confused; as JSON all of it. Tested are the images of test, else of val;
    --split takes others. Processes that torchrun starts test a share each.
    """
    if len(names) not in (1, 2):
        raise click.UsageError("name the folder of a run: ctcdsl eval RUN")
    spec, checkpoint = (None, *names)[-2:]
    assert checkpoint is not None
    require_training()
    gc.enable()
    from ctcdsl.execution.interrupt import interruptible

    with together() as ranks, interruptible() as stop:
        try:
            for file in (picture, report):
                if file is not None:
                    ranks.by_leader(partial(_require_place, file))
            tested = tested_by_all(
                spec,
                checkpoint,
                data=data,
                split=split,
                views=cast("Views", views if views == "dense" else int(views)),
                net=net,
                values=values,
                manner=Manner(prefix=prefix == "auto", **how),
                device=device,
                ranks=ranks,
                stop=stop,
            )
            if not ranks.is_main:
                return
            _say(tested, form)
            if picture is not None:
                _draw(picture, tested)
            if report is not None:
                _write_page(report, tested, worst)
        except KeyboardInterrupt as caught:
            traceback.clear_frames(caught.__traceback__)  # ends threads before signals count again
            raise


def _say(tested: Tested, form: str) -> None:
    from ctcdsl.cli.scores import as_json, as_text

    name, classes, scores = tested.network.name, tested.saved.identity.classes, tested.scores
    if scores.note:
        click.echo(f"note: {scores.note}", err=True)
    if form == "json":
        import json

        click.echo(json.dumps(as_json(name, tested.split, classes, scores), indent=2))
    else:
        for line in as_text(name, tested.split, classes, scores):
            click.echo(line)


def _draw(file: str, tested: Tested) -> None:
    from ctcdsl.evaluation.run_figure import draw_run
    from ctcdsl.evaluation.views import counted
    from ctcdsl.runs.info import tested_on

    scores, saved, crop = tested.scores, tested.saved, crop_of(tested.network)
    draw_run(
        Path(file),
        title=f"{tested.network.name}: {counted(scores.views)},"
        f" {tested.split} top-1 error {100 * scores.top1_error:.1f}%",
        split=tested.split,
        rows=saved.rows,
        rows_split=tested_on(saved.run),
        scores=scores,
        images=tested.images,
        crop=crop,
        shorter=saved.recipe.resize_for(crop),
        channels=saved.identity.input[0],
    )
    click.echo(f"picture written to {file}", err=True)


def _write_page(file: str, tested: Tested, worst: int) -> None:
    from ctcdsl.evaluation.error_page import write_page

    saved = tested.saved
    write_page(
        Path(file),
        title=tested.network.name,
        split=tested.split,
        scores=tested.scores,
        images=tested.images,
        facts=[("checkpoint", f"{saved.path}, {saved.progress}"), ("ctcdsl", saved.version)],
        most=worst,
    )
    click.echo(f"page of errors written to {file}", err=True)


def _require_place(file: str) -> None:
    """Refuse a file that could not be written, before a test that may take hours.

    Raises:
        UserError: CTC608 where its folder is missing, or a folder stands in its place.
    """
    folder = os.path.dirname(file) or os.curdir
    number = 0
    if os.path.isdir(file):
        number = errno.EISDIR
    elif not os.path.exists(folder):
        number = errno.ENOENT
    elif not os.path.isdir(folder):
        number = errno.ENOTDIR
    elif not os.access(folder, os.W_OK):
        number = errno.EACCES
    if number:
        raise write_error(OSError(number, os.strerror(number)), file)
