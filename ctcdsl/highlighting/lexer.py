"""Colours for Pygments: `pygmentize`, Sphinx, and whatever else asks for the lexer `ctc`."""

from __future__ import annotations

from typing import Any

from pygments.lexer import RegexLexer, bygroups
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    Whitespace,
    _TokenType,
)

from ctcdsl.highlighting.patterns import PATTERNS, Pattern

TOKENS: dict[str, _TokenType] = {
    "": Whitespace,
    "comment": Comment.Single,
    "continuation": Punctuation,
    "header": Keyword,
    "network": Name.Class,
    "value": Name.Constant,
    "definition": Name.Function,
    "label": Name.Label,
    "rule line": Punctuation,
    "times": Operator,
    "size": Number.Integer,
    "number": Number,
    "letter tag": Name.Attribute,
    "tag": Name.Attribute,
    "style": Keyword.Constant,
    "rule": Keyword.Constant,
    "layer": Name.Builtin,
    "norm": Name.Builtin,
    "activation": Name.Builtin,
    "channels": Name.Variable.Magic,
    "call": Name.Function,
    "name": Name,
    "stride": Operator,
    "operator": Operator,
    "bar": Operator,
    "bracket": Punctuation,
    "punctuation": Punctuation,
}
"""The token type of each role."""


def _rule(pattern: Pattern) -> tuple[str, Any]:
    types = tuple(TOKENS[role] for role in pattern.roles)
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
