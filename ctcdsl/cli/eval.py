"""`ctcdsl eval`."""

from __future__ import annotations

import gc
import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from ctcdsl.cli.options import Values, device_option, format_option, net_option, values_option
from ctcdsl.cli.output import require_writable
from ctcdsl.cli.processes import display, together
from ctcdsl.cli.saved import spec_network
from ctcdsl.cli.scores import as_text
from ctcdsl.text.packages import require_packages

if TYPE_CHECKING:
    from ctcdsl.evaluation.evaluation import Evaluation
    from ctcdsl.evaluation.views import Views
    from ctcdsl.images.split_names import Split


@click.command("eval")
@click.argument("names", nargs=-1, metavar="[SPEC] RUN|FILE")
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
    help="Use torch.compile (graphs: with CUDA graphs).  [off]",
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
    form: str,
    **options: Any,
) -> None:
    """Evaluate a trained network by the paper's 10 views.

    RUN is the folder of a run, whose newest checkpoint is taken, or of a checkpoint. It knows its
    network and its images: a SPEC or --data only need to be named to evaluate with others. FILE is
    one of `ctcdsl export`, which its runtime computes: it needs --data. The
    four corners and the centre are cut from each image, and each is flipped; the softmax
    outputs of the views are averaged. Prints top-1 and top-5 error, each class's error and
    which classes are confused; as JSON all of it. The images are those of test, else of val;
    --split takes others. Processes that torchrun starts evaluate a share each.
    """
    if len(names) not in (1, 2):
        raise click.UsageError("name the folder of a run: ctcdsl eval RUN")
    *specs, run = names
    require_packages("evaluation", "torch", "numpy", "PIL", "safetensors", "rich", "matplotlib")
    gc.enable()
    from ctcdsl.evaluation.evaluation import EvaluationConfig, evaluate_run
    from ctcdsl.execution.interrupt import interruptible
    from ctcdsl.exporters.evaluate import evaluate_exported

    with together() as processes:
        for file in (picture, report):
            if file is not None:
                processes.on_main(partial(require_writable, file))
        network = spec_network(specs[0] if specs else None, net, values, run)
        config = EvaluationConfig(
            views=cast("Views", views if views == "dense" else int(views)),
            split=split,
            prefix=prefix == "auto",
            **options,
        )
        with display(processes) as shown:
            if not specs and os.path.isfile(run):
                evaluation = evaluate_exported(run, config, data=data, callbacks=[shown])
            else:
                evaluation = evaluate_run(
                    run, config, network=network, data=data, callbacks=[shown]
                )
        if not processes.is_main:
            return
        if form == "json":
            click.echo(json.dumps(evaluation.scores.as_json(), indent=2))
        else:
            for line in as_text(evaluation.scores):
                click.echo(line)
        with interruptible():
            if picture is not None:
                _draw(picture, evaluation)
            if report is not None:
                _write_page(report, evaluation, worst)


def _draw(file: str, evaluation: Evaluation) -> None:
    from ctcdsl.evaluation.run_figure import draw_run

    channels, height, width = evaluation.network.input
    draw_run(
        Path(file),
        scores=evaluation.scores,
        images=evaluation.images,
        rows=evaluation.rows,
        rows_split=evaluation.rows_split,
        crop=(height, width),
        shorter=evaluation.shorter,
        channels=channels,
    )
    click.echo(f"picture written to {file}", err=True)


def _write_page(file: str, evaluation: Evaluation, worst: int) -> None:
    from ctcdsl.evaluation.error_page import write_page

    write_page(
        Path(file),
        scores=evaluation.scores,
        images=evaluation.images,
        facts=evaluation.facts,
        limit=worst,
    )
    click.echo(f"page of errors written to {file}", err=True)
