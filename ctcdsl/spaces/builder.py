"""Builds the graph of a space, step by step, states that lead nowhere left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ctcdsl.elaborate.file import Draft, paper_head, style_of
from ctcdsl.ir import Shape
from ctcdsl.spaces.choices import Decision, Lets, Option, Value
from ctcdsl.spaces.conditions import SpaceConditions
from ctcdsl.spaces.graph import Edge, Graph, Level, State
from ctcdsl.spaces.lookahead import Followed, Lookahead, Position
from ctcdsl.spaces.measures import NOTHING, Measure, combine
from ctcdsl.spaces.place import Costs, Outcome, Place
from ctcdsl.spaces.placement import Placements
from ctcdsl.spaces.program import Step, steps_of
from ctcdsl.spaces.sizes import CHANGES, SOLVER_MACS
from ctcdsl.spaces.trees import too_large
from ctcdsl.syntax.nodes import Size
from ctcdsl.text import Diagnostic
from ctcdsl.text.sink import Diagnostics

MAX_EDGES = 3_000_000
"""More edges than this would take minutes and gigabytes."""

_WHOLE, _COUNT, _FIRST, _COPY = "whole", "count", "first copy", "copy"
"""Phases of a step: where choices are in its copies, each is a level of its own."""

_Follow = Callable[[State], Iterator[Followed]]
_Counted = tuple[tuple[Decision, ...], Mapping[str, Option], int]


class GraphBuilder:
    """Builds the graph of one space."""

    def __init__(
        self,
        draft: Draft,
        inputs: Sequence[Shape],
        measures: Sequence[Measure],
        conditions: Mapping[str, Any],
    ) -> None:
        self._draft = draft
        self._inputs = inputs
        self._asked = tuple(measures)
        solved = (CHANGES, SOLVER_MACS) if draft.headers.maps else ()
        self._measures = (*measures, *solved)
        self._zero = tuple(0 if m.adds else NOTHING for m in self._measures)
        self._placements = Placements(draft, inputs[0], self._measures, conditions)
        self._steps = steps_of(draft)
        diagnostics = self._placements.diagnostics
        lets = Lets(draft.definitions, draft.headers.classes, diagnostics)
        self._conditions = SpaceConditions(draft, lets, diagnostics)
        self._needed = self._names_needed()
        self._options: dict[tuple[str, Value], Option] = {}
        self._runs: dict[tuple[object, ...], list[Outcome]] = {}
        self._edges = 0
        self._phases = dict(self._followers())
        self._lookahead = Lookahead(self._follow_quietly, self._after, self._zero)
        self._best: dict[tuple[Position | None, State], tuple[State, Costs]] = {}

    def _names_needed(self) -> list[frozenset[str]]:
        """The choices that are read after each step."""
        later: list[frozenset[str]] = [frozenset()]
        for step in reversed(self._steps):
            later.append(later[-1] | step.names)
        return later[::-1][1:]

    @property
    def failures(self) -> list[Diagnostic]:
        """Errors of networks that do not check, one of each kind."""
        return list(self._placements.failures.values())

    def build(self) -> Graph:
        """The graph, without states that lead nowhere.

        Raises:
            UserError: CTC722 the space has too many placements, or a choice is wrong.
        """
        self._conditions.require_fixed()
        states: dict[State, int] = {}
        first: list[Edge] = []
        for shape in self._inputs:
            state = State(self._placements.begin(shape), 0, ())
            states[state] = len(states)
            size = Size((shape.channels, shape.height, shape.width), self._draft.lines[0].span)
            chosen = Decision("input", Option(str(shape), size))
            made = (chosen,) if len(self._inputs) > 1 else ()
            first.append(Edge(0, states[state], self._zero, made))
        levels = [Level(tuple(first), len(states))]
        for k, step in enumerate(self._steps):
            if (k, _WHOLE) in self._phases:
                states = self._advance(step, states, levels, (k, _WHOLE))
                continue
            states = self._advance(step, states, levels, (k, _COUNT))
            phase = _FIRST
            while any(state.left for state in states):
                states = self._advance(step, states, levels, (k, phase))
                phase = _COPY
        last = self._steps[-1]
        if not any(step.head for step in self._steps) and self._has_paper_head():
            states = self._reach(last, states, levels, self._paper_head())
        elif any(state.place.sizes for state in states):
            states = self._reach(last, states, levels, self._settled)
        if len(self._asked) < len(self._measures):
            levels = [_of_asked(level, len(self._asked)) for level in levels]
        ends = [k for state, k in states.items() if state.place.convolved]
        return Graph(
            tuple(_pruned(levels, ends)), self._asked, self._placements.placed, self._placements
        )

    # ---------------------------------------------------------------- levels

    def _followers(self) -> Iterator[tuple[Position, _Follow]]:
        """What follows a state, by step and phase."""
        for k, (step, needed) in enumerate(zip(self._steps, self._needed, strict=True)):
            if step.times is not None and step.in_place:
                strided = step._replace(items=step.strided, number=-1 - step.number)
                yield (k, _COUNT), self._read_count(step, needed)
                yield (k, _FIRST), self._one_copy(strided if step.strided else step, needed)
                yield (k, _COPY), self._one_copy(step, needed)
            else:
                yield (k, _WHOLE), self._whole(step, needed)

    def _follow_quietly(self, position: Position, state: State) -> list[Followed]:
        """What follows a state that may be no network's: failures say nothing."""
        self._placements.quiet = True
        followed = list(self._phases[position](state))
        self._placements.quiet = False
        return followed

    def _after(self, position: Position, state: State) -> Position | None:
        """The position behind another one; None where the trunk ends."""
        k, phase = position
        if state.left:
            return k, _FIRST if phase == _COUNT else _COPY
        if k + 1 == len(self._steps) or self._steps[k + 1].head:
            return None
        return k + 1, _WHOLE if (k + 1, _WHOLE) in self._phases else _COUNT

    def _advance(
        self, step: Step, states: Mapping[State, int], levels: list[Level], position: Position
    ) -> dict[State, int]:
        """Add the level of a step's phase."""
        follow = self._phases[position]
        if not self._draft.headers.maps or step.head:
            return self._reach(step, states, levels, follow)

        def follow_best(state: State) -> Iterator[Followed]:
            for after, costs, made in follow(state):
                best, more = self._with_best(self._after(position, after), after)
                yield best, combine(self._measures, costs, more), made

        return self._reach(step, states, levels, follow_best)

    def _with_best(self, position: Position | None, state: State) -> tuple[State, Costs]:
        """A state with those of its maps that may be the network's, and what they add."""
        sizes = state.place.sizes
        if sizes is None or len(sizes.each) < 2:
            return state, self._zero
        key = position, state
        if key not in self._best:
            found = self._placements.kept(state.place, self._lookahead.best(position, state))
            assert found is not None
            self._best[key] = state._replace(place=found.place), found.costs
        return self._best[key]

    def _reach(
        self,
        step: Step,
        states: Mapping[State, int],
        levels: list[Level],
        follow: _Follow,
    ) -> dict[State, int]:
        """Add a level: all that follows each state."""
        reached: dict[State, int] = {}
        edges: list[Edge] = []
        for state, source in states.items():
            for after, costs, decisions in follow(state):
                target = reached.setdefault(after, len(reached))
                edges.append(Edge(source, target, costs, decisions))
                if self._edges + len(edges) > MAX_EDGES:
                    raise too_large(step, self._edges + len(edges))
        self._edges += len(edges)
        levels.append(Level(tuple(edges), len(reached)))
        return reached

    # ------------------------------------------------------------- followers

    def _whole(self, step: Step, needed: frozenset[str]) -> _Follow:
        def follow(state: State) -> Iterator[Followed]:
            assignment = self._assignment(state)
            place = state.place.begin_line() if step.begins else state.place
            if step.times is None:
                for made, after, outcome in self._placed(step, place, assignment):
                    yield self._state(outcome.place, 0, after, needed), outcome.costs, made
                return
            counts = list(self._placements.counts(step, place, assignment, self._conditions.allow))
            for made, counted, count in counts:
                if count == 0:
                    yield self._state(place, 0, counted, needed), self._zero, made
            decided = {decision.name for made, _, _ in counts for decision in made}
            # Where a choice of the count is read by the layers too, each is placed by itself.
            groups = [[each] for each in counts] if decided & step.inside else [counts]
            for group in groups:
                base = assignment if group is counts else group[0][1]
                yield from self._copies(step, place, base, group, needed)

        return follow

    def _copies(
        self,
        step: Step,
        place: Place,
        assignment: Mapping[str, Option],
        counts: Sequence[_Counted],
        needed: frozenset[str],
    ) -> Iterator[Followed]:
        """Each placement of a step, as often as each of `counts` says."""
        most = max((count for _, _, count in counts), default=0)
        if not most:
            return
        allow = self._conditions.allow
        for more, after, outcome in self._placed(step, place, assignment):
            run = self._run(step, place, after, outcome, most)
            new = {decision.name: decision.option for decision in more if decision.name}
            for made, counted, count in counts:
                if not 0 < count <= len(run):
                    continue
                whole = {**counted, **new}
                if made and not all(allow(name, whole) for name in new):
                    continue
                end = run[count - 1]
                yield self._state(end.place, 0, whole, needed), end.costs, (*made, *more)

    def _run(
        self, step: Step, place: Place, assignment: Mapping[str, Option], first: Outcome, most: int
    ) -> list[Outcome]:
        """What one copy of a step comes to, two, and so on, as far as the copies check."""
        key = (
            step.number,
            place,
            *(option.key for name in step.inside if (option := assignment.get(name))),
        )
        run = self._runs.setdefault(key, [first])
        known: dict[Place, Outcome | None] = {}
        while len(run) < most:
            before = run[-1]
            if before.place not in known:
                placed = next(self._placed(step, before.place, assignment), None)
                known[before.place] = placed and placed[2]
            after = known[before.place]
            if after is None:
                break
            run.append(Outcome(after.place, combine(self._measures, before.costs, after.costs)))
        return run

    def _read_count(self, step: Step, needed: frozenset[str]) -> _Follow:
        def follow(state: State) -> Iterator[Followed]:
            for made, after, count in self._placements.counts(
                step, state.place, self._assignment(state), self._conditions.allow
            ):
                if step.strided and not count:
                    continue  # a stride without a layer
                place = state.place.begin_line() if step.begins else state.place
                yield self._state(place, count, after, needed | step.names), self._zero, made

        return follow

    def _one_copy(self, step: Step, needed: frozenset[str]) -> _Follow:
        def follow(state: State) -> Iterator[Followed]:
            if not state.left:
                yield state, self._zero, ()
                return
            left = state.left - 1
            names = needed | step.names if left else needed
            for made, after, outcome in self._placed(step, state.place, self._assignment(state)):
                yield self._state(outcome.place, left, after, names), outcome.costs, made

        return follow

    def _has_paper_head(self) -> bool:
        return not any(line.label == "head" for line in self._draft.lines)

    def _paper_head(self) -> _Follow:
        draft = self._draft
        span = draft.headers.seen.get("net") or draft.lines[0].span
        quiet = Diagnostics()
        lets = Lets(draft.definitions, draft.headers.classes, quiet)
        head = paper_head(draft.name, span, style_of(draft, lets, quiet), quiet)
        known: dict[Place, Outcome | None] = {}

        def follow(state: State) -> Iterator[Followed]:
            settled = self._placements.settled(state.place)
            if settled is None:
                return
            place, before = settled
            if place not in known:
                known[place] = self._placements.paper_head(place, head)
            outcome = known[place]
            if outcome is not None:
                costs = combine(self._measures, before, outcome.costs)
                yield State(outcome.place, 0, ()), costs, ()

        return follow

    def _settled(self, state: State) -> Iterator[Followed]:
        outcome = self._placements.settled(state.place)
        if outcome is not None:
            yield State(outcome.place, 0, ()), outcome.costs, ()

    def _placed(
        self, step: Step, place: Place, assignment: Mapping[str, Option]
    ) -> Iterator[tuple[tuple[Decision, ...], Mapping[str, Option], Outcome]]:
        return self._placements.outcomes(step, place, assignment, self._conditions.allow)

    # ---------------------------------------------------------------- states

    def _assignment(self, state: State) -> dict[str, Option]:
        return {name: self._options[name, key] for name, key in state.live}

    def _state(
        self, place: Place, left: int, assignment: Mapping[str, Option], needed: frozenset[str]
    ) -> State:
        live: list[tuple[str, Value]] = []
        needed = self._conditions.waiting(assignment, needed)
        for name, option in assignment.items():
            if name in needed:
                self._options[name, option.key] = option
                live.append((name, option.key))
        return State(place, left, tuple(sorted(live, key=lambda pair: pair[0])))


def _of_asked(level: Level, asked: int) -> Level:
    """A level without the costs that only the solver compares."""
    edges = [edge._replace(costs=edge.costs[:asked]) for edge in level.edges]
    return Level(tuple(edges), level.size)


def _pruned(levels: Sequence[Level], last: Sequence[int]) -> Iterator[Level]:
    """The levels without edges that lead to no last state, and states renumbered."""
    alive = {state: k for k, state in enumerate(last)}
    kept: list[Level] = []
    for k in range(len(levels) - 1, -1, -1):
        edges = [edge for edge in levels[k].edges if edge.target in alive]
        sources = dict.fromkeys(sorted({edge.source for edge in edges}))
        numbers = {state: number for number, state in enumerate(sources)} if k else {0: 0}
        kept.append(
            Level(
                tuple(
                    Edge(numbers[source], alive[target], costs, decisions)
                    for source, target, costs, decisions in edges
                ),
                len(alive),
            )
        )
        alive = numbers
    yield from reversed(kept)
