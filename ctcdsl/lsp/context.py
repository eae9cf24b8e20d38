"""What comes before an offset, from the text alone.

A text that is being typed seldom parses, so the brackets and words before the offset decide,
not the syntax tree.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ctcdsl.highlighting.patterns import NAME
from ctcdsl.syntax.words import words

_TOKEN = re.compile(
    rf"(?P<comment>#[^\n]*)|(?P<gap>\\[ \t]*\n|[ \t]+)|(?P<line>\n)"
    rf"|(?P<head>{NAME}:)|(?P<call>{NAME}[(\[{{]|[×*]\()|(?P<word>{NAME}['′]*)|(?P<other>.)"
)
_HEAD = re.compile(rf"[ \t]*(?:(?:{'|'.join(words('header'))})[ \t]|{NAME}[ \t]*:)")


class Bracket(NamedTuple):
    """An open bracket, `(`, `fc(`, `x(`, `[`, `mul[`, and what is inside so far."""

    opening: str = ""
    inside: tuple[str, ...] = ()

    @property
    def argument(self) -> int:
        """The number of the argument, from 0."""
        return self.inside.count(",")

    @property
    def given(self) -> tuple[str, ...]:
        """The complete arguments."""
        return self.arguments[:-1]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments, of which the last one may still be typed."""
        return tuple("".join(self.inside).split(","))


class Context(NamedTuple):
    """The place after a text.

    `before` are the tokens of the statement so far; `brackets` those that are open, the
    outermost first.
    """

    before: tuple[str, ...]
    brackets: tuple[Bracket, ...]
    comment: bool
    in_table: bool

    @property
    def bracket(self) -> Bracket:
        """The innermost open bracket, or an empty one."""
        return self.brackets[-1] if self.brackets else Bracket()


def context_at(text: str) -> Context:
    """The context at the end of a text, which may have any errors."""
    before: list[str] = []
    starts: list[int] = []  # of what is inside of the open brackets
    comment = table = False
    for match in _TOKEN.finditer(text):
        token = match[0]
        comment = match.lastgroup == "comment"
        if match.lastgroup == "line":
            # An unclosed bracket does not swallow the statements below it.
            if not starts or _HEAD.match(text, match.end()):
                table = (table or before == ["table"]) and before != ["end"]
                before.clear()
                starts.clear()
            continue
        if match.lastgroup in ("comment", "gap"):
            continue
        before.append(token)
        if match.lastgroup == "call" or token in "([{":
            starts.append(len(before))
        elif token in ")]}" and starts:
            starts.pop()
    brackets = tuple(Bracket(before[start - 1], _outer(before[start:])) for start in starts)
    return Context(tuple(before), brackets, comment, table)


def _outer(tokens: list[str]) -> tuple[str, ...]:
    """The tokens inside of a bracket without those inside of others, whose arguments they are."""
    depth, outer = 0, []
    for token in tokens:
        depth -= token in ")]}"
        if depth == 0:
            outer.append(token)
        depth += token[-1] in "([{"
    return tuple(outer)
