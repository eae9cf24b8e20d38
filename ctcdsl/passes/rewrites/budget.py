"""Moving complexity: from one stage to another, and back to a budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.ir import Architecture, Block, Conv
from ctcdsl.metrics import macs
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.passes.rescale import changed_widths, no_free_width, rescale
from ctcdsl.passes.rewrites.width import MULTIPLE, unknown_terms, width_at
from ctcdsl.passes.stage_view import StageView, conv_like, stage_index, stage_view
from ctcdsl.passes.widths import Term, Width, require_multiple
from ctcdsl.text import UserError, error


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Take a share of one stage's complexity and give it to another.

    All layers of both stages but the last get one solved width each.

    transfer:source=3,target=2,share=0.25,multiple=8

        (7,64)/2 3/3 (3,64)x3+(3,128) 2/2 (3,256)x3
        (7,64)/2 3/3 (3,88)x3+(3,128) 2/2 (3,208)x2+(3,256)
    """

    name: ClassVar[str] = "transfer"
    summary: ClassVar[str] = "a share of one stage's complexity to another stage"
    section: ClassVar[str] = "4, beyond the paper"
    preserves: ClassVar[Guarantee] = Guarantee.COMPLEXITY

    source: str
    target: str
    share: float = 0.25
    multiple: int = MULTIPLE

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC402 for a share out of range, CTC406 without a width."""
        if not 0 < self.share < 1:
            raise error("CTC402", f"a share must be between 0 and 1, not {self.share}")
        source, target = (
            stage_index(network.architecture, stage) for stage in (self.source, self.target)
        )
        if source == target:
            raise error("CTC402", "`source` and `target` are one stage")
        before = macs(network.stage(source))
        less = refit_stage(network, source, before * (1 - self.share), self.multiple)
        report = infer_shapes(less.architecture, previous=network)
        if not report.ok:  # the manager reports it
            return PassResult(less.architecture, True, (less.note,))
        freed = before - macs(report.networks[0].stage(source))
        budget = macs(network.stage(target)) + freed
        more = refit_stage(report.networks[0], target, budget, self.multiple)
        return PassResult(more.architecture, True, (less.note, more.note))


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Solve one stage's width again, so that the network returns to a budget.

    The budget is that of the network at the start of the chain, or `macs`.

    repair:stage=3,macs=854954688

        (7,64)/2 3/3 (5,128) 2/2 (3,256)x6
        (7,64)/2 3/3 (5,128) 2/2 (3,160)x5+(3,256)
    """

    name: ClassVar[str] = "repair"
    summary: ClassVar[str] = "one width solved again, so that the total returns to the budget"
    section: ClassVar[str] = "4, beyond the paper"
    preserves: ClassVar[Guarantee] = Guarantee.NOTHING

    stage: str
    macs: int | None = None
    multiple: int = MULTIPLE
    budget: int = 0
    """What the chain began with; set by the manager."""

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC406 where no width of the stage meets the budget."""
        index = stage_index(network.architecture, self.stage)
        total = network.macs
        budget = self.macs if self.macs is not None else self.budget or total
        room = budget - total + macs(network.stage(index))
        refitted = refit_stage(network, index, room, self.multiple)
        changed = refitted.architecture != network.architecture
        return PassResult(refitted.architecture, changed, (refitted.note,))


class Refitted(NamedTuple):
    """A network in which a stage costs something else, and a note on its widths."""

    architecture: Architecture
    note: str


def refit_stage(network: Network, stage: int, budget: float, multiple: int) -> Refitted:
    """A stage's inner widths at which it costs most nearly `budget` MACs; its output stays.

    The width of a row of layers by its equation, those of blocks by one factor.
    """
    require_multiple(multiple)
    name = network.architecture.stage_names[stage]
    try:
        view = stage_view(network, str(stage + 1))
    except UserError as refusal:
        found = rescale(
            network,
            stage,
            budget,
            multiple,
            lambda scaler: scaler.nearest(budget, lambda other: macs(other.stage(stage))),
        )
        if found.scaled is None or not found.scaler.free:
            if any(isinstance(node.layer, Block) for node in network.stage(stage)):
                raise no_free_width(network, stage, multiple) from refusal
            raise
        architecture, what = found.architecture, f"widths {changed_widths(found.scaled)}"
    else:
        width, architecture = refit(network, view, budget, multiple)
        what = str(width)
    return Refitted(architecture, f"{name}: {what}")


def refit(
    network: Network, view: StageView, budget: float, multiple: int
) -> tuple[Width, Architecture]:
    """The width at which a stage costs `budget` MACs on its maps, and the network with it."""
    if len(view.convs) < 2:
        raise error(
            "CTC405",
            f"{view.name} has one layer, whose filters stay: no width is free",
            at=view.convs[0].origin,
            hint="choose a stage of two or more layers",
        )
    width = width_at(view, _terms(network, view), budget, multiple)
    return width, view.with_convs(widened(view, width))


def widened(view: StageView, width: Width) -> list[Conv]:
    """A stage's convolutions, all but the last at a width."""
    inner = [conv_like(conv, filters=width.rounded, stride=conv.stride) for conv in view.convs[:-1]]
    return [*inner, view.convs[-1]]


def _terms(network: Network, view: StageView) -> list[Term]:
    """The stage's complexity on its maps, the inner widths unknown."""
    pixels = [
        node.output.height * node.output.width
        for node in network.stage(view.position)
        if isinstance(node.layer, Conv)
    ]
    sizes = [conv.kernel[0] for conv in view.convs]
    return unknown_terms(view.channels, sizes, view.convs[-1].filters, pixels)
