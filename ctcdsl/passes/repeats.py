"""What a stage repeats: blocks, or groups of layers, of one form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.ir import Block, Element, SlidingWindow, contains_conv, replace
from ctcdsl.text import UserError, error
from ctcdsl.text.plural import plural

_LONGEST = 6
"""Layers of the longest group that is looked for."""


class Repeats(NamedTuple):
    """The part of a stage that repeats one form, as units of one or more elements.

    Units of one form differ in widths and strides alone. `before` and `after` are the stage's
    other elements.
    """

    before: tuple[Element, ...]
    units: tuple[tuple[Element, ...], ...]
    after: tuple[Element, ...]

    @property
    def noun(self) -> str:
        """What a unit is called."""
        if len(self.units[0]) > 1:
            return "unit"
        return "block" if isinstance(self.units[0][0], Block) else "layer"

    def with_depth(self, depth: int) -> Iterator[tuple[Element, ...]]:
        """The stage's elements with `depth` units, by each way to choose those between.

        The first unit stays, for its stride, and the last, for its width.
        """
        first, last = self.units[0], self.units[-1]
        if depth == 1:
            yield (*self.before, *(last if len(self.units) == 1 else first), *self.after)
            return
        middles = [*self.units[1:2], last, _unstrided(first)]
        for middle in dict.fromkeys(middles):
            end = last if len(self.units) > 1 else middle
            units = [first, *[middle] * (depth - 2), end]
            yield (*self.before, *(element for unit in units for element in unit), *self.after)


def repeats(network: Network, stage: int, refusal: UserError) -> Repeats:
    """What a stage repeats.

    Raises:
        UserError: CTC404 it repeats several things, or nothing; `refusal` where it has no
            blocks and repeats nothing.
    """
    elements = network.architecture.stages[stage].elements
    name = network.architecture.stage_names[stage]
    outputs = [node.output.channels for node in network.stage(stage)]
    runs = _runs(elements, outputs)
    repeated = [run for run in runs if len(run.units) > 1]
    if len(repeated) == 1:
        return repeated[0]
    if len(repeated) > 1:
        parts = " and ".join(
            f"{plural(len(run.units), run.noun)} `{_written(run.units[0])}`" for run in repeated
        )
        raise error(
            "CTC404",
            f"{name} repeats several things: {parts}",
            at=repeated[1].units[0][0].origin,
            hint="give each a stage of its own, on a line of its own",
        )
    blocks = [k for k, element in enumerate(elements) if isinstance(element, Block)]
    if not blocks:
        raise refusal
    if len(runs) == 1 and len(runs[0].units[0]) == 1:
        return runs[0]
    first = blocks[0]
    alike = [k for k in blocks if _form(elements[k]) == _form(elements[first])]
    if len(alike) > 1:
        widths = ", ".join(str(outputs[k]) for k in alike[:4])
        more = ", …" if len(alike) > 4 else ""
        problem = f"no two blocks of {name} give one width: they give {widths}{more}"
    else:
        problem = f"{name} repeats no block"
    raise error(
        "CTC404",
        problem,
        at=elements[first].origin,
        hint="`scale` changes the widths of any stage",
    )


def _written(unit: Sequence[Element]) -> str:
    """The text that gave a unit: the call of a `def`, or its first element's own."""
    origin = unit[0].origin
    return (origin.calls[0] if origin.calls else origin).text


def _runs(elements: Sequence[Element], outputs: Sequence[int]) -> list[Repeats]:
    """The repeats of a stage, one after another, each as long as it can be.

    Blocks are alike where they also give the same width.
    """
    forms = [
        (_form(element), output if isinstance(element, Block) else 0)
        for element, output in zip(elements, outputs, strict=True)
    ]
    runs: list[Repeats] = []
    start = 0
    while start < len(elements):
        best = start + 1, 1
        for size in range(1, _LONGEST + 1):
            end = start + size
            while forms[end : end + size] == forms[start : start + size]:
                end += size
            if end - start > size and end > best[0]:
                best = end, size
        end, size = best
        if any(contains_conv(element) for element in elements[start:end]):
            units = tuple(tuple(elements[k : k + size]) for k in range(start, end, size))
            runs.append(Repeats(tuple(elements[:start]), units, tuple(elements[end:])))
        start = end
    return runs


def _form(element: Element) -> Element:
    """An element without its widths and strides."""
    if not isinstance(element, Block):
        return element.form()
    branches = tuple(
        replace(branch, elements=tuple(map(_form, branch.elements))) for branch in element.branches
    )
    share = None if element.share is None else 1
    return replace(element, branches=branches, share=share)


def _unstrided(elements: Sequence[Element]) -> tuple[Element, ...]:
    """Elements without strides."""
    result: list[Element] = []
    for element in elements:
        if isinstance(element, Block):
            branches = tuple(
                replace(branch, elements=_unstrided(branch.elements)) for branch in element.branches
            )
            element = replace(element, branches=branches)
        elif isinstance(element, SlidingWindow):
            element = replace(element, stride=(1, 1))
        result.append(element)
    return tuple(result)
