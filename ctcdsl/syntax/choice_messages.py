"""The message and the hint for an error in a choice, a range or a `where`."""

from __future__ import annotations

import re

from ctcdsl.syntax.error_context import ErrorContext
from ctcdsl.syntax.foreign.hints import ARROW
from ctcdsl.text import Fix, Hint, Span

_COMPARED = ("EQUALS", "DIFFERS", "LESS", "AT_MOST", "GREATER", "AT_LEAST")


def by_choice(context: ErrorContext) -> tuple[str, str]:
    """A message and a hint where the token is one of choices; empty for all others."""
    line = context.line_before
    if re.match(r"[ \t]*where\b", line):
        return _in_where(context)
    let = re.match(r"[ \t]*let[ \t]+\w+[ \t]*=[ \t]*", line)
    if let is not None:
        message, hint = _in_let(context, let.end())
        if message:
            return message, hint
    return _elsewhere(context)


def _in_where(context: ErrorContext) -> tuple[str, str]:
    token, found = context.token, context.text
    if token.type == "EQUAL":
        return "`=` gives a value; a condition compares", Hint("write `==`", "==")
    if token in ("!", "|", "&") or token.type == "_COMMA":
        word = "or" if token == "|" else "and"
        hint = Hint(f"write `{word}`", context.fix(f" {word} "))
        return f"{found} does not join conditions", hint
    if token.type in ("_NEWLINE", "$END") and context.before is None:
        return "a condition compares: `k != 2`, `d%2 == 0`", "join several by `and`, `or`"
    return f"a `where` has comparisons, and {found} is not expected here", "`where k != 2 or d > 1`"


def _in_let(context: ErrorContext, start: int) -> tuple[str, str]:
    """In the value of a `let`: braces, commas, words between the ends of a range."""
    token = context.token
    base = context.start - len(context.line_before)
    written = context.line_before[start:] + str(token).rstrip("\n") + context.rest_of_line
    written = re.sub(r"[ \t]*#.*", "", written).rstrip()
    place = Span(context.source, base + start, base + start + len(written))
    listed = re.fullmatch(r"[\[{(]?[ \t]*([\w.]+(?:[ \t]*,[ \t]*[\w.]+)+)[ \t]*[\])}]?", written)
    if listed is not None and token.type in ("LBRACE", "LSQB", "_COMMA"):
        values = " | ".join(part.strip() for part in listed[1].split(","))
        hint = Hint(f"write `{values}`", Fix(place, values))
        return "the values of a choice have `|` between them", hint
    ends = re.fullmatch(r"([\w.]+)[ \t]*(?:to|until|:|–|—|-+>|\.\.\.|…)[ \t]*([\w.]+)(.*)", written)
    if ends is not None:
        low, high, rest = ends.groups()
        step = re.fullmatch(r"[ \t]*(?:step|by|:)[ \t]*([\w.]+)", rest)
        text = f"{low}..{high}" + (f" by {step[1]}" if step else rest)
        return f"a range is written `{low}..{high}`", Hint(f"write `{text}`", Fix(place, text))
    before = context.before
    ends_early = token.type in ("_BAR", "_NEWLINE")
    if ends_early and before is not None and before.type in ("_BAR", "DOTS", "BY"):
        return f"a value is missing after `{before}`", "`let k = 2 | 3 | 16..512 by 16`"
    return "", ""


def _elsewhere(context: ErrorContext) -> tuple[str, str]:
    token, found = context.token, context.text
    match token.type:
        case "PERCENT":
            return "`%` has no meaning here", Hint("a comment begins with `#`", "#")
        case "DOTS" if context.bracket is not None and context.bracket.type in ("LPAR", "CALL"):
            ends = re.search(r"(\w+)[ \t]*$", context.line_before)
            other = re.match(r"[ \t]*(\w+)", context.rest_of_line)
            if ends is None or other is None:
                return "`..` stands between two numbers", "`<1..4>`"
            text = f"{ends[1]}..{other[1]}"
            hint = f"write `<{text}>`; or name it: `let n = {text}`"
            return "a choice in place is in angle brackets", hint
        case "DOTS":
            example = "`let d = 2..5`, `(3,<2..5>)`"
            return "a range belongs to a `let`, or in angle brackets", example
        case "BY" | "AND" | "OR":
            return f"{found} is a keyword: `16..512 by 16`, `where k > 2 and d < 5`", ""
        case "DIFFERS" if context.expects_layer or context.bracket is None:
            return "`!` has no meaning here", Hint("a comment begins with `#`", "#")
        case kind if kind in _COMPARED and context.bracket is None:
            if token == ">" or (token == "<" and context.rest_of_line[:1] in "-=<"):
                return f"{found} has no meaning here", Hint(ARROW, " ")
            return f"{found} compares in a `where` alone", "`where k != 2`"
        case "GREATER" if context.expects_layer and context.before is not None:
            return f"{found} has no meaning here", Hint(ARROW, " ")
    return "", ""
