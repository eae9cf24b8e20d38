"""What a run knows of itself: its network and its images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ctcdsl.checking import Network
from ctcdsl.cli.inputs import Named, checked_or_exit, pick
from ctcdsl.cli.options import Values
from ctcdsl.text import Diagnostic, Source, UserError

if TYPE_CHECKING:
    from ctcdsl.runs.identity import ModelIdentity


def own_network(run: Path, identity: ModelIdentity) -> Network:
    """The network that a checkpoint was trained with, at its input and for its classes."""
    source = Source(str(run / "spec.ctc"), identity.spec)
    return pick(checked_or_exit([source], notes=False), None, source.name)


def network_of(named: list[Named], net: str | None, identity: ModelIdentity, file: str) -> Network:
    """The network of a spec that is named, else the one with the name of the run's."""
    if net is None and any(each.network.name == identity.name for each in named):
        net = identity.name
    return pick(named, net, file)


def refuse_without_spec(net: str | None, values: Values) -> None:
    """Raise `click.UsageError` for options that choose or change a spec where none is given."""
    for given, option in ((net, "--net"), (values, "-D")):
        if given:
            raise click.UsageError(
                f"{option} is for a spec, and none is named: the run has its own"
            )


def images_of(run: Path, given: str | None, classes: tuple[str, ...]) -> str | None:
    """Where the images of `run` are, unless another place is given; None for the embedded ones.

    Raises:
        UserError: CTC625 where the run does not record it, or they are gone.
    """
    from ctcdsl.images.sample import CLASSES
    from ctcdsl.runs import info as records

    if given is not None:
        return given
    hint = "name the folder that has them now with --data"
    try:
        data = records.read(run).last.data
    except UserError as error:
        if classes == CLASSES:
            return None
        first = error.diagnostics[0]
        raise UserError(
            first._replace(
                code="CTC625",
                message=f"which images belong to the run is not known: {first.message}",
                hints=(hint,),
            )
        ) from None
    if data is not None and not Path(data).exists():
        raise UserError(
            Diagnostic(
                code="CTC625",
                message="the images of the run are not where they were",
                path=data,
                hints=(hint,),
            )
        )
    return data
