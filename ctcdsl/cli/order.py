"""What `train` is asked to do: by a spec and options, or by the folder of an earlier run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ctcdsl.check import CheckedNetwork
from ctcdsl.cli.inputs import Values, checked_or_exit, or_stdin, pick
from ctcdsl.cli.recipe_options import with_options
from ctcdsl.ir import Shape
from ctcdsl.text.files import read_source
from ctcdsl.training.recipe import Recipe

if TYPE_CHECKING:
    from ctcdsl.training.record import Record

MAY_BE_GIVEN = ("repeat", "run_folder", "data", "device", "every", "keep", "tensorboard")
"""The options that `--repeat` takes: none of them changes what is computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A training to be done."""

    file: str
    """The spec, as messages name it."""
    given: str
    """Its text."""
    checked: CheckedNetwork
    data: str | None
    run: Path
    recipe: Recipe
    input: Shape | None
    device: str
    resume: bool = False
    repeats: Record | None = None


def asked(
    spec: str | None,
    *,
    net: str | None,
    values: Values,
    data: str | None,
    run: str | None,
    recipe_name: str | None,
    options: dict[str, Any],
    input: Shape | None,
    device: str,
    resume: bool,
    auto_resume: bool,
) -> Order:
    """What the spec and the options say; of a run that is resumed, its own recipe underneath.

    Raises:
        UserError: CTC610 where there is nothing to resume, CTC605 for a number out of range.
    """
    from ctcdsl.training import checkpoint, manifest

    (file,) = or_stdin([spec] if spec else [])
    source = read_source(file)
    checked = pick(checked_or_exit([source], values=values), net, source.name)
    folder = Path(run) if run else Path("runs") / file_name(checked.name)
    if resume or (auto_resume and manifest.numbers(folder)):
        saved = checkpoint.load(folder)
        recipe, resume = saved.recipe, True
        input = input or Shape(*saved.identity.input)
    else:
        small = (recipe_name or ("paper" if data else "small")) == "small"
        recipe = Recipe.small() if small else Recipe.paper()
    return Order(
        file=file,
        given=source.text,
        checked=checked,
        data=data,
        run=folder,
        recipe=with_options(recipe, options),
        input=input,
        device=device,
        resume=resume,
    )


def repeated(folder: Path, *, run: str | None, data: str | None, device: str) -> Order:
    """What the run in `folder` was, to be done again in another one.

    Raises:
        UserError: CTC623 where the folder does not say.
        click.UsageError: for an option that would make another run of it.
    """
    from ctcdsl.training import record as records

    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name not in MAY_BE_GIVEN:
            name = parameter.opts[0] if parameter.opts[0].startswith("-") else "SPEC"
            raise click.UsageError(f"--repeat takes all from the run: leave out {name}")
    record = records.read(folder)
    source = read_source(str(folder / records.SPEC))
    checked = pick(checked_or_exit([source], notes=False), None, source.name)
    return Order(
        file=source.name,
        given=source.text,
        checked=checked,
        data=data or record.data,
        run=Path(run) if run else folder.with_name(f"{folder.resolve().name}_repeated"),
        recipe=Recipe.from_dict(record.recipe),
        input=checked.network.input,
        device=record.device if device == "auto" else device,
        repeats=record,
    )


def file_name(name: str) -> str:
    """A folder's name for a network: `J'` is `J_prime`."""
    plain = re.sub("['′]", "_prime", name)
    return re.sub(r"[^A-Za-z0-9_+-]+", "_", plain).strip("_") or "network"
