"""The networks of a comparison, as they fit the data: all that is wrong is reported together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ctcdsl.checking import Network
from ctcdsl.comparison.seed_runs import ComparedNetwork
from ctcdsl.execution.events import Callback
from ctcdsl.execution.prepare import Data, fit_networks
from ctcdsl.ir import Shape
from ctcdsl.recipe import Recipe
from ctcdsl.text import Diagnostic, UserError


def fit_compared(
    networks: Sequence[Network], input: Shape | None, data: Data, callback: Callback
) -> tuple[ComparedNetwork, ...]:
    """The networks for the data's classes at one input, or at their own."""
    fitted = fit_networks(networks, input, len(data.classes))
    inputs = {network.input for network in fitted}
    if len(inputs) > 1:
        shown = ", ".join(sorted(map(str, inputs)))
        callback.on_note(f"the networks see different inputs ({shown}); --input gives them one")
    elif any(network.input not in inputs for network in networks):
        callback.on_note(f"compared at {inputs.pop()}, not at the specs' own input")
    return tuple(ComparedNetwork.of(network, data.classes) for network in fitted)


def require_fit(compared: Sequence[ComparedNetwork], recipe: Recipe) -> None:
    """Raise `UserError` with a diagnostic for every network that cannot be trained so."""
    diagnostics = list(_namesakes(compared))
    for network in compared:
        channels, *crop = network.identity.input
        if channels not in (1, 3):
            diagnostics.append(
                Diagnostic(
                    code="CTC612",
                    message=f"{network.name} takes {channels} channels, images have 3 or 1",
                    path=network.file,
                    hints=("give all networks the same input, as in --input 3x64x64",),
                )
            )
        try:
            recipe.resize_for((crop[0], crop[1]))
        except UserError as cause:
            diagnostics += [reason._replace(path=network.file) for reason in cause.diagnostics]
    if diagnostics:
        raise UserError(*diagnostics)


def _namesakes(compared: Sequence[ComparedNetwork]) -> Iterator[Diagnostic]:
    """CTC651 for networks whose runs would share a folder."""
    first: dict[str, ComparedNetwork] = {}
    for network in compared:
        other = first.setdefault(network.folder, network)
        if other is not network:
            yield Diagnostic(
                code="CTC651",
                message=f"the runs of {network.name} would go to the same folder as those of"
                f" {other.name} from {other.file}",
                path=network.file,
                hints=("give one of them another name: `net NAME` in its spec",),
            )
