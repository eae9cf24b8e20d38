"""A text as tokens with roles, by the patterns that every highlighter uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from ctcdsl.highlighting.patterns import PATTERNS


class Token(NamedTuple):
    """The characters `start` up to `end` (exclusive), and their role."""

    role: str
    start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text, which may have any errors; blanks are passed over."""
    expression, groups = _compiled()
    for match in expression.finditer(text):
        assert match.lastgroup is not None
        first, roles = groups[match.lastgroup]
        if len(roles) == 1:
            yield Token(roles[0], *match.span())
            continue
        for number, role in enumerate(roles, start=first + 1):
            if role:
                yield Token(role, *match.span(number))


@cache
def _compiled() -> tuple[re.Pattern[str], dict[str, tuple[int, tuple[str, ...]]]]:
    """All patterns as one, the earlier ones first; of each its group's number and its roles."""
    named = [f"(?P<pattern{k}>{p.expression})" for k, p in enumerate(PATTERNS)]
    expression = re.compile("|".join(named), re.MULTILINE)
    groups = {
        f"pattern{k}": (expression.groupindex[f"pattern{k}"], p.roles)
        for k, p in enumerate(PATTERNS)
    }
    return expression, groups
