"""A space as a program: steps that each read some choices and add layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ctcdsl.elaborate.definitions import Definitions
from ctcdsl.elaborate.drafts import Draft
from ctcdsl.layers import WORDS, VectorLayer
from ctcdsl.spaces.choices import choices_named
from ctcdsl.syntax.nodes import (
    Alternatives,
    Argument,
    Call,
    Choice,
    Item,
    Line,
    Name,
    Repeat,
    Stride,
)
from ctcdsl.text import Span


class Step(NamedTuple):
    """Items that are placed together, so many `times` where they repeat.

    `names` are the choices that they may read, those of the count among them, `inside` without;
    `in_place` says whether some are written in them. The first of a line `begins` a stage; in a
    line without a name every pool does. `strided` are the items of the first copy, where a stride
    follows the repetition: `(3,<8|16>)x4/2`.
    """

    number: int
    items: tuple[Item, ...]
    times: int | Argument | None
    names: frozenset[str]
    inside: frozenset[str]
    in_place: bool
    begins: bool
    named: bool
    head: bool = False
    strided: tuple[Item, ...] = ()

    @property
    def span(self) -> Span:
        """Where its items are written."""
        return self.items[0].span.merge(self.items[-1].span)


def steps_of(draft: Draft) -> tuple[Step, ...]:
    """The steps of a network's lines; its head is one."""
    steps: list[Step] = []
    head: list[Item] = []
    for line in draft.lines:
        trunk = line.items
        if head or line.label == "head":
            head += line.items
            continue
        cut = next((k for k, item in enumerate(trunk) if _begins_head(item)), len(trunk))
        head += trunk[cut:]
        steps += _of_line(line, trunk[:cut], draft.definitions, len(steps))
    if head and not _is_none(head):
        steps.append(_step(len(steps), tuple(head), draft.definitions, head=True))
    return tuple(steps)


def _of_line(
    line: Line, items: Sequence[Item], definitions: Definitions, first: int
) -> Iterator[Step]:
    for k, item in enumerate(items):
        step = _step(first + k, (item,), definitions)
        last = item.postfixes[-1] if item.postfixes else None
        if isinstance(last, Repeat):
            once = item._replace(postfixes=item.postfixes[:-1])
            inner = _step(first + k, (once,), definitions)
            step = inner._replace(times=last.amount, names=step.names)
        elif step.in_place and isinstance(last, Stride) and len(item.postfixes) > 1:
            repeat = item.postfixes[-2]
            if isinstance(repeat, Repeat):
                once = item._replace(postfixes=item.postfixes[:-2])
                inner = _step(first + k, (once,), definitions)
                strided = (once._replace(postfixes=(*once.postfixes, last)),)
                step = inner._replace(times=repeat.amount, names=step.names, strided=strided)
        yield step._replace(begins=k == 0, named=line.label is not None)


def _step(
    number: int, items: tuple[Item, ...], definitions: Definitions, *, head: bool = False
) -> Step:
    names = choices_named(items, definitions)
    return Step(
        number=number,
        items=items,
        times=None,
        names=names,
        inside=names,
        in_place=_has_choice(items, definitions, set()),
        begins=head,
        named=True,
        head=head,
    )


def _begins_head(item: Item) -> bool:
    """Whether an item is a layer that gives a vector: `gap`, `spp(6,3,2,1)`, `fc`."""
    primary = item.primary
    word = primary.text if isinstance(primary, Name) else ""
    word = primary.word if isinstance(primary, Call) else word
    return word in WORDS and issubclass(WORDS[word].kind, VectorLayer)


def _is_none(items: Sequence[Item]) -> bool:
    primary = items[0].primary
    return len(items) == 1 and isinstance(primary, Name) and primary.text == "none"


def _has_choice(node: object, definitions: Definitions, seen: set[str]) -> bool:
    """Whether a choice is written in a node, or in a `def` that it may call."""
    if isinstance(node, Choice | Alternatives):
        return True
    if isinstance(node, Name | Call):
        word = node.text if isinstance(node, Name) else node.word
        if word not in seen:
            seen.add(word)
            let = definitions.lets.get(word)
            values = let.value.values if let and isinstance(let.value, Choice) else ()
            of = [definitions.defs[word]] if word in definitions.defs else []
            if any(_has_choice(each.items, definitions, seen) for each in of):
                return True
            if any(
                isinstance(parameter.default, Choice)
                for each in of
                for parameter in each.parameters
            ):
                return True
            if any(_has_choice(value, definitions, seen) for value in values):
                return True
    if isinstance(node, tuple):
        return any(_has_choice(part, definitions, seen) for part in node)
    return False
