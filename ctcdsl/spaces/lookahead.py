"""Which maps of a place under `maps` no later layers can make the best: they need not be kept.

For two maps of one place the most is known by which the best paddings behind the one can be worse
than those behind the other, whatever is chosen there: (changes, MACs), compared in this order.
Where that does not make up for what the paddings before have cost, the other map is never the
network's. Mostly one map is left, and with it as many states as a space without `maps` has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ctcdsl.spaces.choices import Decision, Value
from ctcdsl.spaces.graph import State
from ctcdsl.spaces.place import Alternative, Costs, Place

Position = tuple[int, str]
"""A step by number and a phase of it."""

Followed = tuple[State, Costs, tuple[Decision, ...]]
FAR = 120
"""So many levels are looked ahead; maps that differ for longer are both kept."""

_Gap = tuple[float, float]
_Key = tuple[tuple[str, Value], ...]

_EQUAL: _Gap = (0, 0)
_NEVER: _Gap = (float("inf"), 0)
_ALWAYS: _Gap = (float("-inf"), 0)


class Lookahead:
    """Compares what may follow the maps of a place; answers are kept."""

    def __init__(
        self,
        follow: Callable[[Position, State], Iterable[Followed]],
        after: Callable[[Position, State], Position | None],
        nothing: Costs,
    ) -> None:
        """What follows a state at a position, which position is next, None at the trunk's end."""
        self._follow = follow
        self._after = after
        self._nothing = nothing
        self._depth = 0
        self._gaps: dict[tuple[Position | None, State, State], _Gap] = {}
        self._followed: dict[tuple[Position, State], dict[_Key, tuple[State, Costs]]] = {}

    def best(self, position: Position | None, state: State) -> Sequence[Alternative]:
        """The maps of a state that may be the network's."""
        sizes = state.place.sizes
        assert sizes is not None
        kept = list(sizes.each)
        for other in sizes.each:
            if any(
                self._beats(position, state, one, other, sizes.each)
                for one in kept
                if one is not other
            ):
                kept.remove(other)
        return kept

    def _beats(
        self,
        position: Position | None,
        state: State,
        one: Alternative,
        other: Alternative,
        order: Sequence[Alternative],
    ) -> bool:
        """Whether one map is at least as good as another one, whatever follows."""
        gap = _sum(
            _minus(one.costs, other.costs),
            self._gap(position, self._alone(state, one), self._alone(state, other)),
        )
        first = order.index(one) < order.index(other)  # of equal paddings the smallest
        return gap < _EQUAL or (gap == _EQUAL and first)

    def _alone(self, state: State, one: Alternative) -> State:
        place = state.place
        assert place.sizes is not None
        only = (Alternative(one.shape, one.over, self._nothing),)
        place = place._replace(shape=one.shape, sizes=place.sizes._replace(each=only))
        return state._replace(place=place)

    def _gap(self, position: Position | None, one: State, other: State) -> _Gap:
        """The most by which what follows one map is worse than what follows another one."""
        if one == other:
            return _EQUAL
        if position is None:
            if _is_over(other.place):
                return _ALWAYS
            return _NEVER if _is_over(one.place) else _EQUAL
        key = position, one, other
        if key not in self._gaps:
            self._depth += 1
            self._gaps[key] = _NEVER if self._depth > FAR else self._worst(position, one, other)
            self._depth -= 1
        return self._gaps[key]

    def _worst(self, position: Position, one: State, other: State) -> _Gap:
        ours, theirs = self._next(position, one), self._next(position, other)
        worst = _ALWAYS
        for decisions, (behind, costs) in theirs.items():
            if decisions not in ours:
                return _NEVER
            own, own_costs = ours[decisions]
            base = _minus(own_costs, costs)
            next_position = self._after(position, behind)
            for last in _each(behind.place):
                gap = min(
                    _sum(
                        _minus(first.costs, last.costs),
                        self._gap(
                            next_position, self._alone(own, first), self._alone(behind, last)
                        ),
                    )
                    for first in _each(own.place)
                )
                worst = max(worst, _sum(base, gap))
            if worst == _NEVER:
                break
        return worst

    def _next(self, position: Position, state: State) -> dict[_Key, tuple[State, Costs]]:
        key = position, state
        if key not in self._followed:
            self._followed[key] = {
                tuple((d.name, d.option.key) for d in decisions): (after, costs)
                for after, costs, decisions in self._follow(position, state)
            }
        return self._followed[key]


def _each(place: Place) -> Sequence[Alternative]:
    return place.sizes.each if place.sizes is not None else ()


def _is_over(place: Place) -> bool:
    return all(each.over for each in _each(place))


def _minus(one: Costs, other: Costs) -> _Gap:
    """The difference of what the solver compares, the last two costs."""
    return one[-2] - other[-2], one[-1] - other[-1]


def _sum(one: _Gap, other: _Gap) -> _Gap:
    return one[0] + other[0], one[1] + other[1]
