"""Which parts of a chain to compute again: least arithmetic for a memory, by a dynamic programme.

One level: a part is recomputed as a whole, and nothing in it again. For that the plan is optimal:
what matters at a link of the chain is how much is kept of earlier ones and how many MACs were
spent, so of all ways to get there those stay that no other is better than in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.metrics.chain_memory import ChainMemory
from ctcdsl.metrics.liveness import RANDOM_STATE

_COARSE = 100
"""Into how many parts a rough search divides the memory."""


class Plan(NamedTuple):
    """Parts to compute again, as positions of the chain; the MACs of that, for one image.

    `peak` is what a step takes at most, by the model of links.
    """

    parts: tuple[range, ...]
    macs: int
    peak: int


NOTHING = Plan((), 0, 0)


class _Part(NamedTuple):
    """A step along the chain: a link whose maps are kept, or a part that is `recomputed`.

    Up to where, the MACs of that, what it needs beside what is kept of earlier links, how much more
    is kept after it, and whether its output is `held` beside that.
    """

    stop: int
    macs: int
    need: int
    gained: int
    held: bool
    recomputed: bool = True


class _Way(NamedTuple):
    """A way to a link: what is kept before it, without its input, whether that is kept, too.

    `worst` is the peak so far.
    """

    kept: int
    macs: int
    worst: int
    part: range | None
    before: _Way | None

    @property
    def parts(self) -> tuple[range, ...]:
        """The parts on the way."""
        parts: list[range] = []
        way: _Way | None = self
        while way is not None:
            if way.part is not None:
                parts.append(way.part)
            way = way.before
        return tuple(reversed(parts))


class Planner:
    """Plans for one network and batch."""

    def __init__(self, network: Network, chain: ChainMemory) -> None:
        self._chain = chain
        self._choices = [
            list(self._parts(start, stops)) for start, stops in enumerate(_stops(network))
        ]
        self._choices.append([])  # the loss

    def within(self, memory: int) -> Plan | None:
        """The plan of least MACs whose peak is at most `memory`; None where there is none."""
        if self._chain.end > memory:
            return None
        rough = self._search(memory, by_macs=True, coarse=True)
        if rough is None:
            return None
        # What costs more than that is not looked at again.
        plan = self._search(memory, by_macs=True, limit=rough.macs)
        assert plan is not None
        return self._without_needless(plan, memory)

    def least(self) -> Plan:
        """A plan of the least peak."""
        plan = self._search(None, by_macs=False)
        assert plan is not None
        return plan

    def all(self, steps: int = 20) -> list[Plan]:
        """The plans between recomputing nothing and the least peak, each with fewer bytes.

        Each is of least MACs for its peak; neighbours are at least a part of `steps` of the way
        apart.
        """
        plan = self._search(None, by_macs=True)
        assert plan is not None
        least = self.least().peak
        step = max(1, (plan.peak - least) // steps)
        plans = [self._without_needless(plan, plan.peak)]
        while plan.peak > least:
            found = self.within(max(least, plan.peak - step))
            assert found is not None
            plan = found
            plans.append(plan)
        return plans

    def _parts(self, start: int, stops: Sequence[int]) -> Iterator[_Part]:
        """The parts that may begin at a link."""
        links = self._chain.links
        for stop in stops:
            macs = self._chain.again(start, stop - 1)
            if macs is not None:
                in_place = all(link.in_place for link in links[start:stop])
                gained = RANDOM_STATE + (0 if in_place else links[start].input)
                need = self._chain.need(start, stop - 1)
                yield _Part(stop, macs, need, gained, in_place)

    def _kept(self, index: int, held: bool) -> _Part:
        """A link whose maps are kept; `held` where its input is anyway."""
        link = self._chain.links[index]
        keeps = held or link.keeps_input
        gained = link.inside + (link.input if keeps and not link.in_place else 0)
        need = max(link.forward, link.backward) - link.before
        leaves = keeps if link.in_place else link.keeps_output
        return _Part(index + 1, 0, need, gained, leaves, recomputed=False)

    def _search(
        self,
        memory: int | None,
        *,
        by_macs: bool,
        coarse: bool = False,
        limit: float = inf,
    ) -> Plan | None:
        """The best way to the end.

        Args:
            memory: What no moment may exceed.
            by_macs: Of least MACs, or else of the least peak.
            coarse: Whether one way is enough of those that keep about as much as each other.
            limit: The most MACs.
        """
        links, static = self._chain.links, self._chain.static
        room = None if memory is None else memory - static
        # The ways to each link, by whether its input is kept.
        ways: list[dict[bool, list[_Way]]] = [{False: [], True: []} for _ in range(len(links) + 1)]
        ways[0][True].append(_Way(0, 0, 0, None, None))
        for index in range(len(links)):
            for held, reached in ways[index].items():
                best = _undominated(reached, by_macs=by_macs)
                if coarse and room is not None:
                    best = list({way.kept * _COARSE // room: way for way in best}.values())
                for part in (self._kept(index, held), *self._choices[index]):
                    target = ways[part.stop][part.held]
                    run = range(index, part.stop) if part.recomputed else None
                    for way in best:
                        macs, worst = way.macs + part.macs, max(way.worst, way.kept + part.need)
                        if macs <= limit and (room is None or worst <= room):
                            target.append(_Way(way.kept + part.gained, macs, worst, run, way))
        ends = [way for reached in ways[-1].values() for way in reached]
        if not ends:
            return None
        way = min(ends, key=lambda w: (w.macs, w.worst) if by_macs else (w.worst, w.macs))
        return Plan(way.parts, way.macs, max(static + way.worst, self._chain.end))

    def _without_needless(self, plan: Plan, memory: int) -> Plan:
        """The plan without parts that cost nothing, and are not needed to fit."""
        for part in plan.parts:
            fewer = tuple(other for other in plan.parts if other != part)
            if self._chain.again(part.start, part.stop - 1) == 0:
                peak = self._peak(fewer)
                if peak <= memory:
                    plan = Plan(fewer, plan.macs, peak)
        return plan

    def _peak(self, parts: Sequence[range]) -> int:
        """What a step takes where some parts are recomputed."""
        kept, held, worst, index = 0, True, 0, 0
        starts = {part.start: part.stop for part in parts}
        while index < len(self._chain.links):
            step = self._kept(index, held)
            if index in starts:
                step = next(p for p in self._choices[index] if p.stop == starts[index])
            worst = max(worst, kept + step.need)
            kept, held, index = kept + step.gained, step.held, step.stop
        return max(self._chain.static + worst, self._chain.end)


def _undominated(ways: list[_Way], *, by_macs: bool) -> list[_Way]:
    """The ways that no other is better than in both, what is kept and the MACs or the peak."""
    kept: list[_Way] = []
    least = None
    for way in sorted(ways, key=lambda w: (w.kept, w.macs if by_macs else w.worst)):
        value = way.macs if by_macs else way.worst
        if least is None or value < least:
            kept.append(way)
            least = value
    return kept


def _stops(network: Network) -> list[range]:
    """From each link of a network where parts that begin there may end: in its stage."""
    stops: list[range] = []
    for chain in network.architecture.chains:
        start = len(stops)
        stops += (range(at + 1, start + len(chain) + 1) for at in range(start, start + len(chain)))
    return stops
