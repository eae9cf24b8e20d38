"""`maps` in a space: which paddings make it hold, where later layers decide.

Under `pad paper` a network has the paddings that are the fewest changes from the rule, then the
fewest MACs, then the smallest from the first layer on (`shapes/solver.py`). The solver keeps the
best paddings for each map that a layer may have, so a place does: a layer's map has at most three
sizes a side, that at a stage's end two. What the best of each cost is kept beside those of the
first, and is added as soon as one map is left. Other rules have one padding, which must do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ctcdsl.ir import (
    Architecture,
    Block,
    Conv,
    Element,
    PadRule,
    Pair,
    Pool,
    Shape,
    convolution_macs,
)
from ctcdsl.ir.network import Node
from ctcdsl.layers.base import Context
from ctcdsl.shapes.messages import no_rule
from ctcdsl.shapes.padding import PaddingRule
from ctcdsl.shapes.solver import SolverStep, candidates, near
from ctcdsl.spaces.measures import NOTHING, Measure, combine
from ctcdsl.spaces.place import Alternative, Begins, Costs, Outcome, Place, Sizes
from ctcdsl.text import Diagnostic, Span
from ctcdsl.text.sink import Diagnostics

CHANGES = Measure("changes", lambda part: 0, True)
SOLVER_MACS = Measure("solver-macs", lambda part: 0, True)
"""What the solver compares: the last two costs of a place under `maps`."""


class Way(NamedTuple):
    """The best paddings from one of the maps before some layers to one behind them.

    `changed` is how many are not the rule's, and the MACs that they give.
    """

    start: int
    paddings: tuple[Pair, ...]
    shape: Shape
    over: bool
    changed: tuple[int, int] = (0, 0)
    costs: Costs = ()

    @property
    def rank(self) -> tuple[tuple[int, int], tuple[Pair, ...]]:
        """The better, the smaller."""
        return self.changed, self.paddings


class Ways(NamedTuple):
    """All ways through some layers, and where they lead but for the maps."""

    place: Place
    all: tuple[Way, ...]


_Rank = tuple[Costs, int, tuple[Pair, ...]]


class MapSolver:
    """Solves the paddings of a space with `maps`, some layers at a time."""

    def __init__(
        self, architecture: Architecture, measures: Sequence[Measure], diagnostics: Diagnostics
    ) -> None:
        self._pad = architecture.pad
        self._maps = architecture.maps
        self._measures = measures
        self._adds = [measure.adds for measure in measures]
        self._diagnostics = diagnostics
        self._nothing = tuple(0 if adds else NOTHING for adds in self._adds)
        self.solving = self._pad is PadRule.PAPER

    def begin(self, input: Shape) -> Place:
        """The place before the first layer."""
        only = Alternative(input, False, self._nothing)
        return Place(input, sizes=Sizes(-1, Begins.LATER, False, False, (only,)))

    # ----------------------------------------------------------------- layers

    def ways(
        self,
        elements: Sequence[Element],
        place: Place,
        span: Span,
        nodes: Sequence[Node] | None,
        *,
        named: bool,
    ) -> Ways | None:
        """The ways through layers, without costs; None, reported, where there are none.

        Args:
            elements: The layers.
            place: Where they begin.
            span: Where they are written.
            nodes: What they are by a rule that is not the paper's.
            named: Whether their line has a name, so that pools begin no stage.
        """
        sizes = place.sizes
        assert sizes is not None
        rule = PaddingRule(self._pad, int(place.odd))
        reached = {
            (k, each.shape, each.over): Way(k, (), each.shape, each.over)
            for k, each in enumerate(sizes.each)
        }
        stage, begins, convolved, unruled, _ = sizes
        for index, layer in enumerate(elements):
            if isinstance(layer, Block):
                self._diagnostics.error(
                    "CTC205",
                    f"`maps` is for rows of layers, and stage {stage + 1} contains a block",
                    layer.origin,
                    hint="remove `maps`; blocks are padded by the rule, or by `p` tags",
                )
                return None
            at_pool = isinstance(layer, Pool) and not named and convolved
            if begins is Begins.AT_LAYER or at_pool:
                reached = {key: way for key, way in reached.items() if not way.over}
                rule = PaddingRule(self._pad)
                stage += begins is Begins.AT_LAYER
                begins = Begins.AT_CONV if at_pool else Begins.LATER
                convolved = False
            if isinstance(layer, Conv):
                stage += begins is Begins.AT_CONV
                begins, convolved = Begins.LATER, True
            under = isinstance(layer, Conv) and 0 < stage <= len(self._maps)
            step = SolverStep(
                layer, stage, rule.next(layer), self._maps[stage - 1] if under else None, last=False
            )
            if step.rule is None and not (unruled or (self.solving and under)):
                assert step.window is not None
                no_rule(step.window, self._pad, self._diagnostics)
                return None
            unruled = unruled or step.rule is None
            reached = self._through(step, reached, None if nodes is None else nodes[index].output)
        if not reached:
            self.unsolved(span)
            return None
        after = Sizes(stage, begins, convolved, unruled, ())
        return Ways(place._replace(odd=rule.odd, sizes=after), tuple(reached.values()))

    def unsolved(self, span: Span) -> Diagnostic:
        """Report layers that no paddings give the maps of `maps`."""
        how = "no paddings give" if self.solving else f"`pad {self._pad.value}` does not give"
        self._diagnostics.error(
            "CTC203",
            f"{how} the maps that `maps` says",
            span,
            hint="other strides or pools, or `maps` of other sizes",
        )
        return self._diagnostics.reported[-1]

    def _through(
        self, step: SolverStep, reached: dict[tuple[int, Shape, bool], Way], fixed: Shape | None
    ) -> dict[tuple[int, Shape, bool], Way]:
        """The best ways behind one more layer, from each map to each."""
        following: dict[tuple[int, Shape, bool], Way] = {}
        for way in reached.values():
            for padding in candidates(step) if fixed is None else [step.rule or (0, 0)]:
                output = fixed or step.layer.infer(way.shape, Context(padding))
                if output is None:
                    continue
                (changes, macs), over = way.changed, way.over
                if isinstance(step.layer, Conv):
                    macs += convolution_macs(
                        way.shape.channels, step.layer.kernel, output, step.layer.groups
                    )
                    over = False
                if step.target is not None:
                    if not near(output, step.target, last=False):
                        continue
                    over = not near(output, step.target, last=True)
                changed = changes + (padding != step.rule), macs
                found = Way(way.start, (*way.paddings, padding), output, over, changed)
                key = way.start, output, over
                known = following.get(key)
                if known is None or found.rank < known.rank:
                    following[key] = found
        return following

    # ------------------------------------------------------------------- join

    def joined(self, place: Place, ways: Ways) -> Outcome | None:
        """What ways lead to from the maps of a place: the best for each map, and what they add.

        None where no way begins at one of them.
        """
        before = place.sizes
        after = ways.place.sizes
        assert before is not None
        assert after is not None
        best: dict[tuple[Shape, bool], _Rank] = {}
        costs: dict[tuple[Shape, bool], Costs] = {}
        for way in ways.all:
            together = combine(self._measures, before.each[way.start].costs, way.costs)
            key = way.shape, way.over
            rank = together[-2:], way.start, way.paddings
            if key not in best or rank < best[key]:
                best[key] = rank
                costs[key] = together
        order = sorted(best, key=lambda key: best[key][1:])
        return self.outcome(ways.place, [Alternative(*key, costs[key]) for key in order])

    def outcome(self, place: Place, each: Sequence[Alternative]) -> Outcome | None:
        """A place with some maps, their costs counted from the first's; None where none is left."""
        if not each:
            return None
        first = each[0]
        sure = tuple(
            first.costs[k] if adds else min(other.costs[k] for other in each)
            for k, adds in enumerate(self._adds)
        )
        beside = tuple(
            Alternative(
                other.shape,
                other.over,
                tuple(
                    cost - least if adds else (cost if cost > least else NOTHING)
                    for cost, least, adds in zip(other.costs, sure, self._adds, strict=True)
                ),
            )
            for other in each
        )
        assert place.sizes is not None
        sizes = place.sizes._replace(each=beside)
        return Outcome(place._replace(shape=first.shape, sizes=sizes), sure)

    def settled(self, place: Place) -> Outcome | None:
        """The place with the map that the network has; None where its last stage cannot end."""
        assert place.sizes is not None
        ended = [each for each in place.sizes.each if not each.over]
        if not ended:
            return None
        best = min(ended, key=lambda each: each.costs[-2:])  # of equal ones the first
        found = self.outcome(place, [best])
        assert found is not None
        return found._replace(place=found.place._replace(sizes=None))


def unweighted(place: Place) -> Place:
    """A place whose maps are known, but not what they cost beside each other."""
    sizes = place.sizes
    if sizes is None:
        return place
    each = tuple(Alternative(a.shape, a.over, ()) for a in sizes.each)
    return place._replace(sizes=sizes._replace(each=each))
