"""How often a step repeats: `x3`, `x(n-1)`, `x(<1..4>)`, with the choices that the number reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ctcdsl.elaborate.expressions import Expressions
from ctcdsl.elaborate.layers import MAX_LAYERS
from ctcdsl.spaces.choices import Decision, Invalid, Lets, Option, Options, Undecided
from ctcdsl.spaces.inside import bare, scope_at
from ctcdsl.spaces.place import Place
from ctcdsl.spaces.step import Step
from ctcdsl.spaces.trees import Allows, Trees
from ctcdsl.syntax.nodes import Branch, Choice
from ctcdsl.text import Diagnostic
from ctcdsl.text.sink import Diagnostics


class Repeats:
    """The numbers of times of the steps of one space; each is evaluated once."""

    def __init__(
        self, lets: Lets, diagnostics: Diagnostics, failed: Callable[[Diagnostic], None]
    ) -> None:
        self._lets = lets
        self._expressions = Expressions(diagnostics)
        self._counted: Trees[int] = Trees(lets, diagnostics, failed)

    def counts(
        self, step: Step, place: Place, assignment: Mapping[str, Option], allows: Allows
    ) -> Iterator[tuple[tuple[Decision, ...], Mapping[str, Option], int]]:
        """Every number of times that a step may repeat, with the choices for it."""
        if isinstance(step.times, int):
            yield (), assignment, step.times
            return
        channels = place.shape.channels if step.reads_channels and not step.around else 0
        key = (step.number, bare(step, place).frames, channels)
        yield from self._counted.walk(
            step, key, assignment, allows, lambda in_place: self._count(step, place, in_place)
        )

    def _count(self, step: Step, place: Place, in_place: Sequence[Option]) -> int | None:
        count = step.times
        assert count is not None and not isinstance(count, int)
        scope = scope_at(step, place, self._lets)
        if isinstance(count, Choice):
            from ctcdsl.elaborate.choices import expand

            values = expand(count, self._expressions, scope)
            if values is None:
                raise Invalid
            if not in_place:
                raise Undecided("", Options.of(values))
            chosen = in_place[0].node
            assert not isinstance(chosen, Branch)
            count = chosen
        value = self._expressions.value(count, scope)
        if value is None:
            raise Invalid
        if value != int(value) or not 0 <= value <= MAX_LAYERS:
            noun = "a repetition"
            message = f"{noun} must be a whole number from 0 to {MAX_LAYERS:,}, not {value:g}"
            self._expressions.report("CTC108", message, step.span)
            return None
        return int(value)
