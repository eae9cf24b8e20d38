"""Changes of a text that do what a hint says, for editors and other programs to offer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ctcdsl.text.source import Span

_MAX_SHOWN = 40
"""Longer pieces of a text are shown cut in titles."""


class Fix(NamedTuple):
    """A change: the characters of `span` become `replacement`."""

    span: Span
    replacement: str

    @property
    def title(self) -> str:
        """What it does, as an editor's menu says it."""
        old, new = _shown(self.span.text), _shown(self.replacement)
        if not old:
            return f"insert {new}"
        return f"replace {old} by {new}" if new else f"remove {old}"


class Hint(str):
    """What to do about an error, as a sentence, with the changes that do it: the likeliest first.

    A change that is a plain text replaces the place of the error.
    """

    __slots__ = ("changes",)
    changes: tuple[str | Fix, ...]

    def __new__(cls, text: str, *changes: str | Fix) -> Hint:
        """A sentence and its changes."""
        hint = super().__new__(cls, text)
        hint.changes = changes
        return hint

    def at(self, place: Span) -> Hint:
        """The same hint about a place that is not the error's own."""
        return Hint(self, *(Fix(place, c) if isinstance(c, str) else c for c in self.changes))


def write(row: str, more: str = "") -> Hint:
    """The hint to write `row` in the place of the error; `more` ends the sentence."""
    return Hint(f"write `{row}`{more}", row)


def leave_out(why: str) -> Hint:
    """The hint that the place of the error needs no text."""
    return Hint(f"leave it out: {why}", "")


def fixes_of(hints: Iterable[str], place: Span | None) -> tuple[Fix, ...]:
    """The changes that hints about a place carry: none in a network without a text."""
    fixes: dict[Fix, None] = {}
    for hint in hints:
        for change in hint.changes if isinstance(hint, Hint) else ():
            if isinstance(change, Fix):
                fixes[change] = None
            elif place is not None and place.source.text:
                fixes[Fix(place, change)] = None
    return tuple(fixes)


def _shown(text: str) -> str:
    """A piece of a text on one line; blanks and line ends by name."""
    words = " ".join(text.split())
    if not words:
        return text and ("a line end" if "\n" in text else "a space")
    return f"`{words[:_MAX_SHOWN]}…`" if len(words) > _MAX_SHOWN else f"`{words}`"
