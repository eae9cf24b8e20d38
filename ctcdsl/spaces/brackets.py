"""Brackets and calls with several choices as parts, which are placed one after another.

`[ (3,<16|32>) (3,<16|32>) | (1,<16|32>) ]` has 8 networks. As one step it is placed 8 times; in
parts each layer is, once for each map that enters it, and the costs add up. What follows depends
on the shapes alone, which are few. So it is with calls, `fire(<16|32>,<64|128>)`, and with brackets
inside of others. A bracket whose parts depend on more than that stays one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ctcdsl.elaborate.definitions import Definitions
from ctcdsl.elaborate.expressions import names_in
from ctcdsl.layers import ACTIVATIONS
from ctcdsl.layers.stochastic_depth import StochasticDepth
from ctcdsl.layers.zero_pad import ZeroPad
from ctcdsl.spaces.calls import Around, Opened, opened_call, reads
from ctcdsl.spaces.carriers import with_stride
from ctcdsl.spaces.step import Mark, Step, step_of, step_of_item
from ctcdsl.syntax.nodes import (
    Alternatives,
    Branch,
    Call,
    Convolution,
    Group,
    Item,
    Name,
    Repeat,
    Stride,
)

_OF_BRANCHES = frozenset({StochasticDepth.keyword, ZeroPad.keyword})
"""Layers that depend on where in a branch they are, or on other branches."""


class Opener:
    """Takes steps of a space apart, where that helps."""

    def __init__(
        self,
        definitions: Definitions,
        numbers: Iterator[int],
        several: frozenset[str],
        *,
        memory: bool,
    ) -> None:
        """Parts are numbered on; `several` are the choices that more than one step reads.

        `memory` says whether a microcontroller's is counted.
        """
        self._definitions = definitions
        self._several = several
        self._memory = memory
        self._numbers = numbers

    def opened(self, step: Step) -> Step:
        """A step with its parts, where it can be placed in parts and gains by it."""
        (item,) = step.items
        if step.times is not None and not step.has_copies:
            return step
        repeated = step.times is not None
        parts = self._parts(step, item, repeated=repeated)
        if not parts or not self._gains(parts):
            return step
        strided: tuple[Step, ...] = ()
        if step.strided:
            strided = self._parts(step, step.strided[0], repeated=True)
            if not strided:
                return step
        return step._replace(parts=parts, strided_parts=strided)

    def _parts(self, step: Step, item: Item, *, repeated: bool) -> tuple[Step, ...]:
        """The parts of a bracket or call; none where it is something else, or is placed as one."""
        of, branches = self._content(item, step.around)
        if of is None:
            return ()
        around = (*step.around, of)
        match item.postfixes:
            case ():
                pass
            case (Stride() as stride,):
                strided = with_stride(branches, stride, around, self._definitions)
                if strided is None:
                    return ()
                branches = strided
            case _:
                return ()
        begins = self._mark(step, item, Mark(of, 0, repeated))
        parts = [begins._replace(begins=step.begins and not repeated)]
        joins = parts[0].mark is not None and parts[0].mark.joins is not None
        for index, branch in enumerate(branches):
            strides = step.strides
            if joins:
                strides = index == 0 and (strides or len(branches) == 1)
            for items in self._segments(branch, around):
                number = next(self._numbers)
                alone = len(items) == 1 and not branch.optional
                part = (
                    step_of_item(number, items[0], self._definitions, around)
                    if alone
                    else step_of(number, items, self._definitions, around)
                )
                part = part._replace(named=step.named, optional=branch.optional, strides=strides)
                parts.append(self.opened(part) if alone else part)
            parts.append(self._mark(step, item, Mark(of, index + 1, repeated)))
        return tuple(parts)

    def _mark(self, step: Step, item: Item, mark: Mark) -> Step:
        """The step of a mark; the one that ends a call reads what its arguments do."""
        made = step_of(next(self._numbers), (item,), self._definitions, step.around)
        names: frozenset[str] = frozenset()
        if isinstance(mark.of, Opened) and mark.closes:
            parameters = tuple(Name(name, mark.of.span) for name in mark.of.unsure)
            names = reads(parameters, (*step.around, mark.of), self._definitions).names
        return made._replace(mark=mark, names=names, named=step.named)

    def _content(
        self, item: Item, around: Around
    ) -> tuple[Group | Opened | None, Sequence[Branch]]:
        """What an item is that can be placed in parts, and its branches."""
        primary = item.primary
        if isinstance(primary, Group):
            return (primary, primary.branches) if self._can_open(primary) else (None, ())
        if not isinstance(primary, Name | Call):
            return None, ()
        call = opened_call(next(self._numbers), primary, self._definitions)
        if call is None or self._depends_on_branches(call.definition.items):
            return None, ()
        if any(isinstance(x, Opened) and x.definition is call.definition for x in around):
            return None, ()  # it calls itself
        items = call.definition.items
        return call, (Branch(items, False, items[0].span.merge(items[-1].span)),)

    def _can_open(self, group: Group) -> bool:
        """Whether what follows each layer of a group depends on shapes alone."""
        several = len(group.branches) > 1
        match group.join:
            case None:
                adds = group.bracket == "["
            case Name("mul" | "max"):
                adds = False
                if group.bracket != "[" or not several:
                    return False
            case _:
                return False
        for index, branch in enumerate(group.branches):
            if branch.optional and (not adds or index == 0):
                return False
            if self._memory and index < len(group.branches) - 1 and branch.optional:
                return False
            if self._memory and adds and self._may_begin_with_activation(branch.items):
                return False
        return not self._depends_on_branches(group)

    def _may_begin_with_activation(self, items: Sequence[Item]) -> bool:
        """Whether items may begin with an activation, which needs a buffer only if it stays."""
        for item in items:
            primary = item.primary
            bodies: Sequence[Sequence[Item]] = ()
            if isinstance(primary, Alternatives):
                bodies = [branch.items for branch in primary.branches]
            elif isinstance(primary, Name) and primary.text in ACTIVATIONS:
                return True
            elif isinstance(primary, Name | Call):
                word = primary.text if isinstance(primary, Name) else primary.word
                if word in self._definitions.defs:
                    bodies = [self._definitions.defs[word].items]
                elif word in self._definitions.lets:
                    return True  # it is not known which `def` it names
            if any(self._may_begin_with_activation(body) for body in bodies):
                return True
            amounts = [p.amount for p in item.postfixes if isinstance(p, Repeat)]
            sure = all(isinstance(amount, int) and amount > 0 for amount in amounts)
            if isinstance(primary, Convolution | Group) and sure:
                return False
        return False

    def _depends_on_branches(self, node: object) -> bool:
        """Whether a node, or a `def` that it may call, has a layer that depends on its branch."""
        lets, defs = self._definitions.lets, self._definitions.defs
        seen: set[str] = set()
        waiting = list(names_in(node))
        while waiting:
            name = waiting.pop()
            if name in _OF_BRANCHES and name not in lets:
                return True
            if name not in seen:
                seen.add(name)
                if name in lets:
                    waiting += names_in(lets[name].value)
                if name in defs:
                    waiting += names_in(defs[name].items)
        return False

    def _segments(self, branch: Branch, around: Around) -> Iterator[tuple[Item, ...]]:
        """The items of a branch, cut around each that makes a choice."""
        if branch.optional:  # it is left out as a whole
            yield branch.items
            return
        segment: list[Item] = []
        for item in branch.items:
            step = step_of_item(0, item, self._definitions, around)
            chooses = bool(step.in_place or step.names or step.times is not None)
            apart = step.times is not None or not isinstance(item.primary, Convolution)
            if segment and chooses:
                yield tuple(segment)
                segment = []
            segment.append(item)
            if chooses and apart:
                yield tuple(segment)
                segment = []
        if segment:
            yield tuple(segment)

    def _gains(self, parts: Sequence[Step]) -> bool:
        """Whether the choices of different parts would multiply.

        Those that other steps read too are made all the same.
        """
        layers = [part for part in parts if part.mark is None]
        in_place = sum(1 + part.has_copies for part in layers if part.in_place)
        named = {names for part in layers if (names := part.names - self._several)}
        return in_place + len(named) > 1 or any(part.parts for part in layers)
