"""Arguments and words of a layer: read, checked for range, answered with suggestions."""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.check.problems import Problems
from ctcdsl.syntax import nodes as n
from ctcdsl.syntax.words import WORDS, suggest, words
from ctcdsl.text import Span

MAX_PADDING = 1_000

_TAG_LETTERS = {"g": "groups", "d": "dilation"}


class Arguments:
    """Reads the arguments of layers and reports those it cannot take."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

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
        self, arguments: Sequence[n.Argument], *, options: tuple[str, ...]
    ) -> tuple[int | None, set[str]]:
        """Read `pN` and the option words behind a layer's numbers."""
        padding: int | None = None
        given: set[str] = set()
        for argument in arguments:
            text = argument.span.text
            letter, digits = text[:1], text[1:]
            if not isinstance(argument, n.Name):
                self._problems.error(
                    "CTC104",
                    f"`{text}` is no tag",
                    argument.span,
                    hint="behind the numbers stand tags such as `p1`, padding 1",
                )
            elif letter == "p" and digits.isdigit():
                if padding is not None:
                    self._problems.error("CTC104", "the padding is given twice", argument.span)
                padding = min(int(digits[:9]), MAX_PADDING)
            elif letter in _TAG_LETTERS and digits.isdigit():
                self.not_yet(f"`{text}` ({_TAG_LETTERS[letter]})", argument.span)
            elif text in options:
                given.add(text)
            elif text in WORDS and not WORDS[text].available:
                self.not_yet(f"`{text}` ({WORDS[text].summary})", argument.span)
            else:
                tags = (word for word, entry in WORDS.items() if entry.kind == "tag")
                candidates = tuple(tag for tag in tags if not WORDS[tag].available) + options
                meant = suggest(text, candidates)
                self._problems.error(
                    "CTC104",
                    f"unknown tag `{text}`",
                    argument.span,
                    hint=f"did you mean `{meant}`?" if meant else "padding 1 is written `p1`",
                )
        return padding, given

    def integer(self, argument: n.Argument, low: int, high: int, what: str) -> int | None:
        """A whole number from `low` to `high`, or None after an error that names `what`."""
        if isinstance(argument, n.Number) and isinstance(argument.value, int):
            fine = self.number(argument.value, low, high, what, argument.span)
            return argument.value if fine else None
        if isinstance(argument, n.Expression):
            self.not_yet(f"`{argument.span.text}`, an expression,", argument.span)
        elif isinstance(argument, n.Size):
            self.not_yet(f"`{argument.span.text}`, sides of different length,", argument.span)
        elif isinstance(argument, n.Name) and argument.text in WORDS:
            self.not_yet(f"`{argument.text}` as {what}", argument.span)
        else:
            self._problems.error(
                "CTC108",
                f"{what} is a whole number, not `{argument.span.text}`",
                argument.span,
            )
        return None

    def number(self, value: int, low: int, high: int, what: str, span: Span) -> bool:
        """Whether `value` lies from `low` to `high`; an error where it does not."""
        if low <= value <= high:
            return True
        shown = str(value) if abs(value) < 10**15 else "a number of over 15 digits"
        self._problems.error(
            "CTC108", f"{what} lies from {low} to {high:,}, and this is {shown}", span
        )
        return False

    def not_yet(self, what: str, span: Span) -> None:
        """Refuse a part of the language that is reserved but does not work yet."""
        self._problems.error(
            "CTC008", f"{what} is part of the language, but not yet available", span
        )

    def unknown(self, word: str, span: Span) -> None:
        """Refuse a word that is no layer, and suggest the one meant."""
        entry = WORDS.get(word)
        if entry is not None and not entry.available:
            self.not_yet(f"`{word}` ({entry.summary})", span)
            return
        if entry is not None:
            message = f"`{word}` is a {entry.kind} word, not a layer"
            self._problems.error("CTC101", message, span, hint=f"it means: {entry.summary}")
            return
        layers = words("layer")
        meant = suggest(word, layers)
        self._problems.error(
            "CTC101",
            f"unknown layer `{word}`",
            span,
            hint=f"did you mean `{meant}`?" if meant else f"the layers are {', '.join(layers)}",
        )
