"""Between lexer and parser: newlines inside brackets, comments, depth, recovery."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lark import Token

OPENING = {
    "LPAR": ")",
    "CALL": ")",
    "LBRACE": "}",
    "LSQB": "]",
    "JOIN_LBRACE": "}",
    "JOIN_LSQB": "]",
    "LESS": ">",
}
CLOSING = {"RPAR": "(", "RBRACE": "{", "RSQB": "[", "GREATER": "<"}
_JOINING = {"LBRACE": "JOIN_LBRACE", "LSQB": "JOIN_LSQB"}
_PLACE = re.compile(r"[^ \t\n\\]+")

MAX_DEPTH = 64
"""Brackets nested deeper than this are an error: no network needs them."""


class NestingTooDeep(Exception):
    """Nesting beyond `MAX_DEPTH` ends at `token`: that of brackets, `/s` or `xN`."""

    def __init__(self, token: Token) -> None:
        super().__init__(token)
        self.token = token


class NewlineFilter:
    """The token filter between Lark's lexer and its parser.

    Drops newlines inside brackets and remembers which brackets are open. A `{` or `[` that
    touches the word or the call before it becomes a token of another type, and `recompute` with
    its places one token each. In a line `where …` a `<` compares, and opens nothing. After a syntax
    error `skip_line` makes it skip the rest of the line, brackets forgotten, so that
    one error gives one message.
    """

    always_accept = ()

    def __init__(self) -> None:
        self._open: list[Token] = []
        self._closed: Token | None = None
        self._skip_to = 0
        self._comparing = False
        self.skipping = False

    @property
    def brackets(self) -> tuple[Token, ...]:
        """The brackets open before the latest token, outermost first."""
        return (*self._open, self._closed) if self._closed else tuple(self._open)

    def begin(self) -> None:
        """Start a new text, or a new line after an error."""
        self._open.clear()
        self._closed = None
        self._comparing = False
        self.skipping = False

    def skip_line(self, end: int = 0) -> None:
        """Drop every token up to the end of the current line, or of that of an offset behind."""
        self.begin()
        self.skipping = True
        self._skip_to = end

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Filter the tokens of a text; called again to continue after an error."""
        previous: Token | None = None
        for token in stream:
            kind = token.type
            if kind in _JOINING and previous is not None and previous.end_pos == token.start_pos:
                called = self._closed is not None and self._closed.type == "CALL"
                if called or previous.type == "WORD":
                    token.type = kind = _JOINING[kind]
            previous = token
            self._closed = None
            if kind == "_NEWLINE":
                self._comparing = False
                if self.skipping:
                    self.skipping = (token.start_pos or 0) < self._skip_to
                    if self.skipping:
                        continue
                elif self._open:
                    continue
            elif self.skipping:
                continue
            elif kind == "RECOMPUTE":
                yield from _places(token)
                continue
            elif kind == "WHERE":
                self._comparing = True
            elif self._comparing and kind in ("LESS", "GREATER"):
                pass
            elif kind in OPENING:
                self._open.append(token)
                if len(self._open) > MAX_DEPTH:
                    raise NestingTooDeep(token)
            elif kind in CLOSING and self._open and OPENING[self._open[-1].type] == token:
                # A bracket of another kind stays open: the parser will object to it.
                self._closed = self._open.pop()
            yield token


def _places(token: Token) -> Iterator[Token]:
    """The tokens of `recompute` and its places, which the lexer takes as one."""
    for number, match in enumerate(_PLACE.finditer(token)):
        start = (token.start_pos or 0) + match.start()
        kind = "PLACE" if number else "RECOMPUTE"
        column = (token.column or 0) + match.start()
        end = start + len(match[0])
        yield Token(kind, match[0], start, token.line, column, token.line, column, end)
