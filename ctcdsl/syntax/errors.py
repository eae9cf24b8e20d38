"""Syntax errors to diagnostics: the code, the places, and the texts of error_messages.py."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from lark import Token, UnexpectedCharacters, UnexpectedToken

from ctcdsl.syntax.error_context import ErrorContext
from ctcdsl.syntax.error_messages import STARTERS, explain
from ctcdsl.syntax.foreign.hints import ARROW
from ctcdsl.syntax.lexing import CLOSING, MAX_DEPTH, OPENING
from ctcdsl.text import Diagnostic, Fix, Hint, Label, Source, Span
from ctcdsl.text.fixes import fixes_of

# Letters of other alphabets that look like Latin ones, and other signs for "times".
_LOOK_ALIKES = str.maketrans(
    "асеорхуіѕкмтАВЕКМНОРСТХορνκΑΒΕΗΙΚΜΝΟΡΤΧ", "aceopxyiskmtABEKMHOPCTXopvkABEHIKMNOPTX"
)
_TIMES_SIGNS = "·∙⋅✕✖⨯"
_TIMES = "repetition is written `x`, `×` or `*`: `(3,256)x3`"
_COMMENT = Hint("a comment begins with `#`", "#")
_SEPARATOR = "a space or `+` separates layers, `,` arguments"
_CHARACTER_HINTS = {
    "\0": "the file does not look like text: is it a .ctc file?",
    ".": "layers are plain words, such as `relu`, and a fraction has digits, `0.5`",
    ":": "a stage's name is one word at the start of its line, and touches its `:`",
    "\\": Hint("a `\\` continues a line at its very end, before another line", ""),
    **dict.fromkeys("\"'`“”‘’„", Hint("names are written without quotes", "")),
    **dict.fromkeys(_TIMES_SIGNS, Hint(_TIMES, "x")),
    **dict.fromkeys("–—", Hint("a minus is written `-`, a comment begins with `#`", "-", "#")),
    "!": _COMMENT,
    "^": Hint("repetition is written `x`: `(3,256)x3`", "x"),
    "%": _COMMENT,
}


def unexpected_characters(
    source: Source, error: UnexpectedCharacters, opened: tuple[Token, ...]
) -> Diagnostic:
    """Report a character that no token begins with; `opened` are the open brackets."""
    at = error.pos_in_stream
    assert at is not None
    character = source.text[at]
    plain = unicodedata.normalize("NFKC", character).translate(_LOOK_ALIKES)
    hint = _CHARACTER_HINTS.get(character, "")
    if character == ";":
        among_arguments = bool(opened) and OPENING[opened[-1].type] == ")"
        hint = Hint(_SEPARATOR, "," if among_arguments else " ")
    if character in "<>" and not source.text[at + 1 : at + 2].isalnum():
        hint = Hint(ARROW, " ")
    if character == "\0":
        shown = "a NUL byte"
    elif not character.isprintable():
        shown = f"the control character U+{ord(character):04X}"
    elif character.isascii():
        shown = f"`{character}`"
    else:
        name = unicodedata.name(character, "no name")
        if "ARROW" in name or character in "»›▶►▸":
            hint = Hint(ARROW, " ")
        shown = f"`{character}` (U+{ord(character):04X}, {name.lower()})"
        if hint:
            pass
        elif plain != character and plain.isascii() and plain.isprintable():
            hint = Hint(f"write the plain `{plain}`", plain)
        elif character.isalpha() or character.isdigit():
            hint = "words and numbers are written in ASCII letters and digits"
    place = Label(Span(source, at, at + 1))
    return _error("CTC001", f"{shown} has no meaning here", place, hint=hint)


def too_deep(source: Source, token: Token) -> Diagnostic:
    """Report brackets, or `/s` and `xN` of one layer, nested beyond `MAX_DEPTH`."""
    if token.type in OPENING:
        message = f"brackets are nested more than {MAX_DEPTH} deep"
        hint = "a network of the field needs four or five; is a `}` or `]` missing?"
    else:
        message = f"one layer has more than {MAX_DEPTH} `/s` and `xN`"
        hint = "multiply the numbers: `x2x3` is `x6`"
    return _error("CTC004", message, _label(source, token), hint=hint)


def unexpected_token(
    source: Source, error: UnexpectedToken, opened: tuple[Token, ...]
) -> Diagnostic:
    """Report a token that is not allowed here; `opened` are the open brackets."""
    token = error.token
    kind = token.type
    if kind in OPENING:
        opened = opened[:-1]  # all but itself
    inner = opened[-1] if opened else None
    if inner is not None and kind in CLOSING and OPENING[inner.type] != token:
        message = f"`{token}` where `{OPENING[inner.type]}` is expected"
        opening = _label(source, inner, "opened here")
        return _error("CTC003", message, _label(source, token), opening)
    if inner is not None and (kind == "$END" or begins_line(source, token)):
        labels = [_label(source, inner)]
        if kind != "$END":
            labels.append(_label(source, token, "this is not allowed inside"))
        missing = OPENING[inner.type]
        hint: str = Hint(
            f"add the missing `{missing}`", *_closed(source, inner, missing, labels[1:])
        )
        return _error("CTC003", f"`{inner[-1]}` is never closed", *labels, hint=hint)
    labels = [_label(source, token)]
    stack = error.interactive_parser.parser_state.value_stack
    before = stack[-1] if stack and isinstance(stack[-1], Token) else None
    context = ErrorContext(source, token, before, inner, set(error.expected))
    if kind == "$END" and "END" in context.expected:
        table = next(value for value in stack if isinstance(value, Token) and value == "table")
        labels = [_label(source, table)]
    elif inner is not None and OPENING[inner.type] == ")":
        labels.append(_label(source, inner, "opened here"))
    message, hint = explain(context)
    return _error("CTC002", message, *labels, hint=hint)


def _closed(source: Source, opening: Token, bracket: str, ends: Sequence[Label]) -> tuple[Fix, ...]:
    """The bracket that is missing: parentheses end in their line, others before what `ends`."""
    start = opening.start_pos or 0
    end = min([label.span.start for label in ends], default=len(source.text))
    if bracket == ")":
        end = min(end, source.line_offset(source.position(start)[0]) + _line_length(source, start))
    inside = re.sub(r"#[^\n]*", lambda comment: " " * len(comment[0]), source.text[start:end])
    at = start + len(inside.rstrip())
    is_empty = at == start + len(opening)
    inserted = bracket if bracket == ")" else f" {bracket}"
    return () if is_empty else (Fix(Span(source, at, at), inserted),)


def _line_length(source: Source, offset: int) -> int:
    return len(source.lines[source.position(offset)[0] - 1])


def begins_line(source: Source, token: Token) -> bool:
    """Whether this token can only begin a line, and does."""
    if token.type not in STARTERS:
        return False
    start = token.start_pos or 0
    return not source.text[source.text.rfind("\n", 0, start) + 1 : start].strip()


def _error(code: str, message: str, *labels: Label, hint: str = "") -> Diagnostic:
    hints = (hint,) if hint else ()
    return Diagnostic(code, message, labels, hints=hints, fixes=fixes_of(hints, labels[0].span))


def _label(source: Source, token: Token, text: str = "") -> Label:
    # The end of the text, and the newline added there, are past its last character.
    start = min(token.start_pos or 0, len(source.text))
    if token.type == "$END":
        start = len(source.text)
    end = max(start + 1, min(start + len(token.rstrip()), len(source.text)))
    return Label(Span(source, start, end), text)
