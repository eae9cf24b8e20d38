"""What would bring a network back into an interval: another width, or another depth."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.ir import Architecture
from ctcdsl.metrics import macs
from ctcdsl.passes.registry import format_pass
from ctcdsl.passes.rewrites.budget import refit
from ctcdsl.passes.rewrites.scale import Scale
from ctcdsl.passes.stage_view import StageView, conv_like, stage_view
from ctcdsl.text import UserError

if TYPE_CHECKING:
    from ctcdsl.passes.manager import Interval

MULTIPLES = (32, 16, 8, 4, 1)
"""Of what a width is a multiple, tried in this order."""
MAX_LAYERS = 8
"""How many layers at most are added or removed."""


class _Change(NamedTuple):
    """How a stage would fit; `moved` is the share by which it changes, the less the better."""

    moved: float
    text: str


def nearest(interval: Interval, before: int, end: Network) -> str:
    """The one width and the one depth nearest to the network's own that cost what they may.

    Args:
        interval: Where the MACs may be, as shares of `before`.
        before: The MACs at the start of the chain.
        end: The network at its end.
    """
    widths: list[_Change] = []
    depths: list[_Change] = []
    for index in range(len(end.architecture.stages)):
        try:
            view = stage_view(end, str(index + 1))
        except UserError:
            continue  # nothing there that a pass could change
        widths += islice(_widths(interval, before, end, view), 1)
        depths += islice(_depths(interval, before, view), 1)
    suggestions = [min(changes).text for changes in (widths, depths) if changes]
    if not suggestions:
        suggestions = list(_scaled(interval, before, end))
    if not suggestions:
        return "no one width or depth brings it back: take a wider interval, or another pass"
    return "; ".join(suggestions)


def _scaled(interval: Interval, before: int, end: Network) -> Iterator[str]:
    """How `scale` would bring a network back, where no stage of it is a row."""
    aim = round(before * (1 + interval.high))
    for multiple in MULTIPLES[2:]:
        scale = Scale(macs=str(aim), multiple=multiple)
        try:
            result = scale.run(end)
        except UserError:
            continue
        if _is_inside(interval, before, result.architecture):
            yield f"all widths by one factor would fit: `--pass {format_pass(scale)}`"
            return


def _widths(interval: Interval, before: int, end: Network, view: StageView) -> Iterator[_Change]:
    """Widths of a stage that fit, and how `repair` gives them: round ones first."""
    target = round(before * (1 + min(max(0.0, interval.low), interval.high)))
    aims = dict.fromkeys((target, round(before * (1 + (interval.low + interval.high) / 2))))
    for multiple in MULTIPLES:
        for aim in aims:
            room = aim - end.macs + macs(end.stage(view.position))
            try:
                width, network = refit(end, view, room, multiple)
            except UserError:
                continue
            if _is_inside(interval, before, network):
                old = view.convs[0].filters
                options = f"stage={view.name},multiple={multiple}"
                options += "" if aim == before else f",macs={aim}"
                yield _Change(
                    abs(width.rounded - old) / old,
                    f"width {width.rounded} in {view.name} would fit: `--pass repair:{options}`",
                )


def _depths(interval: Interval, before: int, view: StageView) -> Iterator[_Change]:
    """Depths of a stage that fit: copies of its last layer less, or more."""
    last = view.convs[-1]
    more = conv_like(last, filters=last.filters)
    copies = 1
    while copies < len(view.convs) and view.convs[-1 - copies] == more:
        copies += 1
    for count in range(1, MAX_LAYERS + 1):
        for sign in (-1, 1):
            if sign < 0 and count >= copies:
                continue
            remaining = view.convs[: len(view.convs) - count] if sign < 0 else view.convs
            network = view.with_convs([*remaining, *[more] * (count if sign > 0 else 0)])
            if _is_inside(interval, before, network):
                depth = len(view.convs) + sign * count
                layers = "layer" if depth == 1 else "layers"
                yield _Change(
                    count / len(view.convs),
                    f"{depth} {layers} in {view.name} would fit instead of {len(view.convs)}",
                )


def _is_inside(interval: Interval, before: int, architecture: Architecture) -> bool:
    report = infer_shapes(architecture)
    return report.ok and report.networks[0].macs / before - 1 in interval
