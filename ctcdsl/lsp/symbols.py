"""Places in a text: the words of a line, the syntax nodes around an offset, the outline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ctcdsl.highlighting.patterns import NAME
from ctcdsl.syntax.nodes import Def, File, Header, Let, Line, Name, Table
from ctcdsl.text import Source, Span

# Comments and sizes contain no words; digits may precede a name (`2n`), and the `x` of
# `x4` is a word by itself.
_WORD = re.compile(
    r"#[^\n]*|[0-9]+(?:[x×][0-9]+)+"
    r"|(?<![A-Za-z0-9_])(?:(?P<style>(?:conv|bn|ln)(?:-[a-z0-9]+)+)"
    rf"|[0-9]*(?:(?P<times>x)(?=[ \t]*[0-9]|\()|(?P<name>{NAME})))"
)


class Word(NamedTuple):
    """A word and its span."""

    text: str
    span: Span


def words_in(source: Source, start: int, end: int) -> Iterator[Word]:
    """The words between two offsets."""
    for match in _WORD.finditer(source.text, start, end):
        if match.lastgroup is not None:
            yield Word(match[match.lastgroup], Span(source, *match.span(match.lastgroup)))


def word_at(source: Source, offset: int) -> Word | None:
    """The word at an offset, or the one that ends there."""
    line = source.position(min(offset, len(source.text)))[0]
    start = source.line_offset(line)
    end = start + len(source.lines[line - 1])
    touching = [w for w in words_in(source, start, end) if w.span.start <= offset <= w.span.end]
    return touching[-1] if touching else None


def path_to(tree: File, offset: int) -> list[Any]:
    """The nodes that contain an offset, the outermost first, or the character before it.

    The deeper path wins: after a layer the layer is meant, not the line.
    """
    return max((_path(tree, offset), _path(tree, offset - 1)), key=len)


def _path(tree: File, offset: int) -> list[Any]:
    path: list[Any] = []
    children = _children(tree)
    while True:
        node = next((x for x in children if x.span.start <= offset < x.span.end), None)
        if node is None:
            return path
        path.append(node)
        children = _children(node)


def _children(node: Any) -> Iterator[Any]:
    """The syntax nodes directly inside a node."""
    for part in node:
        if isinstance(part, Span) or not isinstance(part, tuple):
            continue
        if hasattr(part, "span"):
            yield part
        elif not hasattr(part, "_fields"):
            yield from (child for child in part if hasattr(child, "span"))


class Symbol(NamedTuple):
    """An entry of a text's outline."""

    name: str
    kind: str
    span: Span
    name_span: Span


def symbols(tree: File) -> list[Symbol]:
    """Networks, definitions and named stages, in the order of the text."""
    outline: list[Symbol] = []
    for statement in tree.statements:
        span = statement.span
        match statement:
            case Header(word="net", values=(Name(text, name_span),)):
                outline.append(Symbol(text, "network", span, name_span))
            case Let(name):
                outline.append(Symbol(name.text, "let", span, name.span))
            case Def(name):
                outline.append(Symbol(name.text, "def", span, name.span))
            case Line(str(label)):
                name_span = Span(span.source, span.start, span.start + len(label))
                outline.append(Symbol(label, "stage", span, name_span))
            case Table(rows):
                for row in [row for row in rows if not row.cells[0].is_separator][1:]:
                    cell = row.cells[0]
                    if cell.items:
                        outline.append(Symbol(cell.span.text, "network", row.span, cell.span))
    return outline
