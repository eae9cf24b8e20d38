"""Colours for Pygments: `pygmentize`, Sphinx, and whatever else asks for the lexer `ctc`."""

from __future__ import annotations

from typing import Any

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Whitespace, _TokenType, string_to_tokentype

from ctcdsl.highlighting.patterns import PATTERNS, ROLES, Pattern


def token(role: str) -> _TokenType:
    """The token type of a role."""
    return string_to_tokentype(ROLES[role][0]) if role else Whitespace


def _rule(pattern: Pattern) -> tuple[str, Any]:
    types = tuple(map(token, pattern.roles))
    return pattern.expression, types[0] if len(types) == 1 else bygroups(*types)


class CtcLexer(RegexLexer):  # type: ignore[misc]  # Pygments has no types
    """The lexer of .ctc files."""

    name = "CTC"
    aliases = ("ctc",)
    filenames = ("*.ctc",)
    mimetypes = ("text/x-ctc",)
    url = "https://arxiv.org/abs/1412.1710"

    tokens = {  # noqa: RUF012  # Pygments reads it from the class
        "root": [(r"[ \t\n\f\u00a0\u2009\u202f\ufeff]+", Whitespace), *map(_rule, PATTERNS)]
    }
