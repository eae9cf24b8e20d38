"""Give comments and blank lines to the statements that they stand by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from lark import Token

from ctcdsl.syntax.nodes import NO_TRIVIA, Comments, Def, File, Header, Let, Line, Row, Table
from ctcdsl.text import Source

_Node = TypeVar("_Node", Header | Let | Def | Line, Row)


def attach(tree: File, comments: list[Token]) -> File:
    """Return `tree` with each comment above, or behind, its statement.

    A comment inside a statement of several lines moves above it.
    """
    source = tree.span.source
    if not comments and "\n\n" not in source.text:
        return tree
    trivia = _Trivia(source, comments)
    statements = tuple(
        _table(statement, trivia) if isinstance(statement, Table) else trivia.around(statement)
        for statement in tree.statements
    )
    return File(statements, trivia.rest(), tree.span)


def _table(table: Table, trivia: _Trivia) -> Table:
    head = trivia.take(table.span.start, table.span.start + len("table"))
    rows = tuple(trivia.around(row) for row in table.rows)
    end = trivia.take(table.span.end - len("end"), table.span.end)
    return table._replace(rows=rows, trivia=head, end=end)


class _Trivia:
    """Comments and blank lines of one text, handed out from top to bottom."""

    def __init__(self, source: Source, comments: Iterable[Token]) -> None:
        self._source = source
        self._comments = {
            source.position(token.start_pos or 0)[0]: str(token).rstrip() for token in comments
        }
        self._next_line = 1
        self._first = True

    def around(self, node: _Node) -> _Node:
        trivia = self.take(node.span.start, node.span.end)
        return node if trivia == NO_TRIVIA else node._replace(trivia=trivia)

    def take(self, start: int, end: int) -> Comments:
        """The trivia of a statement that stands from offset `start` to `end`."""
        first = self._source.position(start)[0]
        last = self._source.position(max(start, end - 1))[0]
        above = self._above(first)
        above += tuple(self._comments[k] for k in range(first, last) if k in self._comments)
        self._next_line = max(self._next_line, last + 1)
        return Comments(above=above, behind=self._comments.pop(last, ""))

    def rest(self) -> tuple[str, ...]:
        above = self._above(len(self._source.lines) + 1)
        while above and not above[-1]:
            above = above[:-1]
        return above

    def _above(self, line: int) -> tuple[str, ...]:
        """Comment lines and single blank lines from the last statement up to `line`."""
        above: list[str] = []
        for number in range(self._next_line, line):
            if number in self._comments:
                above.append(self._comments[number])
            elif not self._first and (not above or above[-1]):
                # Several blank lines become one; the file starts with none.
                above.append("")
            self._first = self._first and not above
        self._first = False
        return tuple(above)
