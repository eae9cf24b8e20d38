"""Give comments and blank lines to the statements they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from lark import Token

from ctcdsl.syntax.nodes import (
    NO_COMMENTS,
    Comments,
    Def,
    File,
    Header,
    Let,
    Line,
    Row,
    Table,
    Where,
)
from ctcdsl.text import Source

_Node = TypeVar("_Node", Header | Let | Where | Def | Line, Row)


def attach(tree: File, tokens: list[Token]) -> File:
    """Return `tree` with each comment above its statement, or at the end of its line.

    A comment inside a statement of several lines moves above it.
    """
    source = tree.span.source
    if not tokens and "\n\n" not in source.text:
        return tree
    comments = _CommentReader(source, tokens)
    statements = tuple(
        _table(statement, comments) if isinstance(statement, Table) else comments.attach(statement)
        for statement in tree.statements
    )
    return File(statements, comments.rest(), tree.span)


def _table(table: Table, comments: _CommentReader) -> Table:
    head = comments.take(table.span.start, table.span.start + len("table"))
    rows = tuple(comments.attach(row) for row in table.rows)
    end = comments.take(table.span.end - len("end"), table.span.end)
    return table._replace(rows=rows, comments=head, end_comments=end)


class _CommentReader:
    """Comments and blank lines of one text, taken from top to bottom."""

    def __init__(self, source: Source, tokens: Iterable[Token]) -> None:
        self._source = source
        self._comments = {
            source.position(token.start_pos or 0)[0]: str(token).rstrip() for token in tokens
        }
        self._next_line = 1
        self._first = True

    def attach(self, node: _Node) -> _Node:
        comments = self.take(node.span.start, node.span.end)
        return node if comments == NO_COMMENTS else node._replace(comments=comments)

    def take(self, start: int, end: int) -> Comments:
        """The comments of the statement from offset `start` to `end`."""
        first = self._source.position(start)[0]
        last = self._source.position(max(start, end - 1))[0]
        leading = self._leading(first)
        leading += tuple(self._comments[k] for k in range(first, last) if k in self._comments)
        self._next_line = max(self._next_line, last + 1)
        return Comments(leading, self._comments.pop(last, ""))

    def rest(self) -> tuple[str, ...]:
        """The comments after the last statement."""
        leading = self._leading(len(self._source.lines) + 1)
        while leading and not leading[-1]:
            leading = leading[:-1]
        return leading

    def _leading(self, line: int) -> tuple[str, ...]:
        """Comment lines and single blank lines from the last statement up to `line`."""
        leading: list[str] = []
        for number in range(self._next_line, line):
            if number in self._comments:
                leading.append(self._comments[number])
            elif not self._first and (not leading or leading[-1]):
                # Several blank lines become one; the file starts with none.
                leading.append("")
            self._first = self._first and not leading
        self._first = False
        return tuple(leading)
