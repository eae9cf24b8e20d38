"""The tokens of a .ctc file as editors see them: one list for every highlighter.

Highlighters colour text with errors, too, so these patterns need less than the grammar does:
each says what some characters are wherever they are. Words come from the parser's own table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import NamedTuple

from ctcdsl.syntax.words import KEYWORDS, TAG_PREFIXES, words

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
PRIMED = rf"{NAME}['′]*"
"""A network's name may end in primes: J'."""
GAP = r"[ \t]+"
_START = r"(?<![A-Za-z0-9_])"
_END = r"(?![A-Za-z0-9_])"


class Pattern(NamedTuple):
    """An expression, and what its groups are; a lone role is that of the whole match.

    Between them the groups cover the match, so that no character is left without a role;
    "" is the role of blanks.
    """

    roles: tuple[str, ...]
    expression: str


ROLES = MappingProxyType(
    {
        "comment": ("Comment.Single", "comment.line.number-sign"),
        "continuation": ("Punctuation", "punctuation.separator.continuation"),
        "header": ("Keyword", "keyword.control"),
        "network": ("Name.Class", "entity.name.type.network"),
        "value": ("Name.Constant", "variable.other.constant"),
        "definition": ("Name.Function", "entity.name.function"),
        "label": ("Name.Label", "entity.name.section"),
        "rule line": ("Punctuation", "punctuation.separator.table.header"),
        "times": ("Operator", "keyword.operator.times"),
        "size": ("Literal.Number.Integer", "constant.numeric.size"),
        "number": ("Literal.Number", "constant.numeric"),
        "letter tag": ("Name.Attribute", "storage.modifier.tag"),
        "tag": ("Name.Attribute", "storage.modifier.tag"),
        "style": ("Keyword.Constant", "constant.language.style"),
        "rule": ("Keyword.Constant", "constant.language.rule"),
        "function": ("Name.Builtin", "support.function.arithmetic"),
        "join": ("Name.Builtin", "support.function.join"),
        "layer": ("Name.Builtin", "support.function.layer"),
        "norm": ("Name.Builtin", "support.function.norm"),
        "activation": ("Name.Builtin", "support.function.activation"),
        "channels": ("Name.Variable.Magic", "variable.language.channels"),
        "call": ("Name.Function", "entity.name.function.call"),
        "name": ("Name", "variable.other"),
        "stride": ("Operator", "keyword.operator.stride"),
        "operator": ("Operator", "keyword.operator"),
        "bar": ("Operator", "keyword.operator.bar"),
        "bracket": ("Punctuation", "punctuation.section.brackets"),
        "punctuation": ("Punctuation", "punctuation.separator"),
        "parameter": ("Name.Variable", "variable.parameter"),
    }
)
"""The Pygments token and the TextMate scope of each role: names that colour themes know."""


def _either(choices: Iterable[str]) -> str:
    """One of some words; the longest first, or `relu` would hide `relu6`."""
    return "|".join(sorted(map(re.escape, choices), key=lambda word: (-len(word), word)))


def _word(choices: Iterable[str]) -> str:
    """One of some words, not inside a longer one."""
    return f"{_START}(?:{_either(choices)}){_END}"


KINDS = tuple(dict.fromkeys(word.kind for word in KEYWORDS.values() if word.kind != "operator"))

_HEADERS = _either(word for word in words("header") if word not in ("net", "let", "def"))
_LETTERS = "".join(TAG_PREFIXES)

PATTERNS = (
    Pattern(("comment",), r"#[^\n]*"),
    Pattern(("continuation",), r"\\(?=[ \t]*$)"),
    # Names where they are given: `net J'`, `let w = 96`, `def fire(s,e)`, `conv1: `.
    Pattern(
        ("header", "", "network"),
        rf"{_START}(net)({GAP})({PRIMED}(?:[ \t]*[-−+][ \t]*[A-Za-z0-9_]+['′]*)*)",
    ),
    Pattern(("header", "", "value"), rf"{_START}(let)({GAP})({NAME})"),
    Pattern(("header", "", "definition"), rf"{_START}(def)({GAP})({NAME})"),
    Pattern(("label", "punctuation"), rf"{_START}({NAME})(:)"),
    Pattern(("rule line",), r":?-{2,}:?"),
    # `x4`, `x 4` and `x(n)` repeat; the `x` in `3x224x224` belongs to the number.
    Pattern(("times",), r"[×*]|(?<![A-Za-z_])x(?=[ \t]*[0-9]|\()"),
    Pattern(("size",), r"[0-9]+(?:[x×][0-9]+)+"),
    Pattern(
        ("number",), r"(?:[0-9]*\.[0-9]+|[0-9]+(?=[eE][-−+]?[0-9]))(?:[eE][-−+]?[0-9]+)?|[0-9]+"
    ),
    Pattern(("letter tag",), rf"{_START}[{_LETTERS}][0-9]+(?:[x×][0-9]+)?{_END}"),
    # Styles before norms: `bn-relu-conv` is one word.
    Pattern(("style",), _word(words("style"))),
    Pattern(("header",), f"{_START}(?:{_HEADERS}|net|let|def){_END}"),
    *(Pattern((kind,), _word(words(kind))) for kind in KINDS if kind not in ("header", "style")),
    Pattern(("times",), rf"{_START}x{_END}"),
    Pattern(("operator",), _word(word for word in words("operator") if len(word) > 1)),
    # `4c`: a number may precede it.
    Pattern(("channels",), rf"(?<![A-Za-z_])c{_END}"),
    Pattern(("call",), rf"{_START}{NAME}(?=\()"),
    Pattern(("name",), PRIMED),
    Pattern(("stride",), r"/(?=[0-9A-Za-z_])"),
    Pattern(("operator",), r"[-−+/?=!%]|[<>]=|\.\."),
    Pattern(("bar",), r"\|"),
    Pattern(("bracket",), r"[()\[\]{}<>]"),
    Pattern(("punctuation",), r"[,:]"),
)
