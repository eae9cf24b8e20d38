"""Where the parser stopped, and the changes of the text around that place."""

from __future__ import annotations

import re
from typing import NamedTuple

from lark import Token

from ctcdsl.text import Fix, Hint, Source, Span

_MAX_SHOWN = 40
"""Longer tokens are shown cut."""


class ErrorContext(NamedTuple):
    """Where the parser stopped.

    `before` is the token on its stack, None after a complete construct; `bracket` the
    innermost open one; `expected` the tokens that could come next.
    """

    source: Source
    token: Token
    before: Token | None
    bracket: Token | None
    expected: set[str]

    @property
    def text(self) -> str:
        """The token as messages show it."""
        ends = {"_NEWLINE": "the end of the line", "$END": "the end of the file"}
        cut = f"{self.token[:_MAX_SHOWN]}…" if len(self.token) > _MAX_SHOWN else str(self.token)
        return ends.get(self.token.type, f"`{cut}`")

    @property
    def start(self) -> int:
        """The token's first character."""
        return self.token.start_pos or 0

    @property
    def gap(self) -> Span:
        """The blanks before the token."""
        before = self.source.text[: self.start]
        return Span(self.source, len(before.rstrip(" \t")), self.start)

    def fix(self, replacement: str, *, after: int = 0) -> Fix:
        """A change of the token and of some characters `after` it."""
        end = self.start + len(self.token) + after
        return Fix(Span(self.source, self.start, end), replacement)

    @property
    def rest_of_line(self) -> str:
        """What follows the token on its line."""
        return self.source.text[self.token.end_pos or 0 :].partition("\n")[0]

    @property
    def expects_layer(self) -> bool:
        """Whether a layer could come next."""
        return "LBRACE" in self.expected

    @property
    def line_before(self) -> str:
        """What comes before the token on its line."""
        return _line_before(self.source, self.start)

    @property
    def in_def_head(self) -> bool:
        """Whether the open bracket is that of a `def`'s parameters."""
        return re.search(r"\bdef[ \t]+$", self._before_bracket) is not None

    @property
    def groups(self) -> bool:
        """Whether the open bracket groups an expression of a `let`, and holds no arguments."""
        grouping = self.bracket is not None and self.bracket.type == "LPAR"
        return grouping and re.match(r"[ \t]*let[ \t]", self._before_bracket) is not None

    @property
    def _before_bracket(self) -> str:
        return _line_before(self.source, (self.bracket.start_pos or 0) if self.bracket else 0)


def _line_before(source: Source, offset: int) -> str:
    return source.text[source.text.rfind("\n", 0, offset) + 1 : offset]


def comment(context: ErrorContext) -> str:
    """For `// …`; what `/* … */` has no end that could be left out."""
    hint = "a comment begins with `#`"
    double = context.rest_of_line[:1] == "/"
    return Hint(hint, context.fix("#", after=1)) if double else hint


def product_with(before: Token, context: ErrorContext) -> str:
    """A hint for `4(c+1)` and `2round8(c)`; empty for others."""
    if before.end_pos != context.start or before.type not in ("INT", "FLOAT", "PRODUCT"):
        return ""
    number, word = re.fullmatch(r"([0-9.]*)(.*)", before).groups()  # type: ignore[union-attr]
    text = f"{number}*{word}("
    place = Span(context.source, before.start_pos or 0, context.start + 1)
    return Hint(f"write `{text}` to multiply", Fix(place, text))


def touching(context: ErrorContext) -> Hint:
    """For `/ 2`, whose number may be moved."""
    blanks = re.match(r"[ \t]+(?=\w)", context.rest_of_line)
    fixes = [context.fix("/", after=len(blanks[0]))] if blanks else []
    return Hint("write `(7,64)/2`, `3/3`", *fixes)


def on_a_line(context: ErrorContext, hint: str) -> str:
    """The hint, with a line break before the token where a line can end."""
    ends = context.bracket is None and "_NEWLINE" in context.expected
    return Hint(hint, Fix(context.gap, "\n")) if ends else hint


def end_of_table(context: ErrorContext) -> Hint:
    """The last line of a table."""
    text = context.source.text
    line_end = "" if text.endswith("\n") else "\n"
    place = Span(context.source, len(text), len(text))
    return Hint("add a line `end`", Fix(place, f"{line_end}end\n"))
