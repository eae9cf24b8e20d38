"""Choices of a call's arguments that its body may not have read: the compiler makes them too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ctcdsl.spaces.calls import Opened, scope_inside
from ctcdsl.spaces.choices import Decision, Lets, Option
from ctcdsl.spaces.place import Frame
from ctcdsl.spaces.step import Step
from ctcdsl.spaces.trees import Allows, Trees
from ctcdsl.text import Diagnostic
from ctcdsl.text.sink import Diagnostics


class Unsure:
    """Makes choices where a call that is placed in parts ends."""

    def __init__(
        self, lets: Lets, diagnostics: Diagnostics, failed: Callable[[Diagnostic], None]
    ) -> None:
        self._lets = lets
        self._trees: Trees[bool] = Trees(lets, diagnostics, failed)

    def choices(
        self,
        step: Step,
        frames: Sequence[Frame],
        assignment: Mapping[str, Option],
        allows: Allows,
    ) -> Iterator[tuple[tuple[Decision, ...], Mapping[str, Option]]]:
        """The choices at a mark: none but at a call, whose begin has a decision that awaits each.

        `frames` are those of the place before the mark.
        """
        assert step.mark is not None
        call = step.mark.of
        if not isinstance(call, Opened):
            yield (), assignment
        elif not step.mark.closes:
            yield call.awaited, assignment
        else:
            channels = [frame.channels for frame in frames]

            def evaluate(_: Sequence[Option]) -> bool | None:
                values = scope_inside((*step.around, call), channels, self._lets).values
                return None if any(values[name] is None for name in call.unsure) else True

            key = (step.number, *channels)
            for made, after, _ in self._trees.walk(step, key, assignment, allows, evaluate):
                yield made, after
