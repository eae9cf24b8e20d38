"""One step at one place: the ordinary checker and the ordinary costs, each combination once.

A placement is known by its step, the shape that enters it, whether an odd number of 2x2 filters
precede, and the choices that it reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from ctcdsl.elaborate.drafts import Draft
from ctcdsl.elaborate.expressions import Expressions
from ctcdsl.elaborate.layers import LayerElaborator
from ctcdsl.elaborate.networks import pad_of, style_of
from ctcdsl.ir import (
    Architecture,
    Element,
    Head,
    Pool,
    Shape,
    SlidingWindow,
    VectorLayer,
    contains_conv,
    layers_of,
)
from ctcdsl.ir.network import Node
from ctcdsl.shapes.infer import ShapeInference
from ctcdsl.shapes.padding import PaddingRule
from ctcdsl.spaces.calls import Opened
from ctcdsl.spaces.choices import (
    Blocks,
    Decision,
    InPlace,
    Lets,
    Option,
)
from ctcdsl.spaces.costing import Costing
from ctcdsl.spaces.inside import Inside, bare, dressed, scope_at
from ctcdsl.spaces.measures import Measure, combine, ends_with_one, nothing
from ctcdsl.spaces.place import Alternative, Outcome, Place
from ctcdsl.spaces.repeats import Repeats
from ctcdsl.spaces.sizes import MapSolver, Way, Ways, unweighted
from ctcdsl.spaces.step import Step
from ctcdsl.spaces.trees import MAX_PLACED, Allows, Trees, too_large
from ctcdsl.spaces.unsure import Unsure
from ctcdsl.text import Diagnostic, UserError, error
from ctcdsl.text.sink import Diagnostics

_OF_SIZES = ("CTC108", "CTC109")
"""Errors about names and arguments that depend on numbers."""


class Placements:
    """Places the steps of one space, and remembers each."""

    def __init__(
        self,
        draft: Draft,
        input: Shape,
        measures: Sequence[Measure],
        conditions: Mapping[str, Any],
    ) -> None:
        self.diagnostics = Diagnostics()
        self.placed = 0
        self.quiet = False  # while a place is asked about that may be no network's
        self.failures: dict[str, Diagnostic] = {}
        self._draft = draft
        self._measures = measures
        headers = draft.headers
        self._lets = Lets(draft.definitions, headers.classes, self.diagnostics)
        self._blocks = Blocks(draft.definitions, self._lets)
        self._expressions = Expressions(self.diagnostics)
        self._style = style_of(draft, self._lets, self.diagnostics)
        span = draft.lines[0].span
        self._architecture = Architecture(
            name=draft.name,
            input=input,
            classes=headers.classes,
            style=self._style,
            pad=pad_of(headers),
            maps=headers.maps,
            stages=(),
            head=Head(layers=()),
            origin=span,
        )
        self._inference = ShapeInference(self._architecture, self.diagnostics, {})
        self._maps = MapSolver(self._architecture, measures, self.diagnostics)
        self._costing = Costing(self._architecture, measures, conditions)
        self._inside = Inside(
            self._style, self._inference, measures, self._costing, self.diagnostics
        )
        self._placed: Trees[Outcome | Ways] = Trees(self._lets, self.diagnostics, self._failed)
        self._unsure = Unsure(self._lets, self.diagnostics, self._failed)
        self._repeats = Repeats(self._lets, self.diagnostics, self._failed)

    def begin(self, input: Shape) -> Place:
        """The place before the first layer."""
        return self._maps.begin(input) if self._architecture.maps else Place(input)

    def outcomes(
        self, step: Step, place: Place, assignment: Mapping[str, Option], allows: Allows
    ) -> Iterator[tuple[tuple[Decision, ...], Mapping[str, Option], Outcome]]:
        """Every way to place a step: the choices that it makes, all that are made, the outcome."""
        if step.head and place.sizes is not None:
            yield from self._head_outcomes(step, place, assignment, allows)
            return
        alone = bare(step, unweighted(place))
        for made, after, leaf in self._placed.walk(
            step,
            (step.number, alone),
            assignment,
            allows,
            lambda in_place: self._place(step, alone, in_place),
        ):
            outcome = self._maps.joined(place, leaf) if isinstance(leaf, Ways) else leaf
            if outcome is not None:
                outcome = dressed(outcome, place)
                costs = self._costing.memory.beside(outcome.costs, place)
                yield made, after, outcome._replace(costs=costs)

    def _head_outcomes(
        self, step: Step, place: Place, assignment: Mapping[str, Option], allows: Allows
    ) -> Iterator[tuple[tuple[Decision, ...], Mapping[str, Option], Outcome]]:
        """The outcomes of a head behind the map that `maps` leaves."""
        settled = self.settled(place)
        if settled is None:
            return
        for made, after, found in self.outcomes(step, settled.place, assignment, allows):
            costs = combine(self._measures, settled.costs, found.costs)
            yield made, after, found._replace(costs=costs)

    def settled(self, place: Place) -> Outcome | None:
        """The place behind the last layer before the head, with the map that `maps` gives."""
        if place.sizes is None:
            return Outcome(place, nothing(self._measures))
        found = self._maps.settled(place)
        if found is None:
            self._failed(
                self._maps.unsolved(self._draft.headers.maps_span or self._draft.tree.span)
            )
        return found

    def kept(self, place: Place, each: Sequence[Alternative]) -> Outcome | None:
        """A place with some of its maps, and what they cost at least."""
        return self._maps.outcome(place, each)

    def counts(
        self, step: Step, place: Place, assignment: Mapping[str, Option], allows: Allows
    ) -> Iterator[tuple[tuple[Decision, ...], Mapping[str, Option], int]]:
        """Every number of times that a step may repeat, with the choices for it."""
        return self._repeats.counts(step, place, assignment, allows)

    def marked(
        self, step: Step, place: Place, left: int, assignment: Mapping[str, Option], allows: Allows
    ) -> Iterator[tuple[tuple[Decision, ...], Mapping[str, Option], Outcome]]:
        """What is behind a mark of a bracket or call, of which `left` copies are left."""
        assert step.mark is not None
        outcomes = self._inside.marked(place, step.mark, left, step.span)
        if not outcomes:
            self._failed(self.diagnostics.reported[-1])
        for outcome in outcomes:
            for made, after in self._unsure.choices(step, place.frames, assignment, allows):
                yield made, after, outcome

    def _failed(self, last: Diagnostic) -> None:
        """Keep one error of each kind: why some networks of the space do not check.

        Sizes may be wrong for some choices alone; unknown words and names are errors of the spec.
        """
        if "CTC100" < last.code < "CTC200" and last.code not in _OF_SIZES:
            raise UserError(last)
        if not self.quiet:
            self.failures.setdefault(last.code, last)

    # --------------------------------------------------------------- leaves

    def _place(self, step: Step, place: Place, in_place: Sequence[Option]) -> Outcome | Ways | None:
        self.placed += 1
        if self.placed > MAX_PLACED:
            raise too_large(step, self.placed)
        chooser = InPlace(in_place)
        elaborator = LayerElaborator(
            self.diagnostics, self._style, self._blocks, self._lets, chooser
        )
        entering = place.shape.channels
        if not step.around:
            elements, channels = elaborator.elements(step.items, entering)
        else:
            scope = scope_at(step, place, self._lets)
            with ExitStack() as calls:
                for each in step.around:
                    if isinstance(each, Opened):
                        calls.enter_context(self.diagnostics.in_def_call(each.span))
                elements, channels = elaborator.inside(
                    step.items, entering, scope, braced=step.braced
                )
        if channels is None and not elements:
            return None
        if step.number < 0 and not any(
            isinstance(layer, SlidingWindow) and max(layer.kernel) > 1
            for layer in layers_of(elements)
        ):
            raise error(
                "CTC723",
                "the stride falls on the first layer that is wider than a pixel, and which copy has"
                " one is a choice",
                at=step.span,
                hint="write the first copy by itself, and the others `x(n-1)`",
            )
        if place.sizes is not None:
            return self._solved(step, place, elements)
        if step.within is None:
            return self._inferred(step, place, elements)
        rule = PaddingRule(self._architecture.pad, int(place.odd))
        found = self._inside.placed(step, place, elements, rule)
        if found is None or not any(map(contains_conv, elements)):
            return found
        return found._replace(place=found.place._replace(convolved=True))

    def _inferred(self, step: Step, place: Place, elements: Sequence[Element]) -> Outcome | None:
        shape, convolved = place.shape, place.convolved
        nodes: list[Node] = []
        rule = PaddingRule(self._architecture.pad, int(place.odd))
        if step.head:
            chain = self._inference.extend(elements, shape, rule, head=True)
            if chain is None:
                return None
            nodes += chain
        else:
            for part in step.cut(elements):
                if part is not elements and isinstance(part[0], Pool):
                    rule = PaddingRule(self._architecture.pad)
                chain = self._inference.extend(part, shape, rule)
                if chain is None:
                    return None
                nodes += chain
                shape = nodes[-1].output if nodes else shape
            if self._has_vector(step, elements):
                return None
            convolved = convolved or any(map(contains_conv, elements))
        after, costs = self._costing.layers(place, elements, nodes, head=step.head)
        one = ends_with_one(nodes, place.one)
        return Outcome(after._replace(odd=rule.odd, convolved=convolved, one=one), costs)

    def _solved(self, step: Step, place: Place, elements: Sequence[Element]) -> Ways | None:
        """Layers under `maps`, for each map before them and each behind."""
        assert place.sizes is not None
        nodes = None
        if self._has_vector(step, elements):
            return None
        if not self._maps.solving:
            rule = PaddingRule(self._architecture.pad)
            nodes = self._inference.extend(elements, place.shape, rule)
            if nodes is None:
                return None
        ways = self._maps.ways(elements, place, step.span, nodes, named=step.named)
        if ways is None:
            return None
        known: list[Way] = []
        one = place.one
        for way in ways.all:
            start = place._replace(shape=place.sizes.each[way.start].shape)
            found = nodes
            if found is None:
                paddings = {(0, k): padding for k, padding in enumerate(way.paddings)}
                solved = ShapeInference(self._architecture, self.diagnostics, paddings)
                found = solved.extend(elements, start.shape, PaddingRule(self._architecture.pad))
            assert found is not None
            one = ends_with_one(found, place.one)
            costs = self._costing.layers(start, elements, found).costs
            known.append(way._replace(costs=(*costs[:-2], *way.changed)))
        convolved = place.convolved or any(map(contains_conv, elements))
        after = ways.place._replace(convolved=convolved, one=one)
        return Ways(after, tuple(known))

    def _has_vector(self, step: Step, elements: Sequence[Element]) -> bool:
        """Whether a layer of the head is among those before it; reported if so."""
        if not any(isinstance(element, VectorLayer) for element in elements):
            return False
        self._expressions.report(
            "CTC723",
            "the head of a space begins with a layer that is written in its line",
            step.span,
            hint="write `head: gap fc`, choices within it",
        )
        return True

    def paper_head(self, place: Place, head: Head) -> Outcome | None:
        """The outcome of a head that no text has."""
        errors = self.diagnostics.num_errors
        rule = PaddingRule(self._architecture.pad)
        nodes = self._inference.extend(head.layers, place.shape, rule, head=True)
        if nodes is None or self.diagnostics.num_errors > errors:
            self._failed(self.diagnostics.reported[-1])
            return None
        costs = self._costing.layers(place, head.layers, nodes, head=True).costs
        return Outcome(Place(nodes[-1].output, False, place.convolved), costs)
