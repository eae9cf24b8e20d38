"""Spaces in a line: how many networks there are, and the least and the most that they cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ctcdsl.ir import Shape
from ctcdsl.spaces.space import Space, drafts_of
from ctcdsl.text import Diagnostic, Source, UserError

SPACE = "CTC119"
"""The code of a space where one network is expected."""


class Summary(NamedTuple):
    """A space's number of networks, and the least and the most of the usual metrics."""

    name: str
    networks: int
    depth: tuple[int, int]
    macs: tuple[int, int]
    params: tuple[int, int]

    @property
    def text(self) -> str:
        """All of it in words."""
        ranges = (
            (self.depth, "layers"),
            (self.macs, "MACs"),
            (self.params, "parameters"),
        )
        listed = ", ".join(f"{_range(*ends)} {noun}" for ends, noun in ranges)
        return f"a space of {self.networks:,} networks: {listed}"


def _range(least: int, most: int) -> str:
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def summaries(
    source: Source, *, input: Shape | None = None, pins: Mapping[str, str | float] | None = None
) -> list[Summary]:
    """The spaces of a source, those of one network among them.

    Raises:
        UserError: The text has errors, or a space is too large to look at.
    """
    result: list[Summary] = []
    for draft in drafts_of(source, pins or {})[0]:
        name, networks, *ends = Space(draft, input).summary().values()
        result.append(Summary(name, networks, *ends))
    return result


def as_spaces(diagnostics: Iterable[Diagnostic]) -> tuple[list[Source], list[Diagnostic]]:
    """The sources that are spaces, and the diagnostics but for those that say so."""
    spaces: dict[str, Source] = {}
    others: list[Diagnostic] = []
    for diagnostic in diagnostics:
        if diagnostic.code == SPACE:
            source = diagnostic.labels[0].span.source
            spaces.setdefault(source.name, source)
        else:
            others.append(diagnostic)
    return list(spaces.values()), others


def reported(source: Source) -> list[Diagnostic]:
    """The errors of a space that its layers have, found without looking at every network."""
    try:
        drafts_of(source, {})
    except UserError as failure:
        return list(failure.diagnostics)
    return []
