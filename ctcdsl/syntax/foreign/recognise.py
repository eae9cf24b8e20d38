"""Finds pieces of other notations where something is wrong: one error each, with its row."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ctcdsl.syntax.foreign.calls import call_at
from ctcdsl.syntax.foreign.hints import hint, is_foreign
from ctcdsl.syntax.foreign.notations import notation_at
from ctcdsl.syntax.foreign.rows import Context, context_at
from ctcdsl.syntax.words import KEYWORDS
from ctcdsl.text import Diagnostic, Label, Severity, Source, Span
from ctcdsl.text.fixes import fixes_of
from ctcdsl.text.sink import quoted

_REPLACED = frozenset(
    {"CTC001", "CTC002", "CTC003", "CTC101", "CTC102", "CTC103", "CTC104", "CTC107", "CTC112"}
)
"""What is said of a notation by those who do not know it."""

_COLUMNS = re.compile(
    r"[ \t|]*(?:(?:conv|pool|stage|block|layer|fire|res)\w*[ \t|]+)?"
    r"(?:\d+[ \t]*[x×][ \t]*\d+[ \t|]+)?",
    re.IGNORECASE,
)
"""A table's first columns: the name of a layer and the size of its map."""

_TOKEN = re.compile(r"#[^\n]*|[A-Za-z_]\w*['′]*(?:\([^()\n]*\))?|\([^()\n]*\)|\d+\w*|.", re.DOTALL)
"""What is passed over in one step where no piece begins."""


_LONGEST = 2_000
"""So much of a line is read: nobody writes longer ones."""


class Piece(NamedTuple):
    """Layers in another notation: whose, and what to do."""

    start: int
    end: int
    whose: str
    hint: str


def name_notations(source: Source, diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics, with one CTC117 for each piece of another notation on a wrong line."""
    pieces: list[Piece] = []
    for diagnostic in sorted(filter(_may_be_replaced, diagnostics), key=_start):
        if not pieces or pieces[-1].end <= _start(diagnostic):
            pieces += _pieces_around(diagnostic)
    if not pieces:
        return list(diagnostics)
    notes: tuple[str, ...] = ()
    kept = []
    starts = [piece.start for piece in pieces]
    for diagnostic in diagnostics:
        place = diagnostic.labels[0].span.start if diagnostic.labels else -1
        before = pieces[max(bisect_right(starts, place) - 1, 0)]
        known = _may_be_replaced(diagnostic) or diagnostic.code == "CTC117"
        if known and before.start <= place < before.end:
            notes += diagnostic.notes
        else:
            kept.append(diagnostic)
    named = [_diagnostic(source, piece) for piece in pieces]
    named[-1] = named[-1]._replace(notes=notes)
    return sorted([*kept, *named], key=lambda d: d.labels[0].span.start if d.labels else 0)


def end_of_notation(diagnostic: Diagnostic) -> int:
    """Where the pieces of other notations end on the line of an error that is in one; or 0."""
    pieces = _pieces_around(diagnostic) if _may_be_replaced(diagnostic) else ()
    return pieces[-1].end if pieces else 0


def _pieces_around(diagnostic: Diagnostic) -> tuple[Piece, ...]:
    """The pieces on the line of an error, if it is in one of them."""
    text, start = diagnostic.labels[0].span.source.text, _start(diagnostic)
    pieces = _pieces_of_line(text, text.rfind("\n", 0, start) + 1)
    return pieces if any(piece.start <= start < piece.end for piece in pieces) else ()


@lru_cache(maxsize=8)
def _pieces_of_line(text: str, start: int) -> tuple[Piece, ...]:
    """The pieces of a line; kept, since a line may have thousands of errors."""
    return tuple(_pieces(text, start))


def _may_be_replaced(diagnostic: Diagnostic) -> bool:
    return diagnostic.code in _REPLACED and diagnostic.severity is Severity.ERROR


def _start(diagnostic: Diagnostic) -> int:
    """Where an error begins: at the bracket that it is in, where one is open."""
    return min(label.span.start for label in diagnostic.labels)


def _diagnostic(source: Source, piece: Piece) -> Diagnostic:
    span = Span(source, piece.start, piece.end)
    hints = (piece.hint,) if piece.hint else ()
    return Diagnostic(
        code="CTC117" if piece.whose else "CTC101",
        message=f"{quoted(span)} is {piece.whose} notation"
        if piece.whose
        else f"unknown layer {quoted(span)}",
        labels=(Label(span),),
        hints=hints,
        fixes=fixes_of(hints, span),
    )


@lru_cache(maxsize=1)
def _defined(text: str) -> frozenset[str]:
    """The author's own names."""
    return frozenset(re.findall(r"\b(?:let|def)[ \t]+(\w+)", text))


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end


def _pieces(text: str, start: int) -> Iterator[Piece]:
    """The pieces of other notations from the start of a line to its end, or their own."""
    context = context_at(text, start)
    place, end = start, min(_line_end(text, start), start + _LONGEST)
    label = re.compile(r"[ \t]*[A-Za-z_]\w*:(?!\S)").match(text, start)
    if label is not None and not notation_at(text, start, context):
        start = place = label.end()
    columns = _COLUMNS.match(text, start)
    assert columns is not None
    if not notation_at(text, start, context) and notation_at(text, columns.end(), context):
        place = columns.end()
    while place < end:
        token = _TOKEN.match(text, place)
        assert token is not None
        piece = None
        if token[0].split("(")[0] not in _defined(text):
            piece = _piece_at(text, place, token[0], context)
        if piece is None:
            place = token.end()
            continue
        if place == columns.end():
            piece = piece._replace(start=end - len(text[start:end].lstrip()))
        yield piece
        place = piece.end
        if place > end:
            end = min(_line_end(text, place), place + _LONGEST)


def _piece_at(text: str, place: int, token: str, context: Context) -> Piece | None:
    """The longest piece that begins here: a notation, a call or a word."""
    pieces = []
    if found := notation_at(text, place, context):
        pieces.append(Piece(place, found[0], found[1], found[2].hint))
    if call := call_at(text, place, context):
        pieces.append(Piece(place, call.end, call.whose, call.meaning.hint))
    if is_foreign(token) and token not in KEYWORDS:
        pieces.append(Piece(place, place + len(token), "", hint(token, ())))
    return max(pieces, key=lambda piece: piece.end, default=None)
