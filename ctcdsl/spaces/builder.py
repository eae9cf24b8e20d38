"""Builds the graph of a space, step by step, states that lead nowhere left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ctcdsl.elaborate.drafts import Draft
from ctcdsl.ir import Shape
from ctcdsl.metrics.memory_metrics import MCU_MEMORY
from ctcdsl.spaces.choices import Decision, Lets, Option
from ctcdsl.spaces.conditions import SpaceConditions
from ctcdsl.spaces.followers import COPY, COUNT, FIRST, WHOLE, Follow, Followers
from ctcdsl.spaces.graph import Edge, Graph, Level, State
from ctcdsl.spaces.lookahead import Followed, Lookahead, Position
from ctcdsl.spaces.measures import Measure, combine, nothing
from ctcdsl.spaces.place import Costs
from ctcdsl.spaces.placement import Placements
from ctcdsl.spaces.program import steps_of
from ctcdsl.spaces.sizes import CHANGES, SOLVER_MACS
from ctcdsl.spaces.step import Step
from ctcdsl.spaces.trees import too_large
from ctcdsl.syntax.nodes import Size
from ctcdsl.text import Diagnostic

MAX_EDGES = 3_000_000
"""More edges than this would take minutes and gigabytes."""
MAX_SOLVED = 1_500_000
"""The same under `maps`, where each takes longer."""


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
        self._zero = nothing(self._measures)
        self._placements = Placements(draft, inputs[0], self._measures, conditions)
        memory = any(measure.metric is MCU_MEMORY for measure in measures)
        self._steps = steps_of(draft, open_brackets=not draft.headers.maps, memory=memory)
        diagnostics = self._placements.diagnostics
        lets = Lets(draft.definitions, draft.headers.classes, diagnostics)
        self._conditions = SpaceConditions(draft, lets, diagnostics)
        self._edges = 0
        self._most = MAX_SOLVED if draft.headers.maps else MAX_EDGES
        self._followers = Followers(
            draft, self._steps, self._placements, self._conditions, self._measures
        )
        self._lookahead = Lookahead(self._followers.quietly, self._followers.after, self._zero)
        self._best: dict[tuple[Position | None, State], tuple[State, Costs]] = {}

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
        for step in self._steps:
            states = self._after_step(step, states, levels)
        last = self._steps[-1]
        if self._followers.has_paper_head():
            states = self._reach(last, states, levels, self._followers.paper_head())
        elif any(state.place.sizes for state in states):
            states = self._reach(last, states, levels, self._followers.settled)
        if len(self._asked) < len(self._measures):
            levels = [_of_asked(level, len(self._asked)) for level in levels]
        ends = [k for state, k in states.items() if state.place.convolved]
        return Graph(
            tuple(_pruned(levels, ends)), self._asked, self._placements.placed, self._placements
        )

    # ---------------------------------------------------------------- levels

    def _after_step(
        self, step: Step, states: dict[State, int], levels: list[Level]
    ) -> dict[State, int]:
        """Add the levels of a step, and the states that they lead to."""
        if step.parts:
            return self._after_bracket(step, states, levels)
        if (step.number, WHOLE) in self._followers.phases:
            return self._advance(step, states, levels, (step.number, WHOLE))
        states = self._advance(step, states, levels, (step.number, COUNT))
        phase = FIRST
        while any(state.left for state in states):
            before = len(states)
            states = self._advance(step, states, levels, (step.number, phase))
            if phase == COPY:
                self._require_few(step, states, len(levels[-1].edges) // before)
            phase = COPY
        return states

    def _require_few(self, step: Step, states: Mapping[State, int], degree: int) -> None:
        """Fail where the copies that are left have too many edges, so many from each state."""
        ahead = self._edges + degree * sum(state.left for state in states)
        if ahead > self._most:
            raise too_large(step, ahead, copies=max(state.left for state in states))

    def _after_bracket(
        self, step: Step, states: dict[State, int], levels: list[Level]
    ) -> dict[State, int]:
        """Add the levels of a bracket's parts, for each of its copies."""
        if step.times is not None:
            states = self._advance(step, states, levels, (step.number, COUNT))
        parts = step.strided_parts or step.parts
        while step.times is None or any(state.left for state in states):
            for part in parts:
                states = self._after_step(part, states, levels)
            parts = step.parts
            if step.times is None:
                break
        return states

    def _advance(
        self, step: Step, states: Mapping[State, int], levels: list[Level], position: Position
    ) -> dict[State, int]:
        """Add the level of a step's phase."""
        follow = self._followers.phases[position]
        if not self._draft.headers.maps or step.head:
            return self._reach(step, states, levels, follow)

        def follow_best(state: State) -> Iterator[Followed]:
            for after, costs, made in follow(state):
                best, more = self._with_best(self._followers.after(position, after), after)
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
        follow: Follow,
    ) -> dict[State, int]:
        """Add a level: all that follows each state."""
        reached: dict[State, int] = {}
        edges: list[Edge] = []
        least = self._most
        for done, (state, source) in enumerate(states.items(), start=1):
            before = len(edges)
            for after, costs, decisions in follow(state):
                target = reached.setdefault(after, len(reached))
                edges.append(Edge(source, target, costs, decisions))
            least = min(least, len(edges) - before)
            ahead = self._edges + len(edges)
            if done > 1:  # conditions may leave half of them out
                ahead += least * (len(states) - done) // 2
            if ahead > self._most:
                raise too_large(step, ahead)
        self._edges += len(edges)
        levels.append(Level(tuple(edges), len(reached)))
        return reached


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
