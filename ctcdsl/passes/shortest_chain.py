"""A shortest chain of passes from one network to another, or to what is nearest to it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.ir import Architecture, Element, replace
from ctcdsl.ops.record import Record
from ctcdsl.passes.base import Pass
from ctcdsl.passes.manager import Step, run_pass
from ctcdsl.passes.moves import is_slow, moves
from ctcdsl.text import UserError

MAX_STEPS = 6
"""The longest chain that is looked for."""
BEAM = 300
"""The networks, nearest to the target, that are rewritten further at each length."""
FINAL_BEAM = 3_000
"""Those that are tried with a last pass, which leaves few options."""
EFFORT = 60_000
"""The passes that are tried at most: a few seconds."""
_SLOW = 500
"""What a pass that tries many widths counts for."""
_PATIENCE = 2
"""A chain that brought nothing nearer for so many steps is given up."""


class Chain(NamedTuple):
    """A chain of passes.

    `exact` says whether it ends at the target, `shortest` whether all shorter chains of the
    passes that may lead there were tried. `remaining` counts the layers that still differ.
    """

    steps: tuple[Step, ...]
    exact: bool
    shortest: bool
    remaining: int


class _State(NamedTuple):
    """What a pass made of the end of a chain; it is checked when it is its turn.

    `distance` is a measure of how far the target is from it, `remaining` the layers that differ.
    """

    distance: float
    remaining: int
    steps: tuple[Step, ...]
    applied: Pass | None

    @property
    def length(self) -> int:
        """The number of steps to it."""
        return len(self.steps) + (self.applied is not None)


def shortest_chain(base: Network, target: Network, max_steps: int = MAX_STEPS) -> Chain:
    """Rewrite `base` until `target` comes out, level by level, so that the first is a shortest.

    Networks are one where they differ in names alone, or in a `maps` that asks for the same
    paddings. Where there are too many of them at a length, those nearest to the target go on.
    Where none reaches it, the chain is that whose steps and layers left over are the fewest
    together.

    Args:
        base: Where the chain starts.
        target: Where it is to end.
        max_steps: The longest chain that is looked for.
    """
    return _Search(base, target).run(max_steps)


def nameless(architecture: Architecture) -> Architecture:
    """A network by its layers, not what it and its stages are called, nor what `maps` asks."""
    stages = tuple(replace(stage, name=None) for stage in architecture.stages)
    head = replace(architecture.head, name="", implied=False)
    return replace(architecture, name="", stages=stages, head=head, maps=())


def _is_padded_alike(one: Network, other: Network) -> bool:
    """Whether networks of the same layers have the same maps."""
    pairs = zip(one.layers, other.layers, strict=True)
    return all(a.padding == b.padding and a.output == b.output for a, b in pairs)


class _Search:
    """A search by length; a network that was reached before is not tried again."""

    def __init__(self, base: Network, target: Network) -> None:
        self._base, self._target = base, target
        self._aim = nameless(target.architecture)
        self._seen = {nameless(base.architecture)}
        self._effort = EFFORT

    def run(self, max_steps: int) -> Chain:
        """See `shortest_chain`."""
        if self._aim in self._seen and _is_padded_alike(self._base, self._target):
            return Chain((), exact=True, shortest=True, remaining=0)
        level = [self._state(self._base.architecture, (), None)]
        best, shortest = level[0], True
        for length in range(1, max_steps + 1):
            ends: list[tuple[tuple[Step, ...], Network]] = []
            for state in level[:FINAL_BEAM]:
                end = self._checked(state)
                if end is None:
                    continue
                ends.append(end)
                steps = self._finished(*end)
                if steps is not None:
                    return Chain(steps, exact=True, shortest=shortest, remaining=0)
            shortest = shortest and len(ends) <= BEAM and self._effort > 0
            if length == max_steps or length > best.length + _PATIENCE or self._effort <= 0:
                break
            level = [new for end in ends[:BEAM] for new in self._following(*end)]
            level.sort(key=lambda state: state.distance)
            best = min((best, *level), key=_score)
        return self._nearest(best)

    def _nearest(self, best: _State) -> Chain:
        """The best chain that does not reach the target."""
        end = self._checked(best)
        if end is None:  # what it makes breaks a guarantee
            best = self._state(self._base.architecture, (), None)
        steps = () if end is None else end[0]
        return Chain(steps, exact=False, shortest=False, remaining=best.remaining)

    def _checked(self, state: _State) -> tuple[tuple[Step, ...], Network] | None:
        """The chain to a network, and that network; None where the last pass fails."""
        network = state.steps[-1].after if state.steps else self._base
        if state.applied is None:
            return state.steps, network
        step = self._step(network, state.applied)
        return None if step is None else ((*state.steps, step), step.after)

    def _step(self, network: Network, applied: Pass) -> Step | None:
        try:
            return run_pass(network, applied, budget=self._base.macs)
        except UserError:
            return None

    def _finished(self, steps: tuple[Step, ...], network: Network) -> tuple[Step, ...] | None:
        """The chain with the pass that makes the target of it; None where none does."""
        for applied, architecture in self._rewritten(network, last=True):
            if nameless(architecture) == self._aim:
                step = self._step(network, applied)
                if step is not None and _is_padded_alike(step.after, self._target):
                    return (*steps, step)
        return None

    def _following(self, steps: tuple[Step, ...], network: Network) -> Iterator[_State]:
        """What one pass more makes, if it is new."""
        for applied, architecture in self._rewritten(network, last=False):
            key = nameless(architecture)
            if key not in self._seen:
                self._seen.add(key)
                yield self._state(architecture, steps, applied)

    def _rewritten(self, network: Network, *, last: bool) -> Iterator[tuple[Pass, Architecture]]:
        for applied in moves(network, self._target, start=self._base, last=last):
            if self._effort <= 0:
                return
            self._effort -= _SLOW if is_slow(applied, network) else 1
            try:
                yield applied, applied.run(network).architecture
            except UserError:
                continue  # it does not apply here

    def _state(
        self, architecture: Architecture, steps: tuple[Step, ...], applied: Pass | None
    ) -> _State:
        target = self._target.architecture
        distance = float(_outline(architecture) != _outline(target))
        remaining = int(distance)
        for one, other in _chains(architecture, target):
            apart, changed = _edits(one, other)
            distance, remaining = distance + apart, remaining + changed
        return _State(distance, remaining, steps, applied)


def _score(state: _State) -> tuple[int, int]:
    """What is to be explained: the steps, and the layers left over."""
    return state.remaining + state.length, state.length


def _outline(architecture: Architecture) -> tuple[object, ...]:
    """What hardly a pass changes."""
    return architecture.input, architecture.classes, architecture.style, architecture.pad


Elements = tuple[Element, ...]


def _chains(one: Architecture, other: Architecture) -> list[tuple[Elements, Elements]]:
    """The stages and heads of two networks, in pairs."""
    ours = [stage.elements for stage in one.stages]
    theirs = [stage.elements for stage in other.stages]
    count = max(len(ours), len(theirs))
    ours += [()] * (count - len(ours))
    theirs += [()] * (count - len(theirs))
    return [*zip(ours, theirs, strict=True), (one.head.layers, other.head.layers)]


@cache
def _edits(one: Elements, other: Elements) -> tuple[float, int]:
    """The least cost of edits that make one chain the other, and the number of these edits.

    A layer that is added or removed costs 1, one that is changed the share of it that is.
    """
    row = [(float(k), k) for k in range(len(other) + 1)]
    for i, ours in enumerate(one, start=1):
        above, row = row, [(float(i), i)]
        for j, theirs in enumerate(other):
            changed = _apart(ours, theirs)
            row.append(
                min(
                    (above[j][0] + changed, above[j][1] + (changed > 0)),
                    (above[j + 1][0] + 1, above[j + 1][1] + 1),
                    (row[j][0] + 1, row[j][1] + 1),
                )
            )
    return row[-1]


def _apart(one: Element, other: Element) -> float:
    """From 0 for equal layers to 1 for layers of other kinds."""
    if one == other:
        return 0
    if type(one) is not type(other):
        return 1
    ours: Record = one
    fields = [name for name in ours.__match_args__ if name != "origin"]
    different: int = sum(getattr(one, name) != getattr(other, name) for name in fields)
    return 0.3 + 0.5 * different / len(fields)
