"""`ctcdsl train`."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ctcdsl.cli.options import (
    Values,
    data_option,
    device_option,
    input_option,
    net_option,
    recipe_option,
    values_option,
)
from ctcdsl.cli.order import Order, asked, repeated
from ctcdsl.cli.processes import Aside, together
from ctcdsl.cli.recipe_options import recipe_options
from ctcdsl.cli.recording import keeping_of, list_images, require_images_of
from ctcdsl.cli.scores import chance
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
from ctcdsl.runs.schedule import Interval
from ctcdsl.text import shell
from ctcdsl.text.plural import plural

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ctcdsl.checking import Network
    from ctcdsl.cli.progress import Display
    from ctcdsl.distributed.processes import Processes
    from ctcdsl.execution.events import Callback
    from ctcdsl.images.fingerprint import ImageRecord
    from ctcdsl.runs.log import Row

INTERRUPTED = 130


def _every(text: str) -> Interval:
    """Read the option `--checkpoint-every`."""
    try:
        return Interval.parse(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time and no number of steps: write 10min, 600s, or 500"
        ) from None


@click.command("train")
@click.argument("spec", required=False)
@data_option
@click.option("--run", "run_folder", metavar="DIR", help="Results go here.  [runs/NAME]")
@click.option("--resume", is_flag=True, help="Go on with the run from its last checkpoint.")
@click.option("--auto-resume", is_flag=True, help="Go on if there is a checkpoint, else begin.")
@click.option(
    "--allow-changed-data", is_flag=True, help="Resume with other images; the run records it."
)
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
@net_option
@input_option
@values_option
@recipe_option
@device_option
@recipe_options
def command(
    spec: str | None,
    data: str | None,
    run_folder: str | None,
    resume: bool,
    auto_resume: bool,
    allow_changed_data: bool,
    repeat: str | None,
    every: Interval,
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
            orders = repeated(Path(repeat), run=run_folder, data=data, device=device)
            _require_images(orders, ranks)
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
                allow_changed_data=allow_changed_data,
            )
            orders = (order,)
        fixed = Given(given["precision"], given["compile"]) if tune else None
        for number, order in enumerate(orders, start=1):
            if len(orders) > 1:
                click.echo(f"part {number} of {len(orders)}: {_part(order)}", err=True)
            code = _train(order, every, keep, tensorboard, fixed, ranks)
            if code:
                return code
    return 0


def _part(order: Order) -> str:
    """How far one of several sessions trains."""
    if order.until is None:
        return "to the end"
    epochs, steps = order.until
    return f"to epoch {epochs}" if not steps else f"to epoch {epochs + 1}, step {steps}"


def _require_images(orders: Sequence[Order], ranks: Processes) -> None:
    """Refuse to repeat a run on other images, before anything is trained."""
    seen: dict[str | None, tuple[ImageRecord, ...]] = {}
    with _display(ranks) as display:
        for order in orders:
            if order.data not in seen:
                data = open_data(order.data)
                seen[order.data] = list_images(data, display, order.recipe.workers, ranks)
            if order.repeats is not None:
                require_images_of(order, order.repeats, seen[order.data])


@contextmanager
def _display(ranks: Processes) -> Iterator[Display | None]:
    """What the process that leads shows."""
    from ctcdsl.cli.progress import Display

    if not ranks.is_main:
        yield None
        return
    with Display() as display:
        yield display


def _train(
    order: Order,
    every: Interval,
    keep: int,
    tensorboard: bool,
    tune: Given | None,
    ranks: Processes,
) -> int:
    from ctcdsl.cli.report import show
    from ctcdsl.codegen.load import build_module
    from ctcdsl.execution.interrupt import Interrupted
    from ctcdsl.images.channels import channel_notes
    from ctcdsl.metrics.memory import training_memory
    from ctcdsl.runs.identity import require_same_classes
    from ctcdsl.training.checks import require_unused
    from ctcdsl.training.loop import train

    device = ranks.device(device_named(order.device))
    data = open_data(order.data)
    if order.resumed is not None and order.resumed.classes is not None:
        require_same_classes(order.resumed.classes, data.classes, order.run)
    network = fitted(
        order.network, input=order.input, classes=len(data.classes), embedded=data.embedded
    )
    _introduce(order, network, data)
    show(channel_notes(network.input.channels, data.splits.train))
    model = build_module(network)
    if tune is not None:
        order = _tuned(order, model, network, device, tune, ranks)
    try:
        with ExitStack() as open_reporters:
            shown = open_reporters.enter_context(_display(ranks))
            if order.resumed is None:
                require_unused(order.run)  # before all images are read
            keeping = keeping_of(
                order,
                network,
                list_images(data, shown, order.recipe.workers, ranks),
                every=every,
                keep=keep,
                device=device.type,
                processes=ranks.shard.world,
            )
            display: Callback = shown or Aside()
            if tensorboard and ranks.is_main:
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
                resume=order.resumed is not None,
                device=device,
                keeping=keeping,
                memory=training_memory(network, 2 if order.recipe.precision == "bf16" else 4),
                ranks=ranks,
                tested_on=data.splits.tested_on,
                until=order.until,
            )
    except Interrupted as stopped:
        click.echo(str(stopped), err=True)
        return INTERRUPTED
    if order.until is None:
        _conclude(order, network, data, outcome.rows[-1])
    return 0


def _conclude(order: Order, network: Network, data: Data, last: Row) -> None:
    """The result, and how to go on."""
    classes = len(data.classes)
    by_chance = f" (chance {chance(classes)})" if classes > 1 else ""
    test = plural(len(data.splits.test), f"{data.splits.tested_on} image")
    click.echo(
        f"{network.name}: top-1 error {100 * last.test_top1_error:.1f}% after"
        f" {plural(last.epoch, 'epoch')}{by_chance}, one view of {test};"
        f" the run is {order.run}"
    )
    if order.resumed is not None and order.resumed.place[0] >= order.recipe.last_epoch:
        further = shell.command(
            "train", "--run", order.run, "--resume", "--epochs", str(last.epoch + 1)
        )
        click.echo(f"note: it was trained to its end before; further: {further}", err=True)
    click.echo(f"test it with 10 views: {shell.command('eval', order.run)}", err=True)


def _tuned(
    order: Order,
    model: nn.Module,
    network: Network,
    device: torch.device,
    given: Given,
    ranks: Processes,
) -> Order:
    """The order in the way that was found to be fastest; a run that goes on keeps its own."""
    from ctcdsl.training.autotune import ExecutionConfig

    if order.resumed is not None:
        way = named(ExecutionConfig.as_in(order.recipe))
        click.echo(f"note: --tune is for runs that begin; the run keeps its own: {way}", err=True)
        return order
    return replace(order, recipe=tuned_training(model, network, order.recipe, device, ranks, given))


def _with_events(display: Callback, run: Path, opened: ExitStack) -> Callback:
    from ctcdsl.execution.events import CallbackList
    from ctcdsl.training.tensorboard import TensorBoard

    events = TensorBoard(run)
    opened.callback(events.close)
    return CallbackList(display, events)


def _introduce(order: Order, network: Network, data: Data) -> None:
    before = order.network
    if data.embedded:
        click.echo(
            "note: the embedded photographs: a class is a photograph, to be recognised from a"
            " patch of its other side. --data DIR trains on your own images.",
            err=True,
        )
    if network.input != before.input:
        click.echo(
            f"note: trained at {network.input}, not the spec's {before.input};"
            f" --input {before.input} for the full size",
            err=True,
        )
    if network.classes != before.classes:
        click.echo(
            f"note: {plural(network.classes, 'class')} as in the data, not the spec's"
            f" {before.classes}",
            err=True,
        )
    click.echo(f"{network.name} goes to {order.run}", err=True)
