"""`ctcdsl train`."""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ctcdsl.cli.inputs import Values, checked_or_exit, input_shape, or_stdin, pick, values_option
from ctcdsl.cli.recipe_options import recipe_options, with_options
from ctcdsl.cli.workbench import (
    Data,
    crop_of,
    device_named,
    fitted,
    identity,
    open_data,
    require_training,
)
from ctcdsl.ir import Shape
from ctcdsl.text.files import write_whole
from ctcdsl.training.recipe import Recipe

if TYPE_CHECKING:
    from ctcdsl.check import CheckedNetwork

INTERRUPTED = 130


@click.command("train")
@click.argument("spec", required=False)
@click.option("--data", metavar="DIR", help="Folder with train/CLASS/ and test/CLASS/ images.")
@click.option("--run", "run_folder", metavar="DIR", help="Results go here.  [runs/NAME]")
@click.option("--resume", is_flag=True, help="Go on with the run from its last checkpoint.")
@click.option("--net", metavar="NAME", help="Which network, where the spec holds several.")
@click.option("--input", "shape", type=input_shape, metavar="CxHxW", help="Another input.")
@values_option
@click.option(
    "--recipe",
    "recipe_name",
    type=click.Choice(["paper", "small"]),
    help="Where the numbers start from.  [paper; small without --data]",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to compute.",
)
@recipe_options
def command(
    spec: str | None,
    data: str | None,
    run_folder: str | None,
    resume: bool,
    net: str | None,
    shape: Shape | None,
    values: Values,
    recipe_name: str | None,
    device: str,
    **given: Any,
) -> int:
    """Train a network: the recipe of the paper's Section 5, with every number an option.

    Without --data, the photographs that come with ctcdsl are used ("which photograph is this
    patch from?"), by a recipe for small data and at a small input, so that a laptop finishes
    in minutes. The run's folder gets the spec, the module, a log a line an epoch (CSV and
    JSON lines) and a checkpoint after each epoch.
    """
    require_training()
    gc.enable()
    (file,) = or_stdin([spec] if spec else [])
    checked = pick(checked_or_exit([file], values=values), net, file)
    recipe = with_options(_recipe(recipe_name, embedded=data is None), given)
    return _train(file, checked, data, run_folder, resume, shape, recipe, given, device)


def _recipe(name: str | None, *, embedded: bool) -> Recipe:
    chosen = name or ("small" if embedded else "paper")
    return Recipe.small() if chosen == "small" else Recipe.paper()


def _train(
    file: str,
    checked: CheckedNetwork,
    folder: str | None,
    run_folder: str | None,
    resume: bool,
    shape: Shape | None,
    recipe: Recipe,
    given: dict[str, Any],
    device_name: str,
) -> int:
    from ctcdsl.cli.progress import Display
    from ctcdsl.codegen.load import build_module
    from ctcdsl.training import checkpoint
    from ctcdsl.training.interrupt import Interrupted
    from ctcdsl.training.loop import train

    device = device_named(device_name)
    run = Path(run_folder) if run_folder else Path("runs") / _file_name(checked.name)
    data = open_data(folder)
    if resume:
        saved = checkpoint.load(run / checkpoint.FILE)
        recipe = with_options(saved.recipe, given)
        shape = shape or Shape(*saved.identity.input)
    network = fitted(checked, input=shape, classes=len(data.classes), embedded=data.embedded)
    _introduce(checked, network, data, run)
    try:
        with Display() as display:
            outcome = train(
                build_module(network),
                data.splits.train,
                data.splits.test,
                recipe,
                crop=crop_of(network),
                run=run,
                identity=identity(network, data.classes),
                reporter=display,
                resume=resume,
                device=device,
            )
    except Interrupted as stopped:
        if stopped.last_epoch is not None:
            _write_sources(run, network)
        click.echo(str(stopped), err=True)
        return INTERRUPTED
    _write_sources(run, network)
    last = outcome.rows[-1]
    chance = 1 - 1 / len(data.classes)
    click.echo(
        f"{network.name}: top-1 error {100 * last.test_top1_error:.1f}% after {last.epoch}"
        f" epoch{'s' * (last.epoch > 1)}"
        f" (chance {100 * chance:.1f}%), one view; the checkpoint is {outcome.checkpoint}"
    )
    click.echo(f"test it with 10 views: ctcdsl eval {file} {outcome.checkpoint}", err=True)
    return 0


def _introduce(before: CheckedNetwork, network: CheckedNetwork, data: Data, run: Path) -> None:
    if data.embedded:
        click.echo(
            "note: the embedded photographs: a class is a photograph, to be recognised from a"
            " patch of its other side. --data DIR trains on your own images.",
            err=True,
        )
    if network.network.input != before.network.input:
        click.echo(
            f"note: trained at {network.network.input}, not the spec's {before.network.input};"
            f" --input {before.network.input} for the full size",
            err=True,
        )
    if network.network.classes != before.network.classes:
        click.echo(
            f"note: {network.network.classes} classes as in the data, not the spec's"
            f" {before.network.classes}",
            err=True,
        )
    click.echo(f"{network.name} goes to {run}", err=True)


def _write_sources(run: Path, network: CheckedNetwork) -> None:
    """Put spec and module beside the weights they belong to."""
    from ctcdsl.codegen import generate
    from ctcdsl.ir.unparse import unparse

    write_whole(run / "spec.ctc", unparse(network.network).encode())
    write_whole(run / "model.py", generate(network).encode())


def _file_name(name: str) -> str:
    """A folder's name for a network: `J'` is `J_prime`."""
    plain = re.sub("['′]", "_prime", name)
    return re.sub(r"[^A-Za-z0-9_+-]+", "_", plain).strip("_") or "network"
