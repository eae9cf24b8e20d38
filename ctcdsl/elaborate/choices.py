"""Choices: which values one has, who makes it, and what to say where nobody does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ctcdsl.elaborate.expressions import Expressions, Scope
from ctcdsl.syntax.nodes import (
    Alternatives,
    Argument,
    Branch,
    Call,
    Choice,
    Convolution,
    Let,
    Number,
    Range,
)
from ctcdsl.text import Span
from ctcdsl.text.plural import plural
from ctcdsl.text.sink import Diagnostics, quoted

MAX_VALUES = 100_000
"""More values than this are no choice that anything could look at one by one."""


class Chooser(Protocol):
    """Makes the choices that are written in place, one after another."""

    def argument(self, values: Callable[[], Sequence[Argument] | None]) -> Argument | None:
        """One of some values, which are computed when they are asked for; None for an error."""
        ...

    def branch(self, branches: Sequence[Branch], span: Span) -> Branch:
        """One of some branches."""
        ...


class Choices:
    """Reads choices: expands ranges, and has each made, or reports that a network is expected."""

    def __init__(self, diagnostics: Diagnostics, chooser: Chooser | None) -> None:
        self._diagnostics = diagnostics
        self._expressions = Expressions(diagnostics)
        self._chooser = chooser

    @property
    def made(self) -> bool:
        """Whether there is somebody who chooses."""
        return self._chooser is not None

    def argument(self, argument: Argument, scope: Scope) -> Argument | None:
        """An argument: itself, or that which is chosen; None after an error."""
        if not isinstance(argument, Choice):
            return argument
        if self._chooser is None:
            if expand(argument, self._expressions, scope) is not None:
                report_space(argument, self._diagnostics)
            return None
        return self._chooser.argument(lambda: expand(argument, self._expressions, scope))

    def branch(self, alternatives: Alternatives) -> Branch | None:
        """The branch that is chosen; None after an error."""
        for branch in alternatives.branches:
            if branch.optional:
                self._diagnostics.error(
                    "CTC307",
                    "`?` is for branches in square brackets, and a choice has `none`",
                    branch.span,
                    hint="`< (3,64) | none >`",
                )
                return None
        if self._chooser is None:
            report_space(alternatives, self._diagnostics)
            return None
        return self._chooser.branch(alternatives.branches, alternatives.span)

    def primary(self, primary: Convolution | Call, scope: Scope) -> Convolution | Call | None:
        """A layer whose choices in place are made; None after an error."""
        arguments = [self.argument(argument, scope) for argument in primary.arguments]
        if None in arguments:
            return None
        chosen = primary._replace(arguments=tuple(a for a in arguments if a is not None))
        if isinstance(chosen, Call) and chosen.named:
            values = [self.argument(named.value, scope) for named in chosen.named]
            if None in values:
                return None
            chosen = chosen._replace(
                named=tuple(
                    named._replace(value=value)
                    for named, value in zip(chosen.named, values, strict=True)
                    if value is not None
                )
            )
        return chosen


def has_choice(primary: Convolution | Call) -> bool:
    """Whether an argument is chosen in place."""
    for argument in primary.arguments:  # a loop costs a third of `any`
        if type(argument) is Choice:
            return True
    return isinstance(primary, Call) and any(type(n.value) is Choice for n in primary.named)


def expand(choice: Choice, expressions: Expressions, scope: Scope) -> list[Argument] | None:
    """The values of a choice, each once, ranges as their numbers; None after an error."""
    values: dict[object, Argument] = {}
    for value in choice.values:
        if not isinstance(value, Range):
            key = value.value if isinstance(value, Number) else value.span.text
            values.setdefault(key, value)
            continue
        numbers = _numbers(value, expressions, scope)
        if numbers is None:
            return None
        for number in numbers:
            values.setdefault(number, Number(number, value.span))
    return list(values.values())


def _numbers(written: Range, expressions: Expressions, scope: Scope) -> range | None:
    """The numbers of a range; None, reported, where it has none, or no whole ends."""
    arguments = (written.low, written.high, written.step)
    ends = [1 if end is None else expressions.value(end, scope) for end in arguments]
    whole: list[int] = []
    for end, argument in zip(ends, arguments, strict=True):
        if end is None:
            return None
        if end != int(end):
            at = written.span if argument is None else argument.span
            expressions.report("CTC120", f"a range has whole numbers, and {end:g} is not one", at)
            return None
        whole.append(int(end))
    low, high, step = whole
    problem = hint = ""
    if step < 1:
        problem, hint = f"the step of a range is at least 1, not {step}", "`16..512 by 16`"
    elif low > high:
        problem = f"the range {low}..{high} is empty"
        hint = f"the smaller end comes first: `{high}..{low}`"
    elif (high - low) // step >= MAX_VALUES:
        count = (high - low) // step + 1
        problem = f"the range has {count:,} values, more than the {MAX_VALUES:,} of a choice"
        hint = "take a step, `16..512 by 16`, or nearer ends"
    if problem:
        expressions.report("CTC120", problem, written.span, hint=hint)
        return None
    return range(low, high + 1, step)


def report_space(place: Let | Choice | Alternatives, diagnostics: Diagnostics) -> None:
    """Report a choice where one network is expected, the first of a spec alone (CTC119)."""
    if any(diagnostic.code == "CTC119" for diagnostic in diagnostics.reported):
        diagnostics.num_errors += 1
        return
    pick = "`ctcdsl search` finds the networks that fit a budget, and `--pick` writes one"
    if isinstance(place, Let):
        name = place.name.text
        assert isinstance(place.value, Choice)
        count, example = _count(place.value)
        message = f"`{name}` has {count}: this is a space of networks"
        hint = f"`-D {name}={example}` gives it one; {pick}"
    else:
        message = f"{quoted(place.span)} is a choice: this is a space of networks"
        hint = pick
    diagnostics.error("CTC119", message, place.span, hint=hint)


def _count(choice: Choice) -> tuple[str, str]:
    """How many values a choice has, as far as numbers tell, and an example of one."""
    values = expand(choice, Expressions(Diagnostics()), Scope({}))
    if not values:
        return "several values", "…"
    middle = values[len(values) // 2]
    shown = str(middle.value) if isinstance(middle, Number) else middle.span.text
    return plural(len(values), "value"), shown
