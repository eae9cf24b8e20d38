"""Brackets with several choices as parts, which are placed one after another.

`[ (3,<16|32>) (3,<16|32>) | (1,<16|32>) ]` has 8 networks. As one step it is placed 8 times; in
parts each layer is, once for each map that enters it, and the costs add up. What follows depends
on the shapes alone, which are few. A bracket whose parts depend on more than that stays one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ctcdsl.elaborate.definitions import Definitions
from ctcdsl.elaborate.expressions import names_in
from ctcdsl.layers.stochastic_depth import StochasticDepth
from ctcdsl.layers.zero_pad import ZeroPad
from ctcdsl.spaces.step import Mark, Step, step_of, step_of_item
from ctcdsl.syntax.nodes import (
    Argument,
    Branch,
    Convolution,
    Group,
    Item,
    Name,
    Number,
    Postfix,
    Repeat,
    Size,
    Stride,
)

_OF_BRANCHES = frozenset({StochasticDepth.keyword, ZeroPad.keyword})
"""Layers that depend on where in a branch they are, or on other branches."""


def opened(step: Step, definitions: Definitions, numbers: Iterator[int]) -> Step:
    """A step with its parts, where it is a bracket that can be placed in parts and gains by it."""
    (item,) = step.items
    if step.times is not None and not step.has_copies:
        return step
    repeated = step.times is not None
    parts = _parts(step, item, definitions, numbers, repeated=repeated)
    if not parts or not _gains(parts):
        return step
    strided: tuple[Step, ...] = ()
    if step.strided:
        strided = _parts(step, step.strided[0], definitions, numbers, repeated=True)
        if not strided:
            return step
    return step._replace(parts=parts, strided_parts=strided)


def _gains(parts: Sequence[Step]) -> bool:
    """Whether the choices of different parts would multiply."""
    layers = [part for part in parts if part.mark is None]
    in_place = sum(1 + part.has_copies for part in layers if part.in_place)
    named = {part.names for part in layers if part.names}
    return in_place + len(named) > 1


def _parts(
    step: Step, item: Item, definitions: Definitions, numbers: Iterator[int], *, repeated: bool
) -> tuple[Step, ...]:
    """The parts of a bracket; none where it is something else, or is to be placed as one."""
    group = _group_of(item, definitions)
    if group is None or not _can_open(group, definitions):
        return ()
    branches: Sequence[Branch] | None = group.branches
    match item.postfixes:
        case ():
            pass
        case (Stride() as stride,):
            branches = _strided(group.branches, stride)
        case _:
            return ()
    if branches is None:
        return ()

    def mark(ended: int) -> Step:
        made = step_of(next(numbers), (item,), definitions)
        begins = step.begins and not repeated and not ended
        return made._replace(mark=Mark(group, ended, repeated), begins=begins)

    parts: list[Step] = []
    for index, branch in enumerate(branches):
        parts.append(mark(index))
        for items in _segments(branch, definitions):
            number = next(numbers)
            if len(items) == 1 and not branch.optional:
                part = step_of_item(number, items[0], definitions)
            else:
                part = step_of(number, items, definitions)
            parts.append(part._replace(within=group, named=step.named, optional=branch.optional))
    return (*parts, mark(len(branches)))


def _group_of(item: Item, definitions: Definitions) -> Group | None:
    """The bracket that an item is, or that a `def` without parameters is for."""
    primary = item.primary
    if isinstance(primary, Group):
        return primary
    if not isinstance(primary, Name) or primary.text not in definitions.defs:
        return None
    definition = definitions.defs[primary.text]
    inner = definition.items[0]
    if definition.parameters or len(definition.items) > 1 or inner.postfixes:
        return None
    return inner.primary if isinstance(inner.primary, Group) else None


def _can_open(group: Group, definitions: Definitions) -> bool:
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
    return not _mentions(group, definitions)


def _mentions(node: object, definitions: Definitions) -> bool:
    """Whether a node, or a `def` that it may call, has a layer that depends on its branch."""
    seen: set[str] = set()
    waiting = list(names_in(node))
    while waiting:
        name = waiting.pop()
        if name in _OF_BRANCHES and name not in definitions.lets:
            return True
        if name not in seen:
            seen.add(name)
            if name in definitions.lets:
                waiting += names_in(definitions.lets[name].value)
            if name in definitions.defs:
                waiting += names_in(definitions.defs[name].items)
    return False


def _segments(branch: Branch, definitions: Definitions) -> Iterator[tuple[Item, ...]]:
    """The items of a branch, cut before each that makes a choice, and after copies that do."""
    if branch.optional:  # it is left out as a whole
        yield branch.items
        return
    segment: list[Item] = []
    for item in branch.items:
        step = step_of_item(0, item, definitions)
        if segment and (step.in_place or step.names or step.times is not None):
            yield tuple(segment)
            segment = []
        segment.append(item)
        if step.times is not None:
            yield tuple(segment)
            segment = []
    if segment:
        yield tuple(segment)


def _strided(branches: Sequence[Branch], stride: Stride) -> Sequence[Branch] | None:
    """Branches with the stride of their group where it falls in each; None where choices decide."""
    found: list[Branch] = []
    for branch in branches:
        at = _carrier(branch.items)
        if at is None:
            return None
        items = list(branch.items)
        if at < len(items):
            item = items[at]
            items[at] = item._replace(postfixes=(*item.postfixes, stride))
        found.append(branch._replace(items=tuple(items)))
    return None if found == list(branches) else found


def _carrier(items: Sequence[Item]) -> int | None:
    """Which item carries a branch's stride; their number for none, None where that is not plain.

    It is the first convolution wider than a pixel, or the first of those that are not.
    """
    first = len(items)
    for index, (primary, postfixes, _, _) in enumerate(items):
        if isinstance(primary, Name) and primary.text == "id":
            continue
        if not isinstance(primary, Convolution):
            return None
        side = _side(primary.arguments[0])
        if side > 1 and not any(map(_is_open, postfixes)):
            return index
        if side != 1 or postfixes:
            return None
        first = min(first, index)
    return first


def _side(kernel: Argument) -> int:
    """The longer side of a kernel that is a number, else 0."""
    match kernel:
        case Number(int(side)):
            return side
        case Size(sides):
            return max(sides)
        case _:
            return 0


def _is_open(postfix: Postfix) -> bool:
    """Whether a stride may not follow a postfix, or fall on no layer."""
    if isinstance(postfix, Repeat):
        return not isinstance(postfix.amount, int) or postfix.amount < 1
    return True
