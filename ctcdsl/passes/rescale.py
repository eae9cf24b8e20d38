"""A network, or the inside of a stage, with all widths by one factor: in the author's numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.ir import Architecture, replace
from ctcdsl.passes.scaling import Scaled, Scaler, keeps_output, keeps_outside
from ctcdsl.passes.texts import author_text, like, written_out
from ctcdsl.syntax.nodes import File
from ctcdsl.text import Origin, Span, UserError, error

FAR = 0.05
"""How much of its target the author's own numbers may miss before others are tried."""

Search = Callable[[Scaler], Scaled | None]


class Rescaled(NamedTuple):
    """A network with other widths, and what was found of them.

    `scaled` is None where no widths cost what they may; the network is then the old one.
    """

    architecture: Architecture
    scaled: Scaled | None
    scaler: Scaler


def rescale(
    network: Network, stage: int | None, target: float, multiple: int, search: Search
) -> Rescaled:
    """Find other widths of a network, or of the inside of a stage.

    The numbers of the author's text are changed where they come near the target; else those of
    the network written out.

    Args:
        network: The network.
        stage: The index of a stage; None for the network.
        target: What it is to cost.
        multiple: Of what widths are multiples.
        search: What finds them: `Scaler.at_most` or `Scaler.nearest` for the target.
    """
    keeps = keeps_output(network) if stage is None else keeps_outside(network, stage)
    scaler = Scaler(author_text(network), network, multiple, keeps)
    scaled = search(scaler) if scaler.free else None
    spec = scaled.network.architecture.spec if scaled is not None else None
    if scaled is None or abs(scaled.cost - target) > FAR * target:
        other = Scaler(_written_out(network, stage), network, multiple, keeps)
        finer = search(other) if other.free else None
        if scaled is None or (
            finer is not None and abs(finer.cost - target) < abs(scaled.cost - target)
        ):
            scaler, scaled, spec = other, finer, network.architecture.spec
    if scaled is None:
        return Rescaled(network.architecture, None, scaler)
    new = replace(like(network.architecture, scaled.network.architecture), spec=spec)
    return Rescaled(new, scaled, scaler)


def no_free_width(network: Network, stage: int | None, multiple: int) -> UserError:
    """The error for a network, or a stage, of which no width may change."""
    hint = "give a smaller `multiple`"
    output = "output"
    if stage is not None:
        output = "stage's output"
        hint = "`scale` without `stage` changes the outputs of stages too"
    return error(
        "CTC405",
        f"no width of {name_of(network, stage)} is free: each is that of the {output}, or below"
        f" {multiple}",
        at=place_of(network, stage),
        hint=hint,
    )


def name_of(network: Network, stage: int | None) -> str:
    """What a network, or its stage, is called in messages."""
    return f"`{network.name}`" if stage is None else network.architecture.stage_names[stage]


def place_of(network: Network, stage: int | None) -> Span | Origin:
    """What an error about a network, or about a stage, points at."""
    architecture = network.architecture
    return architecture.origin if stage is None else architecture.stages[stage].elements[0].origin


def changed_widths(scaled: Scaled) -> str:
    """The widths that changed, for a note: `64 → 56, 128 → 104`."""
    return ", ".join(f"{old} → {new}" for old, new in scaled.widths if old != new)


def _written_out(network: Network, stage: int | None) -> File:
    """A text in which what gives the output that stays is a number of its own."""
    if stage is None and not network.architecture.head.layers:
        stage = len(network.architecture.stages) - 1
    return written_out(network, stage)
