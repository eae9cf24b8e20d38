"""Which layer carries the stride of a bracket or a call: `[ (1,8) (3,8) ]/2`, `cell(8)/2`.

It is the first that is wider than a pixel, or the first of those that are not, in every branch
(`ir/strides.py`). Here it is found in the text, for parts that are placed one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.elaborate.definitions import Definitions
from ctcdsl.spaces.calls import Around, Opened
from ctcdsl.syntax.nodes import (
    Argument,
    Branch,
    Call,
    Choice,
    Convolution,
    Group,
    Item,
    Name,
    Number,
    Postfix,
    Range,
    Repeat,
    Size,
    Stride,
)


def with_stride(
    branches: Sequence[Branch], stride: Stride, around: Around, definitions: Definitions
) -> Sequence[Branch] | None:
    """Branches with a stride where it falls in each; None where choices decide, or none has one."""
    found: list[Branch] = []
    for branch in branches:
        at = _carrier(branch.items, around, definitions)
        if at is None:
            return None
        items = list(branch.items)
        if at < len(items):
            item = items[at]
            items[at] = item._replace(postfixes=(*item.postfixes, stride))
        found.append(branch._replace(items=tuple(items)))
    return None if found == list(branches) else found


def _carrier(items: Sequence[Item], around: Around, definitions: Definitions) -> int | None:
    """Which item carries a stride; their number for none, None where that is not plain."""
    if len(items) == 1 and _is_block(items[0], definitions):
        return 0
    first = len(items)
    for index, item in enumerate(items):
        primary, postfixes = item.primary, item.postfixes
        if isinstance(primary, Name) and primary.text == "id":
            continue
        if isinstance(primary, Group) and not postfixes and _is_wide(primary, around, definitions):
            return index
        if not isinstance(primary, Convolution):
            return None
        side = _side(primary.arguments[0], around, definitions)
        if side > 1 and not any(map(_is_open, postfixes)):
            return index
        if side != 1 or postfixes:
            return None
        first = min(first, index)
    return first


def _is_block(item: Item, definitions: Definitions) -> bool:
    """Whether an item is a bracket or a call alone: what is in it carries the stride."""
    if item.postfixes:
        return False
    primary = item.primary
    if isinstance(primary, Group):
        return True
    word = primary.text if isinstance(primary, Name) else ""
    word = primary.word if isinstance(primary, Call) else word
    return word in definitions.defs


def _is_wide(group: Group, around: Around, definitions: Definitions) -> bool:
    """Whether a bracket has a layer that is wider than a pixel, whatever is chosen."""
    return any(
        isinstance(item.primary, Convolution)
        and not item.postfixes
        and _side(item.primary.arguments[0], around, definitions) > 1
        for branch in group.branches
        if not branch.optional
        for item in branch.items
    )


def _side(kernel: object, around: Around, definitions: Definitions) -> int:
    """The longer side of a kernel: 1, or another number if it is wider for sure, else 0."""
    match kernel:
        case Number(int(side)):
            return side
        case Size(sides):
            return max(sides)
        case Range(low, high, _):
            ends = [_side(end, around, definitions) for end in (low, high)]
            return min(ends) if min(ends) > 1 else 0
        case Choice(values):
            each = {_side(value, around, definitions) for value in values}
            return min(each) if min(each) > 1 or each == {1} else 0
        case Name(name):
            return _side_named(name, around, definitions)
        case _:
            return 0


def _side_named(name: str, around: Around, definitions: Definitions) -> int:
    """The side that a parameter of the innermost call has, or a `let`."""
    for depth in range(len(around) - 1, -1, -1):
        call = around[depth]
        if not isinstance(call, Opened):
            continue
        if name in call.arguments:
            given = name in call.given
            return _side(call.arguments[name], around[: depth if given else 0], definitions)
        break
    if name not in definitions.lets:
        return 0
    value: Argument = definitions.lets[name].value
    return 0 if isinstance(value, Name) else _side(value, (), definitions)


def _is_open(postfix: Postfix) -> bool:
    """Whether a stride may not follow a postfix, or fall on no layer."""
    if isinstance(postfix, Repeat):
        return not isinstance(postfix.amount, int) or postfix.amount < 1
    return True
