"""Syntax errors to diagnostics: the code, the places, and the texts of error_messages.py."""

from __future__ import annotations

import unicodedata

from lark import Token, UnexpectedCharacters, UnexpectedToken

from ctcdsl.syntax.error_messages import STARTERS, ErrorContext, explain
from ctcdsl.syntax.foreign.hints import ARROW
from ctcdsl.syntax.lexing import CLOSING, MAX_DEPTH, OPENING
from ctcdsl.text import Diagnostic, Label, Source, Span

# Letters of other alphabets that look like Latin ones, and other signs for "times".
_LOOK_ALIKES = str.maketrans(
    "асеорхуіѕкмтАВЕКМНОРСТХορνκΑΒΕΗΙΚΜΝΟΡΤΧ", "aceopxyiskmtABEKMHOPCTXopvkABEHIKMNOPTX"
)
_TIMES_SIGNS = "·∙⋅✕✖⨯"
_CHARACTER_HINTS = {
    "\0": "the file does not look like text: is it a .ctc file?",
    ";": "a space or `+` separates layers, `,` arguments",
    ".": "layers are plain words, such as `relu`, and a fraction has digits, `0.5`",
    ":": "a stage's name is one word at the start of its line, and touches its `:`",
    "\\": "a `\\` continues a line at its very end, before another line",
    **dict.fromkeys("\"'`“”‘’„", "names are written without quotes"),
    **dict.fromkeys(_TIMES_SIGNS, "repetition is written `x`, `×` or `*`: `(3,256)x3`"),
    **dict.fromkeys("–—", "a minus is written `-`, a comment begins with `#`"),
    "!": "a comment begins with `#`",
    "^": "repetition is written `x`: `(3,256)x3`",
    "%": "a comment begins with `#`",
}


def unexpected_characters(source: Source, error: UnexpectedCharacters) -> Diagnostic:
    """Report a character that no token begins with."""
    at = error.pos_in_stream
    assert at is not None
    character = source.text[at]
    plain = unicodedata.normalize("NFKC", character).translate(_LOOK_ALIKES)
    hint = _CHARACTER_HINTS.get(character, "")
    if character in "<>" and not source.text[at + 1 : at + 2].isalnum():
        hint = ARROW
    if character == "\0":
        shown = "a NUL byte"
    elif not character.isprintable():
        shown = f"the control character U+{ord(character):04X}"
    elif character.isascii():
        shown = f"`{character}`"
    else:
        name = unicodedata.name(character, "no name")
        if "ARROW" in name or character in "»›▶►▸":
            hint = ARROW
        shown = f"`{character}` (U+{ord(character):04X}, {name.lower()})"
        if hint:
            pass
        elif plain != character and plain.isascii() and plain.isprintable():
            hint = f"write the plain `{plain}`"
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
        hint = f"add the missing `{OPENING[inner.type]}`"
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


def begins_line(source: Source, token: Token) -> bool:
    """Whether this token can only begin a line, and does."""
    if token.type not in STARTERS:
        return False
    start = token.start_pos or 0
    return not source.text[source.text.rfind("\n", 0, start) + 1 : start].strip()


def _error(code: str, message: str, *labels: Label, hint: str = "") -> Diagnostic:
    return Diagnostic(code, message, labels, hints=(hint,) if hint else ())


def _label(source: Source, token: Token, text: str = "") -> Label:
    # The end of the text, and the newline added there, are past its last character.
    start = min(token.start_pos or 0, len(source.text))
    if token.type == "$END":
        start = len(source.text)
    end = max(start + 1, min(start + len(token.rstrip()), len(source.text)))
    return Label(Span(source, start, end), text)
