"""What follows a state at each step of a space: its placements, alone or repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ctcdsl.elaborate.drafts import Draft
from ctcdsl.elaborate.networks import paper_head, style_of
from ctcdsl.spaces.choices import Decision, Lets, Option, Value
from ctcdsl.spaces.conditions import SpaceConditions
from ctcdsl.spaces.graph import State
from ctcdsl.spaces.lookahead import Followed, Position
from ctcdsl.spaces.measures import Measure, combine, nothing
from ctcdsl.spaces.place import Outcome, Place
from ctcdsl.spaces.placement import Placements
from ctcdsl.spaces.step import Mark, Step
from ctcdsl.text.sink import Diagnostics

WHOLE, COUNT, FIRST, COPY = "whole", "count", "first copy", "copy"
"""Phases of a step: where choices are in its copies, each is a level of its own."""

Follow = Callable[[State], Iterator[Followed]]
_Counted = tuple[tuple[Decision, ...], Mapping[str, Option], int]


class Followers:
    """What follows a state, by step and phase: `phases`."""

    def __init__(
        self,
        draft: Draft,
        steps: Sequence[Step],
        placements: Placements,
        conditions: SpaceConditions,
        measures: Sequence[Measure],
    ) -> None:
        self._draft = draft
        self._steps = steps
        self._placements = placements
        self._conditions = conditions
        self._measures = measures
        self._zero = nothing(measures)
        self._needed = self._names_needed()
        self._options: dict[tuple[str, Value], Option] = {}
        self._runs: dict[tuple[object, ...], list[Outcome]] = {}
        self.phases = dict(self._followers())

    def _names_needed(self) -> list[frozenset[str]]:
        """The choices that are read after each step."""
        later: list[frozenset[str]] = [frozenset()]
        for step in reversed(self._steps):
            later.append(later[-1] | step.names)
        return later[::-1][1:]

    def _followers(self) -> Iterator[tuple[Position, Follow]]:
        """What follows a state, by step and phase."""
        for step, needed in zip(self._steps, self._needed, strict=True):
            yield from self._of_step(step, needed)

    def _of_step(self, step: Step, needed: frozenset[str]) -> Iterator[tuple[Position, Follow]]:
        k = step.number

        def follow(found: Follow) -> Follow:
            return self._inside(step, found) if step.around else found

        if step.mark:
            yield (k, WHOLE), self._marked(step, step.mark, needed)
        elif step.parts:
            if step.times is not None:
                yield (k, COUNT), follow(self._read_count(step, needed))
            copies = needed if step.times is None else needed | step.names
            for parts in (step.strided_parts, step.parts):
                later = copies
                for part in reversed(parts):
                    yield from self._of_step(part, needed if part is parts[-1] else later)
                    later |= part.names
        elif step.has_copies:
            strided = step._replace(items=step.strided, number=-1 - step.number)
            yield (k, COUNT), follow(self._read_count(step, needed))
            first = strided if step.strided else step
            yield (k, FIRST), follow(self._one_copy(first, needed))
            yield (k, COPY), follow(self._one_copy(step, needed))
        else:
            yield (k, WHOLE), follow(self._whole(step, needed))

    def quietly(self, position: Position, state: State) -> list[Followed]:
        """What follows a state that may be no network's: failures say nothing."""
        self._placements.quiet = True
        followed = list(self.phases[position](state))
        self._placements.quiet = False
        return followed

    def after(self, position: Position, state: State) -> Position | None:
        """The position behind another one; None where the trunk ends."""
        k, phase = position
        if state.left:
            return k, FIRST if phase == COUNT else COPY
        if k + 1 == len(self._steps) or self._steps[k + 1].head:
            return None
        return k + 1, WHOLE if (k + 1, WHOLE) in self.phases else COUNT

    def _whole(self, step: Step, needed: frozenset[str]) -> Follow:
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

    def _read_count(self, step: Step, needed: frozenset[str]) -> Follow:
        def follow(state: State) -> Iterator[Followed]:
            for made, after, count in self._placements.counts(
                step, state.place, self._assignment(state), self._conditions.allow
            ):
                if step.strided and not count:
                    continue  # a stride without a layer
                place = state.place.begin_line() if step.begins else state.place
                yield self._state(place, count, after, needed | step.names), self._zero, made

        return follow

    def _one_copy(self, step: Step, needed: frozenset[str]) -> Follow:
        known: dict[tuple[Place, frozenset[str], object], list[Followed]] = {}

        def follow(state: State) -> Iterator[Followed]:
            if not state.left:
                yield state, self._zero, ()
                return
            left = state.left - 1
            names = needed | step.names if left else needed
            key = state.place, names, state.live
            if key not in known:  # it is the same, however many copies are left
                known[key] = [
                    (self._state(outcome.place, 0, after, names), outcome.costs, made)
                    for made, after, outcome in self._placed(
                        step, state.place, self._assignment(state)
                    )
                ]
            for after, costs, made in known[key]:
                yield after._replace(left=left), costs, made

        return follow

    def _marked(self, step: Step, mark: Mark, needed: frozenset[str]) -> Follow:
        depth = len(step.around) + bool(mark.ended)

        def follow(state: State) -> Iterator[Followed]:
            frames = state.place.frames
            begins = mark.ended or state.left > 0 or not mark.repeated
            if len(frames) < depth or not begins:  # no copies are left, of this or what is around
                yield state, self._zero, ()
                return
            left = frames[-1].left if mark.ended and mark.closes else 0
            names = needed | step.inside if left else needed
            place = state.place.begin_line() if step.begins else state.place
            for made, after, outcome in self._placements.marked(
                step, place, state.left, self._assignment(state), self._conditions.allow
            ):
                yield self._state(outcome.place, left, after, names), outcome.costs, made

        return follow

    def _inside(self, step: Step, follow: Follow) -> Follow:
        """What follows a state in brackets; one whose copies are all placed stays as it is."""
        depth = len(step.around)

        def within(state: State) -> Iterator[Followed]:
            if len(state.place.frames) < depth:
                yield state, self._zero, ()
            else:
                yield from follow(state)

        return within

    def has_paper_head(self) -> bool:
        """Whether the text says nothing of a head."""
        labelled = any(step.head for step in self._steps)
        return not labelled and not any(line.label == "head" for line in self._draft.lines)

    def paper_head(self) -> Follow:
        """The head that no text has."""
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

    def settled(self, state: State) -> Iterator[Followed]:
        """The end of a network without a head, with the map that `maps` gives."""
        outcome = self._placements.settled(state.place)
        if outcome is not None:
            yield State(outcome.place, 0, ()), outcome.costs, ()

    def _placed(
        self, step: Step, place: Place, assignment: Mapping[str, Option]
    ) -> Iterator[tuple[tuple[Decision, ...], Mapping[str, Option], Outcome]]:
        return self._placements.outcomes(step, place, assignment, self._conditions.allow)

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
