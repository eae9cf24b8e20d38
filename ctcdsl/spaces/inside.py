"""What parts of brackets and calls come to: where they begin, layers of branches, how they join.

The rules are those of `shapes/`. What depends on a whole branch waits in the place: the activation
that moves behind an addition is in the costs until its branch ends, and the strides of a lone
branch are known when its shortcut is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd

from ctcdsl.elaborate.expressions import Scope
from ctcdsl.ir import Block, Branch, Conv, Element, Identity, Join, Shape, Style
from ctcdsl.ir.network import Node
from ctcdsl.shapes.blocks import (
    end_of,
    mismatch,
    report_ends,
    shortcut,
    steps_of,
    without_final_activation,
)
from ctcdsl.shapes.infer import ShapeInference
from ctcdsl.shapes.padding import PaddingRule
from ctcdsl.spaces.calls import scope_inside
from ctcdsl.spaces.choices import Lets
from ctcdsl.spaces.costing import Costing
from ctcdsl.spaces.held import behind, is_kept, is_read, with_other, with_output
from ctcdsl.spaces.measures import NOTHING, Measure, combine, nothing
from ctcdsl.spaces.place import Bracket, End, Frame, Outcome, Place, Steps
from ctcdsl.spaces.step import Mark, Step
from ctcdsl.syntax.nodes import Group
from ctcdsl.text import Origin, Span
from ctcdsl.text.sink import Diagnostics


class Inside:
    """Places the parts of brackets."""

    def __init__(
        self,
        style: Style,
        inference: ShapeInference,
        measures: Sequence[Measure],
        costing: Costing,
        diagnostics: Diagnostics,
    ) -> None:
        self._style = style
        self._inference = inference
        self._measures = measures
        self._costing = costing
        self._diagnostics = diagnostics
        self._nothing = nothing(measures)

    # ----------------------------------------------------------------- marks

    def marked(self, place: Place, mark: Mark, left: int, span: Span) -> list[Outcome]:
        """The places behind a mark, and what it costs; none, reported, where branches do not fit.

        `left` is how many copies there are with the one that begins. A bracket begins in two ways
        where memory is counted and a branch may be left out, which is known when it ends.
        """
        if not mark.ended:
            frame = Frame(place.shape.channels, left - mark.repeated)
            inner = place._replace(frames=(*place.frames, frame))
            if mark.joins is None:
                return [Outcome(inner, self._nothing)]
            inner = inner._replace(odd=False)
            return [Outcome(each, self._nothing) for each in self._begun(place, inner, mark.joins)]
        if mark.joins is None:
            return [Outcome(place._replace(frames=place.frames[:-1]), self._nothing)]
        ended = self._ended(place, mark.joins, mark, span)
        if ended and mark.closes:
            ended = self._joined(ended, mark.joins, span)
        return [ended] if ended else []

    def _begun(self, place: Place, inner: Place, group: Group) -> Iterator[Place]:
        """The places where the first branch of a bracket begins."""
        if not self._costing.memory.counts:
            yield inner._replace(bracket=Bracket(place))
            return
        may_be_out = any(branch.optional for branch in group.branches)
        for stays in (True, False) if may_be_out else (True,):
            needed = _is_lone(group) or is_read(group, 1, stays=stays)
            bracket = Bracket(place, needed=needed, stays=stays)
            yield inner._replace(bracket=bracket, shared=True)

    def _ended(self, place: Place, group: Group, mark: Mark, span: Span) -> Outcome | None:
        """The place where the next branch begins."""
        bracket, join = place.bracket, _join(group)
        assert bracket is not None
        first = bracket.first or place.shape
        wrong = mismatch(join, first, place.shape)
        if wrong is not None:
            self._diagnostics.error("CTC206", wrong, span)
            return None
        activation, costs = bracket.activation, self._nothing
        if bracket.end is not None and bracket.end.activation is not None:
            costs = bracket.end.change
            activation = activation or bracket.end.activation
            if activation != bracket.end.activation:
                at = Origin(span)
                report_ends(activation, bracket.end.activation, at, at, self._diagnostics)
                return None
        shape, memory = place.shape if mark.closes else bracket.entry.shape, bracket
        if self._costing.memory.counts:
            memory, peak = with_output(place, group, mark.ended, concatenates=join.concatenates)
            costs = self._costing.memory.with_peak(costs, peak)
            place = place._replace(buffer=bracket.entry.buffer, shared=True)
        after = memory._replace(
            first=first,
            channels=bracket.channels + place.shape.channels,
            activation=activation,
            several=bracket.several or (bracket.first is not None and not bracket.out),
            end=None,
            out=False,
        )
        return Outcome(place._replace(shape=shape, odd=False, bracket=after), costs)

    def _joined(self, ended: Outcome, group: Group, span: Span) -> Outcome | None:
        """The place behind a bracket whose last branch has ended."""
        place, costs = ended
        bracket = place.bracket
        assert bracket is not None
        assert bracket.first is not None
        shape, entry, block = bracket.first, bracket.entry, _block(group, span)
        if block.join.concatenates:
            shape = shape._replace(channels=bracket.channels)
        memory = self._costing.memory
        if _is_lone(group):
            name, stage = "stage1.shortcut", 0
            added = shortcut(
                name,
                stage,
                block.origin,
                bracket.steps,
                entry.shape,
                shape,
                self._style,
                self._diagnostics,
            )
            if added is None:
                return None
            projected, more = self._costing.branch(entry, added)
            costs = combine(self._measures, costs, memory.beside(more, entry, bracket.output))
            if memory.counts:
                other = projected.bytes if added else None
                bracket, peak = with_other(bracket, other, waits=False)
                costs = memory.with_peak(costs, peak)
        node = _joining(block, bracket, shape)
        more = self._costing.join(place._replace(shape=node.input), node)
        outer = entry.bracket
        if outer is not None:
            outer = outer._replace(end=None, steps=_together(outer.steps, bracket.steps))
        after = Place(shape, entry.odd, place.convolved, bracket=outer, frames=entry.frames)
        costs = combine(self._measures, costs, more)
        if not memory.counts:
            return Outcome(after, costs)
        after, peak = behind(after, bracket, concatenates=block.join.concatenates)
        return Outcome(after, memory.with_peak(costs, peak))

    # ---------------------------------------------------------------- layers

    def placed(
        self, step: Step, place: Place, elements: Sequence[Element], rule: PaddingRule
    ) -> Outcome | None:
        """Layers of a branch behind a place; None, reported, where they do not fit."""
        bracket = place.bracket
        assert bracket is not None
        assert step.within is not None
        nodes = self._inference.extend(elements, place.shape, rule, inner=True)
        if nodes is None:
            return None
        shape = nodes[-1].output if nodes else place.shape
        after, costs = self._costing.branch(place, nodes)
        end = None
        if nodes and _join(step.within) is Join.ADD:
            end = self._end(place, elements, nodes)
        stays = shape == bracket.first or not step.optional
        if step.optional and self._costing.memory.counts and stays != bracket.stays:
            return None
        if not stays:  # it is left out
            assert bracket.first is not None
            after, costs = place._replace(shape=bracket.first), self._nothing
            end = end and end._replace(change=self._nothing)
            bracket = bracket._replace(out=True)
        if step.strides:
            bracket = bracket._replace(steps=steps_of(nodes))
        bracket = bracket._replace(end=end)
        return Outcome(after._replace(odd=rule.odd, bracket=bracket), costs)

    def _end(self, place: Place, elements: Sequence[Element], nodes: Sequence[Node]) -> End:
        """What a branch ends in, where no other layers follow."""
        activation = end_of(elements)
        if activation is None:
            return End(None, self._nothing)
        rest = without_final_activation(tuple(elements), activation)
        last = nodes[-1]
        kept = [last._replace(layer=rest[-1])] if len(rest) == len(elements) else []
        before = self._costing.branch(place, [last]).costs
        after = self._costing.branch(place, kept).costs
        change = [
            new - old if measure.adds else NOTHING
            for new, old, measure in zip(after, before, self._measures, strict=True)
        ]
        return End(activation, tuple(change))


def bare(step: Step, place: Place) -> Place:
    """A place in brackets and calls with what matters to the layers of a step alone."""
    bracket, kept = place.bracket, is_kept(place)
    if bracket is not None:
        first, stays = (bracket.first, bracket.stays) if step.optional else (None, True)
        bracket = Bracket(_NOWHERE, first=first, needed=kept, stays=stays)
    frames = [Frame(frame.channels if step.reads_channels else 0) for frame in place.frames]
    return place._replace(bracket=bracket, frames=tuple(frames), shared=kept)


def scope_at(step: Step, place: Place, lets: Lets) -> Scope:
    """The scope of a step's items."""
    if not step.around:
        return Scope(lets, place.shape.channels, per_layer=True)
    return scope_inside(step.around, [frame.channels for frame in place.frames], lets)


def dressed(outcome: Outcome, place: Place) -> Outcome:
    """The outcome of a step from a bare place, with what brackets have before it."""
    before, after = place.bracket, outcome.place.bracket
    bracket = None
    if before is not None and after is not None:
        bracket = before._replace(
            end=after.end or before.end,
            out=after.out,
            steps=_together(before.steps, after.steps),
        )
    return outcome._replace(place=outcome.place._replace(bracket=bracket, frames=place.frames))


def _together(one: Steps, other: Steps) -> Steps:
    """The strides and growth of two parts, without a common factor."""
    height, width, growth = (a * b for a, b in zip(one, other, strict=True))
    common = gcd(height, width, growth)
    return height // common, width // common, growth // common


_NOWHERE = Place(Shape(1, 1, 1))
"""Stands for an entry that does not matter."""


def _join(group: Group) -> Join:
    """How the branches of a group join."""
    if group.join is None:
        return Join.CONCAT if group.bracket == "{" else Join.ADD
    return Join(group.join.span.text)


def _block(group: Group, span: Span) -> Block:
    """A block that joins as a group does, whatever its branches are."""
    origin = Origin(span)
    branch = Branch(elements=(Identity(origin=origin),))
    return Block(join=_join(group), branches=(branch,) * len(group.branches), origin=origin)


def _joining(block: Block, bracket: Bracket, shape: Shape) -> Node:
    """A block of the first branch's shape, whose branches come to `shape` in some way."""
    assert bracket.first is not None
    name, stage = "stage1.block", 0
    others: tuple[tuple[Node, ...], ...] = (
        ((),) if bracket.several or len(block.branches) == 1 else ()
    )
    if bracket.several and block.join.concatenates:
        filters = shape.channels - bracket.first.channels
        conv = Conv(filters=filters, kernel=(1, 1), origin=block.origin)
        output = shape._replace(channels=filters)
        others = ((Node(f"{name}.branch2", stage, conv, bracket.first, output),),)
    node = Node(name, stage, block, bracket.first, shape, branches=((), *others))
    return node._replace(activation=bracket.activation)


def _is_lone(group: Group) -> bool:
    """Whether a group has the usual shortcut beside its only branch."""
    return len(group.branches) == 1 and _join(group) is Join.ADD
