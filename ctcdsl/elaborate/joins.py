"""Words that touch a bracket and change how its branches join."""

from __future__ import annotations

from ctcdsl.syntax.nodes import Call, Group, Name
from ctcdsl.syntax.words import KEYWORDS, suggest
from ctcdsl.text import Hint, Span
from ctcdsl.text.sink import Diagnostics

JOINS = {"split": "{", "mul": "[", "max": "["}
"""The bracket of each join: braces concatenate, brackets combine maps of one shape."""


def report_join(group: Group, diagnostics: Diagnostics) -> None:
    """Report a group that a word touches."""
    join, bracket = group.join, group.bracket
    assert join is not None
    word = join.text if isinstance(join, Name) else join.word
    span = Span(join.span.source, join.span.start, join.span.end + 1)
    text = join.span.text
    expected = JOINS.get(word)
    if expected is None:
        if word == "x":
            hint = "repetition is `x` and a number: `(3,64)x2`"
            diagnostics.error("CTC101", "`x` is reserved for repetition", span, hint=hint)
            return
        meant = suggest(word, tuple(JOINS)) if word not in KEYWORDS else None
        hint = f"did you mean `{meant}{JOINS[meant]}`? else put" if meant else "put"
        diagnostics.error(
            "CTC118",
            f"`{text}` touches `{bracket}`, and is not a join",
            span,
            hint=Hint(
                f"{hint} a space between them: `{text} {bracket}`",
                *((f"{text} {bracket}",) if word in KEYWORDS else ()),
            ),
        )
    elif bracket != expected:
        noun = "braces" if expected == "{" else "square brackets"
        what = "concatenates" if expected == "{" else "combines maps of one shape"
        diagnostics.error(
            "CTC118",
            f"`{word}` {what}: its branches are in {noun}",
            span,
            hint=f"write `{KEYWORDS[word].example}`"
            if word != "max"
            else f"write `max[ a | b ]`; a pool has a space before `{bracket}`",
        )
    else:
        closing = "}" if expected == "{" else "]"
        diagnostics.error("CTC118", f"`{word}{expected} … {closing}` is not supported yet", span)


def report_apart(primary: Name | Call, diagnostics: Diagnostics) -> None:
    """Report a join without its bracket."""
    word = primary.text if isinstance(primary, Name) else primary.word
    diagnostics.error(
        "CTC118",
        f"`{word}` joins branches, and touches their bracket",
        primary.span,
        hint=f"write `{KEYWORDS[word].example}`",
    )
