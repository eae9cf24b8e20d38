"""A network, or a stage of it, at another cost: all widths by one factor."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from ctcdsl.checking import Network
from ctcdsl.metrics import network_cost
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.passes.rescale import name_of, no_free_width, place_of, rescale
from ctcdsl.passes.scaling import Scaled
from ctcdsl.passes.stage_view import stage_index
from ctcdsl.passes.widths import require_multiple
from ctcdsl.text import error

WIDTH_MULTIPLE = 8
"""The default multiple: what the widths of most networks with blocks are."""
_GOAL = re.compile(r"([0-9]+(?:\.[0-9]+)?)(%?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Multiply all widths by one factor, so that the network costs at most `macs` or `params`.

    Either is a share of what it costs now, or a number. Each width becomes the nearest
    multiple of `multiple`, and of the groups that must divide it, by the largest factor that
    costs no more; then each, the widest first, one multiple more where that still fits.
    Equal widths stay equal, so what is added still fits. Kept are the input, the output and,
    with `stage`, all outside of the stage and the filters that leave it; the cost is then the
    stage's. The numbers of the text change, so that `6c`, `c/4` and `def`s follow; where they
    are too coarse, the network is written out.

    scale:macs=70%

        (7,64)/2 3/3 (5,128) 2/2 (3,256)x3
        (7,48)/2 3/3 (5,104) 2/2 (3,216)x3

    scale:macs=70%,stage=2

        (7,64)/2 3/3 [ (1,64) (3,64) (1,256) ]x3
        (7,64)/2 3/3 [ (1,48) (3,48) (1,256) ]x3
    """

    name: ClassVar[str] = "scale"
    summary: ClassVar[str] = "all widths by one factor, to a share of the cost"
    section: ClassVar[str] = "beyond the paper: Howard et al. 2017, 3.3"
    preserves: ClassVar[Guarantee] = Guarantee.NOTHING

    macs: str | None = None
    params: str | None = None
    stage: str | None = None
    multiple: int = WIDTH_MULTIPLE

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where no width may change, CTC406 where none is enough."""
        require_multiple(self.multiple)
        index = None if self.stage is None else stage_index(network.architecture, self.stage)
        measure, unit = self._measure(index)
        before = measure(network)
        target = self._target(before, unit)
        name = name_of(network, index)
        if target == before:
            raise error(
                "CTC405",
                f"{name} costs {before:,} {unit} already",
                at=place_of(network, index),
                hint="give a smaller or a larger share, such as `70%`",
            )
        found = rescale(
            network, index, target, self.multiple, lambda scaler: scaler.at_most(target, measure)
        )
        if not found.scaler.free:
            raise no_free_width(network, index, self.multiple)
        if found.scaled is None:
            raise error(
                "CTC406",
                f"with the least widths, multiples of {self.multiple}, {name} still costs"
                f" {found.scaler.least(measure):,} {unit}, more than {target:,.0f}",
                at=place_of(network, index),
                hint="the rest is in what stays: give a larger share, or a smaller `multiple`",
            )
        if found.architecture == network.architecture:
            raise error(
                "CTC405",
                f"no width of {name} moves: the next multiples of {self.multiple} cost more than"
                f" {target:,.0f} {unit}",
                at=place_of(network, index),
                hint="give a smaller `multiple`, or a larger share",
            )
        note = self._note(name, found.scaled, before, unit)
        return PassResult(found.architecture, True, (note,))

    def _measure(self, stage: int | None) -> tuple[Callable[[Network], int], str]:
        """What is measured of a network or of its stage, and what it is called."""
        if (self.macs is None) is (self.params is None):
            raise error(
                "CTC402",
                "`scale` takes one of `macs` and `params`",
                hint="write `scale:macs=70%`",
            )
        of_macs = self.macs is not None

        def measure(network: Network) -> int:
            return sum(
                layer.macs if of_macs else layer.params
                for layer in network_cost(network).layers
                if stage is None or layer.node.stage == stage
            )

        return measure, "MACs" if of_macs else "parameters"

    def _target(self, before: int, unit: str) -> float:
        text = (self.macs if self.macs is not None else self.params) or ""
        goal = _GOAL.fullmatch(text)
        if goal is None or not float(goal[1]) or (not goal[2] and "." in goal[1]):
            raise error(
                "CTC402",
                f"`{text}` is neither a share nor a number of {unit}",
                hint=f"write a share, `70%`, or a number, `{before * 7 // 10}`",
            )
        return before * float(goal[1]) / 100 if goal[2] else int(goal[1])

    def _note(self, name: str, scaled: Scaled, before: int, unit: str) -> str:
        return (
            f"{name}: {scaled.cost:,} {unit}, {100 * scaled.cost / before:.2f}% of {before:,}:"
            f" widths ×{float(scaled.factor):.3f}, multiples of {self.multiple}"
        )
