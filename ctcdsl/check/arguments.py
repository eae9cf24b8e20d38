"""Arguments of layers: numbers checked for range, tags told apart, mistakes answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ctcdsl.check.expressions import Expressions, Scope
from ctcdsl.check.problems import Problems
from ctcdsl.ir import Sides
from ctcdsl.syntax import nodes as n
from ctcdsl.syntax.words import TAG_LETTERS, WORDS, suggest, words
from ctcdsl.text import Span

MAX_TAG = 1_000_000

_LETTER_TAG = re.compile(r"([pgd])([0-9]+)(?:[x×]([0-9]+))?")


class Tags(NamedTuple):
    """What stands behind a layer's numbers: `p1`, `g32`, `d2`, and words."""

    padding: Sides | None = None
    groups: int = 1
    dilation: int = 1
    words: tuple[str, ...] = ()


NO_TAGS = Tags()


class Arguments:
    """Reads the arguments of layers and reports those it cannot take."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._expressions = Expressions(problems)

    def one(self, call: n.Call, example: str) -> n.Argument | None:
        """The only argument of a call, or None after an error that shows `example`."""
        if len(call.arguments) == 1:
            return call.arguments[0]
        self._problems.error(
            "CTC102",
            f"`{call.word}` takes one argument, not {len(call.arguments)}",
            call.span,
            hint=f"write `{example}`",
        )
        return None

    def tags(
        self, arguments: Sequence[n.Argument], *, letters: str = "", options: tuple[str, ...] = ()
    ) -> Tags:
        """Read the tags behind a layer's numbers: `letters` with their numbers, and `options`."""
        if not arguments:
            return NO_TAGS
        numbers: dict[str, Sides] = {}
        given: list[str] = []
        for argument in arguments:
            text = argument.span.text
            match = _LETTER_TAG.fullmatch(text) if isinstance(argument, n.Name) else None
            if match is not None and match[1] in letters:
                letter, first, second = match.groups()
                height = min(int(first[:9]), MAX_TAG)
                width = height if second is None else min(int(second[:9]), MAX_TAG)
                if letter in numbers:
                    what = f"the {TAG_LETTERS[letter]} is given twice"
                    self._problems.error("CTC104", what, argument.span)
                elif second is not None and letter != "p":
                    what = f"{TAG_LETTERS[letter]} is one number, and `{text}` has two"
                    self._problems.error("CTC104", what, argument.span)
                elif letter != "p" and height == 0:
                    what = f"{TAG_LETTERS[letter]} is at least 1"
                    self._problems.error("CTC108", what, argument.span)
                else:
                    numbers[letter] = (height, width)
            elif isinstance(argument, n.Name) and text in options:
                if text in given:
                    self._problems.error("CTC104", f"`{text}` is given twice", argument.span)
                given.append(text)
            else:
                self._no_tag(argument, letters, options)
        return Tags(
            numbers.get("p"),
            numbers.get("g", (1, 1))[0],
            numbers.get("d", (1, 1))[0],
            tuple(given),
        )

    def _no_tag(self, argument: n.Argument, letters: str, options: tuple[str, ...]) -> None:
        text = argument.span.text
        if not isinstance(argument, n.Name):
            self._problems.error(
                "CTC104",
                f"`{text}` is no tag",
                argument.span,
                hint="behind the numbers stand tags such as `p1`, padding 1",
            )
            return
        entry = WORDS.get(text)
        if entry is not None:
            where = ", ".join(f"`{option}`" for option in options)
            self._problems.error(
                "CTC104",
                f"`{text}` is no tag of this layer",
                argument.span,
                hint=f"its tags are {where}" if where else f"it means: {entry.summary}",
            )
            return
        meant = suggest(text, options)
        letter_tags = ", ".join(f"`{letter}1` {TAG_LETTERS[letter]} 1" for letter in letters)
        usual = f"a number follows a letter: {letter_tags}"
        self._problems.error(
            "CTC104",
            f"unknown tag `{text}`",
            argument.span,
            hint=f"did you mean `{meant}`?" if meant else usual,
        )

    def integer(
        self, argument: n.Argument, low: int, high: int, what: str, scope: Scope
    ) -> int | None:
        """A whole number from `low` to `high`, or None after an error that names `what`."""
        value = self._expressions.value(argument, scope)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int):
            text = argument.span.text
            is_worth = "" if isinstance(argument, n.Number) else f", which is {value:g}"
            self._problems.error(
                "CTC108", f"{what} is a whole number, not `{text}`{is_worth}", argument.span
            )
            return None
        return value if self.number(value, low, high, what, argument.span) else None

    def real(self, argument: n.Argument, scope: Scope) -> float | None:
        """Any number, or None after an error."""
        return self._expressions.value(argument, scope)

    def window(self, argument: n.Argument, high: int, what: str, scope: Scope) -> Sides | None:
        """A window: one side, or height x width."""
        if isinstance(argument, n.Size):
            if len(argument.sides) != 2:
                self._problems.error(
                    "CTC107",
                    f"{what} is a side or height x width, not `{argument.span.text}`",
                    argument.span,
                    hint="write `3` or `1x7`",
                )
                return None
            height, width = argument.sides
            fine = [self.number(side, 1, high, what, argument.span) for side in (height, width)]
            return (height, width) if all(fine) else None
        side = self.integer(argument, 1, high, what, scope)
        return None if side is None else (side, side)

    def number(self, value: int, low: int, high: int, what: str, span: Span) -> bool:
        """Whether `value` lies from `low` to `high`; an error where it does not."""
        if low <= value <= high:
            return True
        shown = str(value) if abs(value) < 10**15 else "a number of over 15 digits"
        self._problems.error(
            "CTC108", f"{what} lies from {low} to {high:,}, and this is {shown}", span
        )
        return False

    def unknown(self, word: str, span: Span, definitions: tuple[str, ...] = ()) -> None:
        """Refuse a word that is no layer, and suggest the one meant."""
        entry = WORDS.get(word)
        if entry is not None:
            message = f"`{word}` is a {entry.kind} word, not a layer"
            self._problems.error("CTC101", message, span, hint=f"it means: {entry.summary}")
            return
        layers = words("layer", "norm", "activation")
        meant = suggest(word, definitions + layers)
        self._problems.error(
            "CTC101",
            f"unknown layer `{word}`",
            span,
            hint=f"did you mean `{meant}`?" if meant else f"the layers are {', '.join(layers)}",
        )
