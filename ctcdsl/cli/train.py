"""`ctcdsl train`."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ctcdsl.cli.options import (
    Values,
    data_option,
    device_option,
    input_option,
    net_option,
    recipe_option,
    values_option,
)
from ctcdsl.cli.processes import display, together
from ctcdsl.cli.recipe_options import recipe_fields, recipe_options
from ctcdsl.cli.saved import spec_network
from ctcdsl.cli.scores import chance
from ctcdsl.ir import Shape
from ctcdsl.runs.schedule import Interval
from ctcdsl.text.packages import require_packages
from ctcdsl.text.plural import plural
from ctcdsl.text.shell import command as shell_command

if TYPE_CHECKING:
    from ctcdsl.runs.run import Run

INTERRUPTED = 130
REPEATABLE = ("repeat", "run", "data", "device", "checkpoint_every", "keep", "tensorboard")
"""The options that `--repeat` takes: none of them changes what is computed."""


def _interval(text: str) -> str:
    """Read the option `--checkpoint-every`."""
    try:
        Interval.parse(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither a time nor a number of steps: write 10min, 600s, or 500"
        ) from None
    return text


@click.command("train")
@click.argument("spec", required=False)
@data_option
@click.option(
    "--from",
    "weights",
    metavar="FILE|RUN",
    help="Fine-tune: start from these weights, with a new head where it differs.",
)
@click.option("--run", metavar="DIR", help="Folder of the run.  [default: runs/NAME]")
@click.option("--resume", is_flag=True, help="Resume the run from its last checkpoint.")
@click.option("--auto-resume", is_flag=True, help="Resume if there is a checkpoint, else start.")
@click.option(
    "--allow-changed-data", is_flag=True, help="Resume with other images; the run records it."
)
@click.option("--repeat", metavar="RUN", help="Do a run again: its spec, recipe, data and seed.")
@click.option(
    "--checkpoint-every",
    type=_interval,
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
    run: str | None,
    resume: bool,
    auto_resume: bool,
    repeat: str | None,
    tensorboard: bool,
    net: str | None,
    shape: Shape | None,
    values: Values,
    recipe_name: str | None,
    **options: Any,
) -> int:
    """Train a network: the recipe of the paper's Section 5, with every number an option.

    Without --data, the photographs that come with ctcdsl are used ("which photograph is this
    patch from?"), by a recipe for small data and at a small input, so that a laptop finishes
    in minutes. The run's folder gets the spec, the module, how the run was started, a log a
    line an epoch (CSV and JSON lines) and checkpoints, from which --resume continues.
    """
    require_packages("training", "torch", "numpy", "PIL", "safetensors", "rich")
    gc.enable()
    from ctcdsl.execution.interrupt import Interrupted
    from ctcdsl.experiments import train

    if repeat is None and spec is None and run is None and (resume or auto_resume):
        raise click.UsageError("name the run: --run RUN, or the spec whose run it is")
    with together() as processes:
        network = None
        if repeat is None:
            own_run = run if resume or auto_resume else None
            network = spec_network(spec, net, values, own_run)
        try:
            with display(processes) as shown:
                callbacks = [shown]
                if tensorboard:
                    from ctcdsl.training.tensorboard import TensorBoard

                    callbacks.append(TensorBoard())
                if repeat is not None:
                    result = _repeat(repeat, run=run, callbacks=callbacks, **options)
                else:
                    result = train(
                        network,
                        run=run,
                        resume="auto" if auto_resume and not resume else resume,
                        input=shape,
                        recipe=recipe_name,  # type: ignore[arg-type]  # click.Choice
                        callbacks=callbacks,
                        **recipe_fields(options),
                    )
        except Interrupted as stopped:
            click.echo(str(stopped), err=True)
            return INTERRUPTED
        if processes.is_main:
            _conclude(result)
    return 0


def _repeat(folder: str, **options: Any) -> Run:
    """Repeat a run, which takes everything that it computes from the run."""
    from ctcdsl.training.repeat import repeat

    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and name not in REPEATABLE:
            shown = parameter.opts[0] if parameter.opts[0].startswith("-") else "SPEC"
            raise click.UsageError(f"--repeat takes all from the run: leave out {shown}")
    names = (*REPEATABLE, "callbacks")
    return repeat(folder, **{name: options[name] for name in names if name in options})


def _conclude(run: Run) -> None:
    """The result, and what to do next."""
    last, classes, images = run.log[-1], len(run.classes), run.images
    by_chance = f" (chance {chance(classes)})" if classes > 1 else ""
    click.echo(
        f"{run.name}: top-1 error {100 * last.test_top1_error:.1f}% after"
        f" {plural(last.epoch, 'epoch')}{by_chance}, one view of"
        f" {plural(images.test, f'{images.tested_on} image')}; the run is {run.folder}"
    )
    evaluate = shell_command("eval", run.folder)
    click.echo(f"evaluate it with 10 views: {evaluate}", err=True)
