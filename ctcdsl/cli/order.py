"""What `train` is asked to do: by a spec and options, or by the folder of an earlier run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ctcdsl.checking import Network
from ctcdsl.cli.inputs import checked_or_exit, or_stdin, pick
from ctcdsl.cli.options import Values
from ctcdsl.cli.recipe_options import with_options
from ctcdsl.cli.saved import images_of, network_of, own_network, refuse_without_spec
from ctcdsl.ir import Shape
from ctcdsl.loading import find_spec
from ctcdsl.recipe import Recipe
from ctcdsl.text.files import read_source

if TYPE_CHECKING:
    from ctcdsl.runs.info import SessionInfo

MAY_BE_GIVEN = ("repeat", "run_folder", "data", "device", "every", "keep", "tensorboard")
"""The options that `--repeat` takes: none of them changes what is computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The checkpoint that a run is resumed from."""

    session: int
    """The number of the session that wrote it."""
    place: tuple[int, int]
    classes: tuple[str, ...] | None = None
    """Those of the run, where its network is not known to fit the data's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A training to be done."""

    given: str | None
    """The text of the spec; None where a run is resumed by its own."""
    network: Network
    data: str | None
    run: Path
    recipe: Recipe
    input: Shape | None
    device: str
    resumed: Resumed | None = None
    allow_changed_data: bool = False
    repeats: SessionInfo | None = None
    until: tuple[int, int] | None = None
    """Where it ends before its end: epochs done, and steps of the next one."""


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
    allow_changed_data: bool,
) -> Order:
    """What the spec and the options say; of a run that is resumed, its own underneath.

    A resumed run needs neither spec nor data: it has its own.

    Raises:
        UserError: CTC610 where there is nothing to resume, CTC605 for a number out of range,
            CTC625 where the images of a resumed run are not known or gone.
        click.UsageError: neither a spec nor a run that could be resumed is named.
    """
    from ctcdsl.runs import checkpoint, manifest

    if spec is None and run is None and (resume or auto_resume):
        raise click.UsageError("name the run: --run RUN, or the spec whose run it is")
    folder = Path(run) if run else None
    alone = spec is None and folder is not None and (resume or manifest.numbers(folder))
    given, named, file = None, [], ""
    if alone and (resume or auto_resume):
        refuse_without_spec(net, values)
    else:
        (file,) = or_stdin([spec] if spec else [])
        found = find_spec(file)
        named = checked_or_exit([found], values=values)
        given, file = found.source.text, found.source.name
    if folder is None:
        folder = Path("runs") / file_name(pick(named, net, file).name)
    if not resume and not (auto_resume and manifest.numbers(folder)):
        small = (recipe_name or ("paper" if data else "small")) == "small"
        return Order(
            given=given,
            network=pick(named, net, file),
            data=data,
            run=folder,
            recipe=with_options(Recipe.small() if small else Recipe.paper(), options),
            input=input,
            device=device,
        )
    saved = checkpoint.load(folder)
    identity = saved.identity
    return Order(
        given=given,
        network=(
            own_network(folder, identity)
            if given is None
            else network_of(named, net, identity, file)
        ),
        data=images_of(folder, data, identity.classes),
        run=folder,
        recipe=with_options(saved.recipe, options),
        input=input or Shape(*identity.input),
        device=device,
        resumed=Resumed(
            session=saved.session, place=saved.progress.position, classes=identity.classes
        ),
        allow_changed_data=allow_changed_data,
    )


def repeated(folder: Path, *, run: str | None, data: str | None, device: str) -> tuple[Order, ...]:
    """What the run in `folder` was, to be done again in another one: an order a session.

    Raises:
        UserError: CTC623 where the folder does not say, CTC626 where it holds several runs.
        click.UsageError: for an option that would make another run of it.
    """
    from ctcdsl.runs import checkpoint, manifest
    from ctcdsl.runs import info as records

    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name not in MAY_BE_GIVEN:
            name = parameter.opts[0] if parameter.opts[0].startswith("-") else "SPEC"
            raise click.UsageError(f"--repeat takes all from the run: leave out {name}")
    if manifest.runs_below(folder) and not manifest.numbers(folder):
        checkpoint.load(folder)  # says so
    lineage = records.read(folder).lineage()
    if lineage[0][0].position != (0, 0):
        raise records.info_error(
            folder / records.INFO, "the record does not reach back to the run's beginning"
        )
    source = read_source(str(folder / records.SPEC))
    network = pick(checked_or_exit([source], notes=False), None, source.name)
    target = Path(run) if run else folder.with_name(f"{folder.resolve().name}_repeated")
    return tuple(
        Order(
            given=source.text,
            network=network,
            data=data or session.data,
            run=target,
            recipe=Recipe.from_dict(session.recipe),
            input=network.input,
            device=session.device if device == "auto" else device,
            resumed=(Resumed(session=number - 1, place=session.position) if number else None),
            allow_changed_data=True,
            repeats=session,
            until=until,
        )
        for number, (session, until) in enumerate(lineage)
    )


def file_name(name: str) -> str:
    """A folder's name for a network: `J'` is `J_prime`."""
    plain = re.sub("['′]", "_prime", name)
    return re.sub(r"[^A-Za-z0-9_+-]+", "_", plain).strip("_") or "network"
