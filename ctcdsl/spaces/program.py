"""A space as a program: steps that each read some choices and add layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count

from ctcdsl.elaborate.definitions import Definitions
from ctcdsl.elaborate.drafts import Draft
from ctcdsl.layers import WORDS, VectorLayer
from ctcdsl.spaces.brackets import Opener
from ctcdsl.spaces.step import Step, step_of, step_of_item
from ctcdsl.syntax.nodes import Call, Item, Line, Name


def steps_of(draft: Draft, *, open_brackets: bool, memory: bool = False) -> tuple[Step, ...]:
    """The steps of a network's lines; its head is one.

    With `open_brackets` brackets and calls with several choices are placed in parts; `memory` says
    whether a microcontroller's is counted.
    """
    steps: list[Step] = []
    head: list[Item] = []
    numbers = count()
    for line in draft.lines:
        trunk = line.items
        if head or line.label == "head":
            head += line.items
            continue
        cut = next((k for k, item in enumerate(trunk) if _begins_head(item)), len(trunk))
        head += trunk[cut:]
        steps += _of_line(line, trunk[:cut], draft.definitions, numbers)
    last: tuple[Step, ...] = ()
    if head and not _is_none(head):
        step = step_of(next(numbers), tuple(head), draft.definitions)
        last = (step._replace(head=True, begins=True),)
    if open_brackets:
        read = Counter(name for step in (*steps, *last) for name in step.names)
        several = frozenset(name for name, times in read.items() if times > 1)
        opener = Opener(draft.definitions, numbers, several, memory=memory)
        steps = [opener.opened(step) for step in steps]
    return (*steps, *last)


def _of_line(
    line: Line, items: Sequence[Item], definitions: Definitions, numbers: Iterator[int]
) -> Iterator[Step]:
    for k, item in enumerate(items):
        step = step_of_item(next(numbers), item, definitions)
        yield step._replace(begins=k == 0, named=line.label is not None)


def _begins_head(item: Item) -> bool:
    """Whether an item is a layer that gives a vector: `gap`, `spp(6,3,2,1)`, `fc`."""
    primary = item.primary
    word = primary.text if isinstance(primary, Name) else ""
    word = primary.word if isinstance(primary, Call) else word
    return word in WORDS and issubclass(WORDS[word].kind, VectorLayer)


def _is_none(items: Sequence[Item]) -> bool:
    primary = items[0].primary
    return len(items) == 1 and isinstance(primary, Name) and primary.text == "none"
