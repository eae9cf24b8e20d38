"""One step at one place: the ordinary checker and the ordinary costs, each combination once.

A placement is known by its step, the shape that enters it, whether an odd number of 2x2 filters
precede, and the choices that it reads. The choices form a tree: each fork is a choice that was
read before it was made, each leaf what its branch costs and where it leads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ctcdsl.elaborate.expressions import Expressions, Scope
from ctcdsl.elaborate.file import Draft, pad_of, style_of
from ctcdsl.elaborate.layers import MAX_LAYERS, LayerElaborator
from ctcdsl.ir import (
    Architecture,
    Element,
    Head,
    Pool,
    Shape,
    SlidingWindow,
    Stage,
    VectorLayer,
    contains_conv,
    layers_of,
    replace,
)
from ctcdsl.ir.network import Node
from ctcdsl.shapes.infer import ShapeInference
from ctcdsl.shapes.padding import PaddingRule
from ctcdsl.spaces.choices import (
    Blocks,
    Decision,
    InPlace,
    Invalid,
    Lets,
    Option,
    Options,
    Undecided,
)
from ctcdsl.spaces.measures import Measure, Part, ends_with_one
from ctcdsl.spaces.program import Step
from ctcdsl.syntax.nodes import Branch, Choice
from ctcdsl.text import Diagnostic, Span, UserError, error
from ctcdsl.text.sink import Diagnostics, quoted

Costs = tuple[int, ...]

_OF_SIZES = ("CTC108", "CTC109")
"""Errors about names and arguments that depend on numbers."""

MAX_PLACED = 200_000
"""More placements than this would take minutes."""


class Place(NamedTuple):
    """Where a step begins: the map, and what of the layers before matters to those behind."""

    shape: Shape
    odd: bool = False
    convolved: bool = False
    one: bool = False
    """Whether the last convolution is 1x1."""


class Outcome(NamedTuple):
    """Where a step leads, and what it costs by each measure."""

    place: Place
    costs: Costs


class _Fork(NamedTuple):
    """A choice that is read, and what follows from each of its options, as far as is known."""

    name: str
    options: Options
    branches: list[_Tree]


class _Unknown:
    """A tree that nobody has needed yet."""


_UNKNOWN = _Unknown()
_Tree = _Fork | Outcome | int | _Unknown | None
"""A fork, an outcome, the number of a repetition; None for what does not check."""

Allows = Callable[[str, Mapping[str, Option]], bool]
"""Whether conditions allow the choices made so far, of which the named one is new."""


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
        self.failures: dict[str, Diagnostic] = {}
        self._draft = draft
        self._measures = measures
        self._conditions = conditions
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
            maps=(),
            stages=(),
            head=Head(layers=()),
            origin=span,
        )
        self._inference = ShapeInference(self._architecture, self.diagnostics, {})
        self._roots: dict[tuple[Any, ...], list[_Tree]] = {}

    # ---------------------------------------------------------------- forks

    def outcomes(
        self, step: Step, place: Place, assignment: Mapping[str, Option], allows: Allows
    ) -> Iterator[tuple[tuple[Decision, ...], Mapping[str, Option], Outcome]]:
        """Every way to place a step: the choices that it makes, all that are made, the outcome."""
        key = (step.number, place)
        for made, after, leaf in self._walk(
            step, key, assignment, allows, lambda in_place: self._place(step, place, in_place)
        ):
            if isinstance(leaf, Outcome):
                yield made, after, leaf

    def counts(
        self, step: Step, place: Place, assignment: Mapping[str, Option], allows: Allows
    ) -> Iterator[tuple[tuple[Decision, ...], Mapping[str, Option], int]]:
        """Every number of times that a step may repeat, with the choices for it."""
        if isinstance(step.times, int):
            yield (), assignment, step.times
            return
        key = (step.number, "count", place.shape.channels)
        for made, after, leaf in self._walk(
            step, key, assignment, allows, lambda in_place: self._count(step, place, in_place)
        ):
            if isinstance(leaf, int):
                yield made, after, leaf

    def _walk(
        self,
        step: Step,
        key: tuple[Any, ...],
        assignment: Mapping[str, Option],
        allows: Allows,
        evaluate: Callable[[Sequence[Option]], _Tree],
    ) -> Iterator[tuple[tuple[Decision, ...], Mapping[str, Option], _Tree]]:
        """The leaves of a tree that agree with an assignment; what is new is evaluated."""
        slot = self._roots.setdefault(key, [_UNKNOWN])
        # Each entry: the slot of a tree, the choices read on the way to it, decisions, assignment.
        waiting: list[_Waiting] = [_Waiting(slot, 0, frozenset(), (), (), assignment, 1)]
        while waiting:
            at = waiting.pop()
            tree = at.slot[at.which]
            if tree is _UNKNOWN:
                tree = self._evaluated(at, evaluate)
                at.slot[at.which] = tree
                if isinstance(tree, _Fork) and at.ways * len(tree.options.all) > MAX_PLACED:
                    raise too_large(step, at.ways * len(tree.options.all))
            if not isinstance(tree, _Fork):
                yield at.made, at.assignment, tree
                continue
            known = at.assignment.get(tree.name) if tree.name else None
            following: list[_Waiting] = []
            indices = range(len(tree.options.all))
            if known is not None:
                at_known = tree.options.place[known.key]
                indices = range(at_known, at_known + 1)
            for index in indices:
                option = tree.options.all[index]
                read, in_place, made, after = at.read, at.in_place, at.made, at.assignment
                ways = at.ways * len(indices)
                if not tree.name:
                    in_place = (*in_place, option)
                    made = (*made, Decision("", option))
                else:
                    read = read | {tree.name}
                    if known is None:
                        after = {**after, tree.name: option}
                        if not allows(tree.name, after):
                            continue
                        made = (*made, Decision(tree.name, option))
                following.append(_Waiting(tree.branches, index, read, in_place, made, after, ways))
            waiting += reversed(following)

    def _evaluated(
        self,
        at: _Waiting,
        evaluate: Callable[[Sequence[Option]], _Tree],
    ) -> _Tree:
        self._lets.assignment = at.assignment
        self._lets.read.clear()
        errors = self.diagnostics.num_errors
        tree: _Tree
        try:
            tree = evaluate(at.in_place)
        except Undecided as choice:
            tree = _Fork(choice.name, choice.options, [_UNKNOWN] * len(choice.options.all))
        except Invalid:
            raise UserError(*self.diagnostics.reported) from None
        if self.diagnostics.num_errors > errors:
            self._failed()
            tree = None
        for name, options in reversed(self._lets.read.items()):
            if name not in at.read:  # a choice that is made, and read here for the first time
                branches: list[_Tree] = [_UNKNOWN] * len(options.all)
                branches[options.place[at.assignment[name].key]] = tree
                tree = _Fork(name, options, branches)
        return tree

    def _failed(self) -> None:
        """Keep one error of each kind: why some networks of the space do not check.

        Sizes may be wrong for some choices alone; unknown words and names are errors of the spec.
        """
        last = self.diagnostics.reported[-1]
        if "CTC100" < last.code < "CTC200" and last.code not in _OF_SIZES:
            raise UserError(last)
        self.failures.setdefault(last.code, last)

    # --------------------------------------------------------------- leaves

    def _count(self, step: Step, place: Place, in_place: Sequence[Option]) -> int | None:
        count = step.times
        assert count is not None and not isinstance(count, int)
        scope = Scope(self._lets, place.shape.channels, per_layer=True)
        if isinstance(count, Choice):
            from ctcdsl.elaborate.choices import expand

            values = expand(count, self._expressions, scope)
            if values is None:
                raise Invalid
            if not in_place:
                raise Undecided("", Options.of(values))
            chosen = in_place[0].node
            assert not isinstance(chosen, Branch)
            count = chosen
        value = self._expressions.value(count, scope)
        if value is None:
            raise Invalid
        if value != int(value) or not 0 <= value <= MAX_LAYERS:
            noun = "a repetition"
            message = f"{noun} must be a whole number from 0 to {MAX_LAYERS:,}, not {value:g}"
            self._expressions.report("CTC108", message, _span(step))
            return None
        return int(value)

    def _place(self, step: Step, place: Place, in_place: Sequence[Option]) -> Outcome | None:
        self.placed += 1
        if self.placed > MAX_PLACED:
            raise too_large(step, self.placed)
        chooser = InPlace(in_place)
        elaborator = LayerElaborator(
            self.diagnostics, self._style, self._blocks, self._lets, chooser
        )
        elements, channels = elaborator.elements(step.items, place.shape.channels)
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
                at=_span(step),
                hint="write the first copy by itself, and the others `x(n-1)`",
            )
        return self._inferred(step, place, elements)

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
            for part in _parts(elements, at_pools=not step.named):
                if part is not elements and isinstance(part[0], Pool):
                    rule = PaddingRule(self._architecture.pad)
                chain = self._inference.extend(part, shape, rule)
                if chain is None:
                    return None
                nodes += chain
                shape = nodes[-1].output if nodes else shape
            vector = next((e for e in elements if isinstance(e, VectorLayer)), None)
            if vector is not None:
                self._expressions.report(
                    "CTC723",
                    "the head of a space begins with a layer that is written in its line",
                    _span(step),
                    hint="write `head: gap fc`, choices within it",
                )
                return None
            convolved = convolved or any(map(contains_conv, elements))
        costs = self._costs(place, elements, nodes, head=step.head)
        one = ends_with_one(nodes, place.one)
        after = Place(nodes[-1].output if nodes else shape, rule.odd, convolved, one)
        return Outcome(after, costs)

    def _costs(
        self, place: Place, elements: Sequence[Element], nodes: Sequence[Node], *, head: bool
    ) -> Costs:
        def architecture() -> Architecture:
            stages = () if head else (Stage(name=None, elements=tuple(elements)),)
            layers = tuple(elements) if head else ()
            return replace(
                self._architecture, input=place.shape, stages=stages, head=Head(layers=layers)
            )

        part = Part(nodes, architecture, self._conditions, after_one=place.one)
        return tuple([measure.of(part) for measure in self._measures])

    def paper_head(self, place: Place, head: Head) -> Outcome | None:
        """The outcome of a head that no text has."""
        errors = self.diagnostics.num_errors
        rule = PaddingRule(self._architecture.pad)
        nodes = self._inference.extend(head.layers, place.shape, rule, head=True)
        if nodes is None or self.diagnostics.num_errors > errors:
            self._failed()
            return None
        costs = self._costs(place, head.layers, nodes, head=True)
        return Outcome(Place(nodes[-1].output, False, place.convolved), costs)


class _Waiting(NamedTuple):
    """A tree that is to be walked, the choices on the way to it, and how many ways there are."""

    slot: list[_Tree]
    which: int
    read: frozenset[str]
    in_place: tuple[Option, ...]
    made: tuple[Decision, ...]
    assignment: Mapping[str, Option]
    ways: int


def _parts(elements: Sequence[Element], *, at_pools: bool) -> Iterator[Sequence[Element]]:
    """A chain, cut before each pool where a pool begins a stage."""
    pools = [k for k, x in enumerate(elements) if isinstance(x, Pool)] if at_pools else []
    if not pools:
        yield elements
        return
    cuts = [0, *(k for k in pools if k), len(elements)]
    for start, end in pairwise(cuts):
        yield tuple(elements[start:end])


def too_large(step: Step, placements: int) -> UserError:
    """The error of a space with too many placements, at the step that has them."""
    names = ", ".join(f"`{name}`" for name in sorted(step.names))
    reads = [f"it reads {names}"] if names else []
    reads += ["it has choices in place"] if step.in_place else []
    return error(
        "CTC722",
        f"the space is too large: its layers can be placed in more than {placements:,} ways up to"
        f" {quoted(_span(step))}",
        at=_span(step),
        notes=(", and ".join(reads),) if reads else (),
        hint="give its choices fewer values, with a step such as `16..512 by 16` or by `-D`",
    )


def _span(step: Step) -> Span:
    return step.items[0].span.merge(step.items[-1].span)
