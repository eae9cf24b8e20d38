"""`ctcdsl eval`."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from ctcdsl.cli.inputs import Values, checked_or_exit, pick, values_option
from ctcdsl.cli.workbench import (
    crop_of,
    device_named,
    fitted,
    identity,
    open_data,
    require_training,
)
from ctcdsl.ir import Shape

if TYPE_CHECKING:
    from ctcdsl.training.ten_view import Scores, Views


@click.command("eval")
@click.argument("spec")
@click.argument("checkpoint")
@click.option("--data", metavar="DIR", help="Folder with test/CLASS/ images.")
@click.option(
    "--views",
    type=click.Choice(["1", "10"]),
    default="10",
    show_default=True,
    help="1: the centre; 10: four corners and centre, and their flips.",
)
@click.option("--net", metavar="NAME", help="Which network, where the spec holds several.")
@values_option
@click.option("--picture", metavar="FILE", help="Draw learning curve, views and predictions (PNG).")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to compute.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print the errors.",
)
def command(
    spec: str,
    checkpoint: str,
    data: str | None,
    views: str,
    net: str | None,
    values: Values,
    picture: str | None,
    device: str,
    form: str,
) -> None:
    """Test a trained network by the paper's 10 views.

    The four corners and the centre are cut from each image, and each is flipped; the softmax
    outputs of the views are averaged. Prints top-1 and top-5 error and each class's error.
    Without --data, the photographs that come with ctcdsl are used.
    """
    require_training()
    gc.enable()
    from ctcdsl.cli.progress import Display
    from ctcdsl.codegen.load import build_module
    from ctcdsl.training import checkpoint as checkpoints
    from ctcdsl.training.ten_view import evaluate

    where = device_named(device)
    checked = pick(checked_or_exit([spec], values=values), net, spec)
    path = Path(checkpoint)
    saved = checkpoints.load(path)
    opened = open_data(data)
    network = fitted(
        checked,
        input=Shape(*saved.identity.input),
        classes=len(saved.identity.classes),
        embedded=opened.embedded,
    )
    checkpoints.require_identity(saved, identity(network, opened.splits.test.classes), path)
    module = build_module(network)
    checkpoints.restore_model(module, saved, path)
    with Display() as display:
        scores = evaluate(
            module.to(where),
            opened.splits.test,
            crop=crop_of(network),
            views=cast("Views", int(views)),
            recipe=saved.recipe,
            statistics=saved.statistics,
            reporter=display,
            device=where,
        )
    if form == "json":
        import json

        click.echo(json.dumps(_as_json(network.name, saved.identity.classes, scores), indent=2))
    else:
        _print(network.name, saved.identity.classes, scores)
    if picture is not None:
        from ctcdsl.training import log
        from ctcdsl.training.picture import draw_run

        crop = crop_of(network)
        draw_run(
            Path(picture),
            title=f"{network.name}: {scores.views} views,"
            f" top-1 error {100 * scores.top1_error:.1f}%",
            rows=log.read(path.parent),
            scores=scores,
            images=opened.splits.test,
            crop=crop,
            shorter=saved.recipe.resize_for(crop),
        )
        click.echo(f"picture written to {picture}", err=True)


def _print(name: str, classes: tuple[str, ...], scores: Scores) -> None:
    plural = "s" if scores.views > 1 else ""
    click.echo(
        f"{name}: {scores.images} images, {scores.views} view{plural}:"
        f" top-1 error {100 * scores.top1_error:.2f}%,"
        f" top-{scores.k} error {100 * scores.top5_error:.2f}%"
        f" (chance {100 * (1 - 1 / len(classes)):.1f}% and"
        f" {100 * (1 - scores.k / len(classes)):.1f}%)"
    )
    width = max(map(len, classes))
    for label, error in zip(classes, scores.class_errors, strict=True):
        shown = "no images" if error is None else f"{100 * error:5.1f}%"
        click.echo(f"  {label.ljust(width)}  {shown}")


def _as_json(name: str, classes: tuple[str, ...], scores: Scores) -> dict[str, Any]:
    return {
        "name": name,
        "images": scores.images,
        "views": scores.views,
        "loss": scores.loss,
        "top1_error": scores.top1_error,
        f"top{scores.k}_error": scores.top5_error,
        "class_errors": dict(zip(classes, scores.class_errors, strict=True)),
    }
