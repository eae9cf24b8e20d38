"""Builds the graph of a space, step by step, states that lead nowhere left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ctcdsl.elaborate.file import Draft, paper_head, style_of
from ctcdsl.ir import Shape
from ctcdsl.spaces.choices import Decision, Lets, Option, Value
from ctcdsl.spaces.conditions import SpaceConditions
from ctcdsl.spaces.graph import Edge, Graph, Level, State
from ctcdsl.spaces.measures import NOTHING, Measure
from ctcdsl.spaces.placement import Costs, Outcome, Place, Placements, too_large
from ctcdsl.spaces.program import Step, steps_of
from ctcdsl.syntax.nodes import Size
from ctcdsl.text import Diagnostic
from ctcdsl.text.sink import Diagnostics

MAX_EDGES = 3_000_000
"""More edges than this would take minutes and gigabytes."""

_Followed = tuple[State, Costs, tuple[Decision, ...]]
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
        self._measures = tuple(measures)
        self._placements = Placements(draft, inputs[0], measures, conditions)
        self._steps = steps_of(draft)
        diagnostics = self._placements.diagnostics
        lets = Lets(draft.definitions, draft.headers.classes, diagnostics)
        self._conditions = SpaceConditions(draft, lets, diagnostics)
        self._needed = self._names_needed()
        self._options: dict[tuple[str, Value], Option] = {}
        self._runs: dict[tuple[object, ...], list[Outcome]] = {}
        self._edges = 0

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
        zero = tuple(0 if m.adds else NOTHING for m in self._measures)
        states: dict[State, int] = {}
        first: list[Edge] = []
        for shape in self._inputs:
            state = State(Place(shape), 0, ())
            states[state] = len(states)
            size = Size((shape.channels, shape.height, shape.width), self._draft.lines[0].span)
            chosen = Decision("input", Option(str(shape), size))
            made = (chosen,) if len(self._inputs) > 1 else ()
            first.append(Edge(0, states[state], zero, made))
        levels = [Level(tuple(first), len(states))]
        for step, needed in zip(self._steps, self._needed, strict=True):
            dynamic = step.times is not None and step.in_place
            if dynamic:
                states = self._advance(step, states, levels, self._read_count(step, needed))
                copy = step._replace(items=step.strided, number=-1 - step.number)
                copy = copy if step.strided else step
                while any(state.left for state in states):
                    states = self._advance(step, states, levels, self._one_copy(copy, needed, zero))
                    copy = step
            else:
                states = self._advance(step, states, levels, self._whole(step, needed, zero))
        if not any(step.head for step in self._steps) and self._has_paper_head():
            states = self._advance(self._steps[-1], states, levels, self._paper_head())
        last = [k for state, k in states.items() if state.place.convolved]
        return Graph(
            tuple(_pruned(levels, last)), self._measures, self._placements.placed, self._placements
        )

    def _has_paper_head(self) -> bool:
        return not any(line.label == "head" for line in self._draft.lines)

    def _advance(
        self,
        step: Step,
        states: Mapping[State, int],
        levels: list[Level],
        follow: Callable[[State], Iterator[_Followed]],
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

    def _whole(
        self, step: Step, needed: frozenset[str], zero: Costs
    ) -> Callable[[State], Iterator[_Followed]]:
        def follow(state: State) -> Iterator[_Followed]:
            assignment = self._assignment(state)
            place = _begun(state.place, step)
            if step.times is None:
                for made, after, outcome in self._placed(step, place, assignment):
                    yield self._state(outcome.place, 0, after, needed), outcome.costs, made
                return
            counts = list(self._placements.counts(step, place, assignment, self._conditions.allow))
            for made, counted, count in counts:
                if count == 0:
                    yield self._state(place, 0, counted, needed), zero, made
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
    ) -> Iterator[_Followed]:
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
            run.append(Outcome(after.place, self._sum(before.costs, after.costs)))
        return run

    def _sum(self, one: Costs, other: Costs) -> Costs:
        return tuple(
            a + b if measure.adds else max(a, b)
            for measure, a, b in zip(self._measures, one, other, strict=True)
        )

    def _read_count(
        self, step: Step, needed: frozenset[str]
    ) -> Callable[[State], Iterator[_Followed]]:
        zero = tuple(0 if m.adds else NOTHING for m in self._measures)

        def follow(state: State) -> Iterator[_Followed]:
            for made, after, count in self._placements.counts(
                step, state.place, self._assignment(state), self._conditions.allow
            ):
                if step.strided and not count:
                    continue  # a stride without a layer
                place = _begun(state.place, step)
                yield self._state(place, count, after, needed | step.names), zero, made

        return follow

    def _one_copy(
        self, step: Step, needed: frozenset[str], zero: Costs
    ) -> Callable[[State], Iterator[_Followed]]:
        def follow(state: State) -> Iterator[_Followed]:
            if not state.left:
                yield state, zero, ()
                return
            left = state.left - 1
            names = needed | step.names if left else needed
            for made, after, outcome in self._placed(step, state.place, self._assignment(state)):
                yield self._state(outcome.place, left, after, names), outcome.costs, made

        return follow

    def _paper_head(self) -> Callable[[State], Iterator[_Followed]]:
        draft = self._draft
        span = draft.headers.seen.get("net") or draft.lines[0].span
        quiet = Diagnostics()
        lets = Lets(draft.definitions, draft.headers.classes, quiet)
        head = paper_head(draft.name, span, style_of(draft, lets, quiet), quiet)
        known: dict[Place, Outcome | None] = {}

        def follow(state: State) -> Iterator[_Followed]:
            if state.place not in known:
                known[state.place] = self._placements.paper_head(state.place, head)
            outcome = known[state.place]
            if outcome is not None:
                yield State(outcome.place, 0, ()), outcome.costs, ()

        return follow

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


def _begun(place: Place, step: Step) -> Place:
    """Where a step begins: a line begins a stage, and counts its own 2x2 filters."""
    return place._replace(odd=False) if step.begins else place


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
