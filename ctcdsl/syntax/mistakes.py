"""What to say about a syntax error: one sentence, the place, and what to do."""

from __future__ import annotations

import unicodedata

from lark import Token, UnexpectedCharacters, UnexpectedToken

from ctcdsl.syntax.lexing import CLOSING, MAX_DEPTH, OPENING
from ctcdsl.text import Diagnostic, Label, Source, Span

# What may stand in a place, as a message lists it: layers stand for all that begins one.
_NAMES = {
    "LPAR": "a layer",
    "WORD": "a word",
    "STYLE_NAME": "a style",
    "INT": "a number",
    "STRIDE": "`/s`",
    "TIMES": "`xN`",
    "_BAR": "`|`",
    "RBRACE": "`}`",
    "RSQB": "`]`",
    "END": "`end`",
    "EQUAL": "`=`",
    "_NEWLINE": "the end of the line",
}


def unexpected_characters(source: Source, error: UnexpectedCharacters) -> Diagnostic:
    """Report a character that no token begins with."""
    at = error.pos_in_stream
    assert at is not None
    character = source.text[at]
    hints: tuple[str, ...] = ()
    plain = unicodedata.normalize("NFKC", character)
    if character == "\0":
        shown = "a NUL byte"
        hints = ("the file does not look like text: is it a .ctc file?",)
    elif character.isascii():
        shown = f"`{character}`"
    else:
        name = unicodedata.name(character, "no name")
        shown = f"`{character}` (U+{ord(character):04X}, {name.lower()})"
        if plain != character and plain.isascii():
            hints = (f"write the plain `{plain}`",)
        elif character.isalpha() or character.isdigit():
            hints = ("words and numbers are written in ASCII letters and digits",)
    return Diagnostic(
        code="CTC001",
        message=f"{shown} has no meaning here",
        labels=(Label(Span(source, at, at + 1)),),
        hints=hints,
    )


def too_deep(source: Source, token: Token) -> Diagnostic:
    """Report brackets nested beyond `MAX_DEPTH`."""
    return Diagnostic(
        code="CTC004",
        message=f"brackets are nested more than {MAX_DEPTH} deep",
        labels=(_label(source, token),),
        hints=("a network of the field needs four or five; is a `}` or `]` missing?",),
    )


def unexpected_token(
    source: Source, error: UnexpectedToken, opened: tuple[Token, ...]
) -> Diagnostic:
    """Report a token that cannot stand where it does; `opened` are the open brackets."""
    token = error.token
    kind = token.type
    inner = opened[-1] if opened else None
    if inner is not None and kind in CLOSING and OPENING[inner.type] != token:
        return Diagnostic(
            code="CTC003",
            message=f"`{token}` where `{OPENING[inner.type]}` is expected",
            labels=(_label(source, token), _label(source, inner, "opened here")),
        )
    if inner is not None and kind == "$END":
        return Diagnostic(
            code="CTC003",
            message=f"`{inner[-1]}` is never closed",
            labels=(_label(source, inner),),
            hints=(f"add the missing `{OPENING[inner.type]}`",),
        )
    labels = [_label(source, token)]
    message, hint = _explain(token, in_brackets=inner is not None, expected=set(error.expected))
    if inner is not None and OPENING[inner.type] == ")":
        labels.append(_label(source, inner, "opened here"))
        if not message:
            message = f"expected {_argument_end(set(error.expected))}, found {_found(token)}"
            hint = "" if kind in CLOSING or kind == "_COMMA" else "is a `)` missing before it?"
    if not message:
        message = f"expected {_list(set(error.expected))}, found {_found(token)}"
    return Diagnostic(
        code="CTC002",
        message=message,
        labels=tuple(labels),
        hints=(hint,) if hint else (),
    )


def _explain(token: Token, *, in_brackets: bool, expected: set[str]) -> tuple[str, str]:
    """A message and a hint for the mistakes that have a name; empty for the rest."""
    text = f"`{token}`"
    match token.type:
        case "SLASH":
            return "a `/` must touch its number", "write `(7,64)/2`, `3/3`"
        case "STRIDE" if "LPAR" in expected:
            return f"{text} strides what stands before it, and nothing does", "write `(7,64)/2`"
        case "TIMES" if "LPAR" in expected:
            return f"{text} repeats what stands before it, and nothing does", "write `(3,256)x3`"
        case "PLUS" if not in_brackets or "LPAR" in expected:
            return "a `+` stands between two layers", "`(3,64)x3 + (3,128)`"
        case "MINUS" if not in_brackets:
            return "a `-` cannot stand between layers", "a space or `+` joins them"
        case "_COMMA" if not in_brackets:
            return "a `,` belongs inside parentheses", "a space or `+` joins layers"
        case "RPAR" | "RBRACE" | "RSQB" if not in_brackets:
            return f"{text} closes nothing", f"is a `{CLOSING[token.type]}` missing before it?"
        case "END":
            return "`end` closes a table, and none is open here", ""
        case "$END" if "END" in expected:
            return "the table is never closed", "add a line `end`"
        case "EQUAL":
            return "`=` belongs to `let` and `def`", "`let w = 96`, `def block(n) = …`"
        case "PRODUCT" if not in_brackets:
            return f"{text} cannot stand here", "put a space between a number and a word"
        case "LABEL":
            return f"{text} names a stage, and a stage begins its line", "put it on its own line"
    return "", ""


def _argument_end(expected: set[str]) -> str:
    return "an argument" if "WORD" in expected else "`,` or `)`"


def _found(token: Token) -> str:
    ends = {"_NEWLINE": "the end of the line", "$END": "the end of the file"}
    return ends.get(token.type, f"`{token}`")


def _list(expected: set[str]) -> str:
    if "LPAR" in expected:
        expected -= {"WORD", "INT"}
    names = [name for kind, name in _NAMES.items() if kind in expected]
    if len(names) < 2:
        return names[0] if names else "something else"
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _label(source: Source, token: Token, text: str = "") -> Label:
    # The end of the text, and the newline added behind it, lie past its last character.
    start = min(token.start_pos or 0, len(source.text))
    if token.type == "$END":
        start = len(source.text)
    end = max(start + 1, min(start + len(token.rstrip()), len(source.text)))
    return Label(Span(source, start, end), text)
