"""What a microcontroller holds beside the layers that are placed: buffers of brackets around them.

The rules are those of `metrics/mcu.py`. A branch runs while the outputs of those before it wait,
and the map that enters the bracket too, as long as a later branch or a shortcut reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ctcdsl.metrics.memory_metrics import MCU_MEMORY
from ctcdsl.spaces.measures import NOTHING, Measure
from ctcdsl.spaces.place import Bracket, Costs, Place
from ctcdsl.syntax.nodes import Group


class Joined(NamedTuple):
    """A bracket with its outputs so far, and the most bytes in use where two were joined."""

    bracket: Bracket
    peak: int = NOTHING


class Memory:
    """Puts bytes in use into costs; nothing where they are not asked for."""

    def __init__(self, measures: Sequence[Measure]) -> None:
        names = [measure.name for measure in measures]
        self._at = names.index(MCU_MEMORY.name) if MCU_MEMORY.name in names else None

    @property
    def counts(self) -> bool:
        """Whether a microcontroller's memory is asked for."""
        return self._at is not None

    def with_peak(self, costs: Costs, peak: int) -> Costs:
        """Costs with so many bytes in use, if they are the most."""
        if self._at is None:
            return costs
        return (*costs[: self._at], max(costs[self._at], peak), *costs[self._at + 1 :])

    def beside(self, costs: Costs, place: Place, more: int = 0) -> Costs:
        """Costs of layers with what waits at their place while they run, and some bytes more."""
        if self._at is None or costs[self._at] == NOTHING:
            return costs
        return self.with_peak(costs, costs[self._at] + held(place) + more)


def is_kept(place: Place) -> bool:
    """Whether others read the buffer that the map of a place is in."""
    bracket = place.bracket
    return bracket is not None and place.shared and (bracket.needed or is_kept(bracket.entry))


def held(place: Place) -> int:
    """The bytes that wait at a place beside the buffer of its own map."""
    bracket = place.bracket
    if bracket is None:
        return 0
    entry = bracket.entry
    total = bracket.output + held(entry)
    if not place.shared and (bracket.needed or is_kept(entry)):
        total += entry.bytes
    return total


def is_read(group: Group, begun: int, *, stays: bool) -> bool:
    """Whether a branch behind so many reads the entry; one with `?` may be left out."""
    return any(stays or not branch.optional for branch in group.branches[begun:])


def with_output(place: Place, group: Group, ended: int, *, concatenates: bool) -> Joined:
    """The bracket of a place where so many of its branches have ended."""
    bracket = place.bracket
    assert bracket is not None
    joined = Joined(bracket)
    if bracket.out:
        pass
    elif concatenates or bracket.first is None:
        output = bracket.output + (0 if place.shared else place.bytes)
        joined = Joined(bracket._replace(output=output, alias=bracket.alias or place.shared))
    else:
        waits = is_read(group, ended, stays=bracket.stays)
        joined = with_other(bracket, None if place.shared else place.bytes, waits=waits)
    after, peak = joined
    needed = is_read(group, ended + 1, stays=bracket.stays) or after.alias
    return Joined(after._replace(needed=needed), peak)


def with_other(bracket: Bracket, other: int | None, *, waits: bool) -> Joined:
    """A bracket whose output so far is joined with another of so many bytes, or with the entry.

    `waits` says whether later branches read the entry.
    """
    entry, first = bracket.entry, bracket.first
    assert first is not None
    waits = waits or is_kept(entry)
    total = held(entry) + bracket.output + (other or 0)
    if bracket.alias or other is None or waits:
        total += entry.bytes
    if not (bracket.alias and waits):  # in place of what there is
        output = entry.bytes if bracket.alias else bracket.output
    elif other is not None:
        output = other
    else:
        output = first.numel
        total += output
    return Joined(bracket._replace(output=output, alias=False), total)


def behind(place: Place, bracket: Bracket, *, concatenates: bool) -> tuple[Place, int]:
    """The place behind a bracket, in the buffer of its output, and the most bytes in use there."""
    entry, numel = bracket.entry, place.shape.numel
    if concatenates:
        waits = entry.bytes if bracket.alias or is_kept(entry) else 0
        return place, held(entry) + bracket.output + waits + numel
    if not bracket.alias:
        return place.in_buffer(bracket.output, shared=False), NOTHING
    if bracket.activation is not None and is_kept(entry):  # not in place
        return place, held(entry) + entry.bytes + numel
    return place._replace(buffer=entry.buffer, shared=entry.shared), NOTHING
