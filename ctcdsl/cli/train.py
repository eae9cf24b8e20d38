"""`ctcdsl train`."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ctcdsl.cli.inputs import Values, input_shape, values_option
from ctcdsl.cli.order import Order, asked, repeated
from ctcdsl.cli.processes import Aside, together
from ctcdsl.cli.recipe_options import recipe_options
from ctcdsl.cli.tuned import Given, named, tuned_training
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
from ctcdsl.training.cadence import Every

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ctcdsl.check import CheckedNetwork
    from ctcdsl.training.distributed import Ranks
    from ctcdsl.training.report import Reporter
    from ctcdsl.training.session import Keeping

INTERRUPTED = 130


def _every(text: str) -> Every:
    """Read the option `--checkpoint-every`."""
    try:
        return Every.parse(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time and no number of steps: write 10min, 600s, or 500"
        ) from None


@click.command("train")
@click.argument("spec", required=False)
@click.option("--data", metavar="DIR", help="Folder with train/CLASS/ and val/CLASS/ images.")
@click.option("--run", "run_folder", metavar="DIR", help="Results go here.  [runs/NAME]")
@click.option("--resume", is_flag=True, help="Go on with the run from its last checkpoint.")
@click.option("--auto-resume", is_flag=True, help="Go on if there is a checkpoint, else begin.")
@click.option("--repeat", metavar="RUN", help="Do a run again: its spec, recipe, data and seed.")
@click.option(
    "--checkpoint-every",
    "every",
    type=_every,
    default="10min",
    show_default=True,
    metavar="TIME|STEPS",
    help="Save inside an epoch, too; at its end always.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Checkpoints that stay, besides the best.",
)
@click.option("--tune", is_flag=True, help="Try precisions and --compile; take the fastest.")
@click.option("--tensorboard", is_flag=True, help="Write events for TensorBoard.")
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
    auto_resume: bool,
    repeat: str | None,
    every: Every,
    keep: int,
    tune: bool,
    tensorboard: bool,
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
    in minutes. The run's folder gets the spec, the module, how the run was started, a log a
    line an epoch (CSV and JSON lines) and checkpoints, from which --resume goes on.
    """
    require_training()
    gc.enable()
    with together() as ranks:
        if repeat is not None:
            order = repeated(Path(repeat), run=run_folder, data=data, device=device)
        else:
            order = asked(
                spec,
                net=net,
                values=values,
                data=data,
                run=run_folder,
                recipe_name=recipe_name,
                options=given,
                input=shape,
                device=device,
                resume=resume,
                auto_resume=auto_resume,
            )
        fixed = Given(given["precision"], given["compile"]) if tune else None
        return _train(order, every, keep, tensorboard, fixed, ranks)


def _train(
    order: Order,
    every: Every,
    keep: int,
    tensorboard: bool,
    tune: Given | None,
    ranks: Ranks,
) -> int:
    from ctcdsl.cli.progress import Display
    from ctcdsl.codegen.load import build_module
    from ctcdsl.cost.memory import footprint
    from ctcdsl.training.interrupt import Interrupted
    from ctcdsl.training.loop import train

    device = ranks.device(device_named(order.device))
    data = open_data(order.data)
    network = fitted(
        order.checked, input=order.input, classes=len(data.classes), embedded=data.embedded
    )
    _introduce(order, network, data)
    model = build_module(network)
    if tune is not None:
        order = _tuned(order, model, network, device, tune, ranks)
    keeping = _keeping(order, network, data, every, keep, device.type, ranks.share.world)
    try:
        with ExitStack() as open_reporters:
            display: Reporter = open_reporters.enter_context(Display()) if ranks.leads else Aside()
            if tensorboard and ranks.leads:
                display = _with_events(display, order.run, open_reporters)
            outcome = train(
                model,
                data.splits.train,
                data.splits.test,
                order.recipe,
                crop=crop_of(network),
                run=order.run,
                identity=identity(network, data.classes),
                reporter=display,
                resume=order.resume,
                device=device,
                keeping=keeping,
                footprint=footprint(network, 2 if order.recipe.precision == "bf16" else 4),
                ranks=ranks,
                tested_on=data.splits.tested_on,
            )
    except Interrupted as stopped:
        click.echo(str(stopped), err=True)
        return INTERRUPTED
    last, test = outcome.rows[-1], f"{len(data.splits.test)} {data.splits.tested_on} images"
    chance = 1 - 1 / len(data.classes)
    click.echo(
        f"{network.name}: top-1 error {100 * last.test_top1_error:.1f}% after {last.epoch}"
        f" epoch{'s' * (last.epoch > 1)}"
        f" (chance {100 * chance:.1f}%), one view of {test}; the run is {order.run}"
    )
    click.echo(f"test it with 10 views: ctcdsl eval {order.file} {order.run}", err=True)
    return 0


def _tuned(
    order: Order,
    model: nn.Module,
    network: CheckedNetwork,
    device: torch.device,
    given: Given,
    ranks: Ranks,
) -> Order:
    """The order in the way that was found to be fastest; a run that goes on keeps its own."""
    from ctcdsl.training.tuning import Way

    if order.resume:
        way = named(Way.as_in(order.recipe))
        click.echo(f"note: --tune is for runs that begin; the run keeps its own: {way}", err=True)
        return order
    return replace(order, recipe=tuned_training(model, network, order.recipe, device, ranks, given))


def _with_events(display: Reporter, run: Path, opened: ExitStack) -> Reporter:
    from ctcdsl.training.report import Several
    from ctcdsl.training.tensorboard import TensorBoard

    events = TensorBoard(run)
    opened.callback(events.close)
    return Several(display, events)


def _introduce(order: Order, network: CheckedNetwork, data: Data) -> None:
    before = order.checked
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
    click.echo(f"{network.name} goes to {order.run}", err=True)


def _keeping(
    order: Order,
    network: CheckedNetwork,
    data: Data,
    every: Every,
    keep: int,
    device: str,
    processes: int,
) -> Keeping:
    """The run's files: spec and module beside the weights they belong to, and how it began."""
    import torch

    from ctcdsl.codegen import generate
    from ctcdsl.ir.unparse import unparse
    from ctcdsl.training import record as records
    from ctcdsl.training.session import Keeping

    images = records.Images.of(data.splits.train, data.splits.test, data.splits.tested_on)
    earlier = order.repeats
    if earlier is not None:
        records.require_same_images(earlier, images, order.run)
        if device == "cpu":  # sums are rounded by how they are split
            torch.set_num_threads(earlier.threads)
    elif order.resume and (order.run / records.RECORD).exists():
        earlier = records.read(order.run)
    for difference in records.differences(earlier, processes) if earlier else ():
        click.echo(f"note: {difference}; the last bits may differ", err=True)
    if order.resume and earlier is not None:
        record = earlier.continued(order.recipe, processes)
    else:
        record = records.Record(
            network=network.name,
            data=str(Path(order.data).resolve()) if order.data else None,
            images=images,
            recipe=order.recipe.as_dict(),
            device=device,
            sessions=(records.this_session(processes),),
        )
    return Keeping(
        every=every,
        last=keep,
        files={
            records.GIVEN: order.given,
            records.SPEC: unparse(network.network),
            records.MODULE: generate(network),
            records.RECORD: record.text(),
        },
    )
