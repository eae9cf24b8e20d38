"""What an editor can fold: networks, tables, definitions and brackets over lines, comments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ctcdsl.highlighting.tokens import tokens
from ctcdsl.lsp.document import Document
from ctcdsl.syntax.nodes import Def, Header, Table
from ctcdsl.text import Source


class Fold(NamedTuple):
    """Lines, counted from 0, of which the first stays; `kind` is the protocol's."""

    first: int
    last: int
    kind: str = "region"


def folds(document: Document) -> list[Fold]:
    """The folds of a text, each range of lines once, from its beginning to its end."""
    source = document.source
    found = {
        (fold.first, fold.last): fold
        for part in (_comments(source), _brackets(source), _statements(document))
        for fold in part
        if fold.last > fold.first
    }
    return sorted(found.values())


def _statements(document: Document) -> Iterator[Fold]:
    """Networks up to the next one, tables, and definitions over several lines."""
    source, statements = document.source, document.tree.statements
    begin: int | None = None
    last = 0
    for statement in statements:
        first = source.position(statement.span.start)[0] - 1
        if isinstance(statement, Header) and statement.word == "net":
            if begin is not None:
                yield Fold(begin, last)
            begin = first
        last = source.position(max(statement.span.end - 1, statement.span.start))[0] - 1
        if isinstance(statement, Def | Table):
            yield Fold(first, last)
    if begin is not None:
        yield Fold(begin, last)


def _comments(source: Source) -> Iterator[Fold]:
    """Lines of comments that follow one another."""
    first: int | None = None
    for number, line in enumerate((*source.lines, "")):
        comment = line.lstrip().startswith("#")
        if comment and first is None:
            first = number
        elif not comment and first is not None:
            yield Fold(first, number - 1, "comment")
            first = None


def _brackets(source: Source) -> Iterator[Fold]:
    """Brackets over several lines; the line of the closing one stays."""
    opened: list[int] = []
    for role, start, _ in tokens(source.text):
        if role != "bracket":
            continue
        line = source.position(start)[0] - 1
        if source.text[start] in "([{":
            opened.append(line)
        elif opened:
            alone = not source.lines[line][: start - source.line_offset(line + 1)].strip()
            yield Fold(opened.pop(), line - alone)
