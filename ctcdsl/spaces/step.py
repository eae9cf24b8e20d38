"""A step of a space: items that are placed together, and the choices that they read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ctcdsl.elaborate.definitions import Definitions
from ctcdsl.elaborate.layers import is_chain
from ctcdsl.ir import Element, Pool
from ctcdsl.spaces.calls import Around, Opened, reads
from ctcdsl.syntax.nodes import (
    Alternatives,
    Argument,
    Call,
    Choice,
    Group,
    Item,
    Name,
    Repeat,
    Stride,
)
from ctcdsl.text import Span


class Mark(NamedTuple):
    """Where a bracket or call that is placed in parts begins, goes on, or ends: no layer.

    `ended` is the number of its branches that are complete, `repeated` whether there are more
    copies of it, so that a state with none left passes by.
    """

    of: Group | Opened
    ended: int
    repeated: bool

    @property
    def joins(self) -> Group | None:
        """The bracket, where its branches are joined: not braces around a chain, nor a call."""
        return None if isinstance(self.of, Opened) or is_chain(self.of) else self.of

    @property
    def closes(self) -> bool:
        """Whether it ends here."""
        return self.ended == (1 if isinstance(self.of, Opened) else len(self.of.branches))


class Step(NamedTuple):
    """Items that are placed together, so many `times` where they repeat.

    `names` are the choices that they may read, those of the count among them, `inside` without;
    `in_place` says whether some are written in them. The first of a line `begins` a stage; in a
    line without a name every pool does. `strided` are the items of the first copy, where a stride
    follows the repetition: `(3,<8|16>)x4/2`.

    A bracket or call that is placed in parts has `parts`, and `strided_parts` those of its first
    copy where they differ: marks, and items that have it `around` them. An `optional` branch is one
    of them; `strides` says whether a shortcut needs to know the strides of a part.
    """

    number: int
    items: tuple[Item, ...]
    times: int | Argument | None
    names: frozenset[str]
    inside: frozenset[str]
    in_place: bool
    begins: bool = False
    named: bool = True
    head: bool = False
    strided: tuple[Item, ...] = ()
    parts: tuple[Step, ...] = ()
    strided_parts: tuple[Step, ...] = ()
    mark: Mark | None = None
    around: Around = ()
    optional: bool = False
    strides: bool = False
    reads_channels: bool = False

    @property
    def span(self) -> Span:
        """Where its items are written."""
        return self.items[0].span.merge(self.items[-1].span)

    @property
    def within(self) -> Group | None:
        """The innermost bracket around it that joins branches."""
        for each in reversed(self.around):
            if not isinstance(each, Opened) and not is_chain(each):
                return each
        return None

    @property
    def braced(self) -> bool | None:
        """Whether braces hold its layers together; None outside of all braces and brackets."""
        if self.within is not None:
            return False
        return True if any(not isinstance(each, Opened) for each in self.around) else None

    def cut(self, elements: Sequence[Element]) -> Iterator[Sequence[Element]]:
        """Its layers, cut before each pool where a pool begins a stage."""
        pools = [] if self.named else [k for k, x in enumerate(elements) if isinstance(x, Pool)]
        if not pools:
            yield elements
            return
        cuts = [0, *(k for k in pools if k), len(elements)]
        for start, end in pairwise(cuts):
            yield tuple(elements[start:end])

    @property
    def has_copies(self) -> bool:
        """Whether each copy makes choices of its own, and is placed by itself."""
        return self.times is not None and self.in_place


def step_of(
    number: int, items: tuple[Item, ...], definitions: Definitions, around: Around = ()
) -> Step:
    """The step of some items, once."""
    names, channels = reads(items, around, definitions)
    return Step(
        number=number,
        items=items,
        times=None,
        names=names,
        inside=names,
        in_place=has_choice(items, definitions),
        around=around,
        reads_channels=channels,
    )


def step_of_item(number: int, item: Item, definitions: Definitions, around: Around = ()) -> Step:
    """The step of one item, with its repetition."""
    step = step_of(number, (item,), definitions, around)
    last = item.postfixes[-1] if item.postfixes else None
    if isinstance(last, Repeat):
        once = item._replace(postfixes=item.postfixes[:-1])
        inner = step_of(number, (once,), definitions, around)
        return inner._replace(
            times=last.amount, names=step.names, reads_channels=step.reads_channels
        )
    if step.in_place and isinstance(last, Stride) and len(item.postfixes) > 1:
        repeat = item.postfixes[-2]
        if isinstance(repeat, Repeat):
            once = item._replace(postfixes=item.postfixes[:-2])
            inner = step_of(number, (once,), definitions, around)
            strided = (once._replace(postfixes=(*once.postfixes, last)),)
            return inner._replace(
                times=repeat.amount,
                names=step.names,
                strided=strided,
                reads_channels=step.reads_channels,
            )
    return step


def has_choice(node: object, definitions: Definitions) -> bool:
    """Whether a choice is written in a node, or in a `def` that it may call."""
    return _has_choice(node, definitions, set())


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
