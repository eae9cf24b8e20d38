"""The header `recompute`: names of stages, layers and blocks, to parts of the network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ctcdsl.ir import Head, Part, Stage
from ctcdsl.ir.names import names
from ctcdsl.syntax.nodes import Name
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import Label
from ctcdsl.text.sink import Diagnostics

_Place = tuple[int, int | None]
"""A stage, and a layer or block of it; None for all of it."""


def read_parts(
    written: Sequence[Name], stages: Sequence[Stage], head: Head, diagnostics: Diagnostics
) -> tuple[Part, ...]:
    """The parts that a header names, in the order of the network.

    CTC123 for a name that is not in the network, CTC311 for two that do not make a part, and for
    parts that overlap.
    """
    if not written:
        return ()
    chains = [(stage.name or f"stage{k}", stage.elements) for k, stage in enumerate(stages, 1)]
    if head.layers:
        chains.append((head.name, head.layers))
    places: dict[str, _Place] = {}
    for index, (stage, elements) in enumerate(chains):
        places[stage] = (index, None)
        for element, name in enumerate(names(stage, elements)):
            places[name] = (index, element)
    parts = [part for name in written if (part := _part(name, places, diagnostics)) is not None]
    lengths = [len(elements) for _, elements in chains]
    parts.sort(key=lambda part: part.positions(lengths).start)
    for before, part in pairwise(parts):
        if part.positions(lengths).start < before.positions(lengths).stop:
            assert part.origin is not None and before.origin is not None
            diagnostics.error(
                "CTC311",
                "two parts of `recompute` have layers in common",
                part.origin,
                also=(Label(before.origin, "the other"),),
                hint="name each layer once",
            )
    return tuple(parts)


def _part(name: Name, places: dict[str, _Place], diagnostics: Diagnostics) -> Part | None:
    first, _, last = name.text.partition("..")
    stage, dot, _ = first.partition(".")
    inside = f"{stage}.{last}"
    if last and dot and (inside in places or last not in places):
        last = inside
    for text in (first, last):
        if text and text not in places:
            listed = f"its stages are {', '.join(place for place in places if '.' not in place)}"
            near = [place for place in places if place.startswith(f"{text.partition('.')[0]}.")]
            if near and "." in text:
                listed = f"there are {', '.join(near)}"
            hint = did_you_mean(text, places, listed)
            message = f"the network has no stage or layer `{text}`"
            diagnostics.error("CTC123", message, name.span, hint=hint)
            return None
    (stage_index, begin), (other, end) = places[first], places[last or first]
    if begin is None and end is None and not last:
        return Part(stage=stage_index, origin=name.span)
    if begin is not None and end is not None and stage_index == other and begin <= end:
        return Part(stage=stage_index, elements=(begin, end), origin=name.span)
    diagnostics.error(
        "CTC311",
        f"`{name.text}` is not a part that can be recomputed",
        name.span,
        hint="write a stage, `conv2_x`, a layer or block of one, or from one to a later one of the"
        " same stage, `conv2_x.block1..block3`",
    )
    return None
