"""Which call of a `def` a layer came from.

A layer's `origin` is its text, and in the body of a `def` that text is the same for all
calls. To tell them apart, every call gets a copy of the `def` of its own: the same text, in
a `Source` that knows the calls that led to it.
"""

from __future__ import annotations

from typing import Any

from ctcdsl.syntax.lexing import MAX_DEPTH
from ctcdsl.syntax.nodes import (
    Call,
    Def,
    File,
    Group,
    Header,
    Item,
    Line,
    Name,
    Primary,
    Statement,
    Table,
)
from ctcdsl.text import Source, Span

MAX_COPIES = 2_000
"""Further calls get no copy: the layers in them know no call."""


class CalledSource(Source):
    """A text as read through calls, the outermost first."""

    def __init__(self, source: Source, calls: tuple[Span, ...]) -> None:
        super().__init__(source.name, source.text)
        self.calls = calls


def calls_of(origin: Span) -> tuple[Span, ...]:
    """The calls that led to a layer, the outermost first."""
    return origin.source.calls if isinstance(origin.source, CalledSource) else ()


def with_calls(tree: File) -> File:
    """Return a file that means the same, in which each call has its own copy of the `def`."""
    return _Copies(tree).file()


class _Copies:
    def __init__(self, tree: File) -> None:
        self._tree = tree
        self._source = tree.span.source
        self._defs: dict[str, Def] = {}
        self._made: list[Def] = []
        self._count = 0

    def file(self) -> File:
        statements: list[Statement] = []
        layers: int | None = None  # where the network's layers begin
        above: dict[str, Def] | None = None  # those above the first `net`
        for statement in self._tree.statements:
            match statement:
                case Header(word="net"):
                    above = self._defs if above is None else above
                    self._defs = dict(above)
                    layers = None
                case Def(name):
                    self._defs.setdefault(name.text, statement)
            if not isinstance(statement, Line | Table):
                statements.append(statement)
                continue
            layers = len(statements) if layers is None else layers
            statements.append(self._statement(statement))
            # Definitions precede the layers of their network.
            statements[layers:layers] = self._made
            layers += len(self._made)
            self._made = []
        return self._tree._replace(statements=tuple(statements))

    def _statement(self, statement: Line | Table) -> Line | Table:
        if isinstance(statement, Line):
            return statement._replace(items=self._items(statement.items, ()))
        rows = tuple(
            row._replace(
                cells=(
                    *row.cells[:1],
                    *(c._replace(items=self._items(c.items, ())) for c in row.cells[1:]),
                )
            )
            for row in statement.rows
        )
        return statement._replace(rows=rows)

    def _items(
        self, items: tuple[Item, ...], calls: tuple[Span, ...], path: tuple[str, ...] = ()
    ) -> tuple[Item, ...]:
        return tuple(
            item._replace(primary=self._primary(item.primary, calls, path)) for item in items
        )

    def _primary(self, primary: Primary, calls: tuple[Span, ...], path: tuple[str, ...]) -> Primary:
        match primary:
            case Group():
                branches = tuple(
                    branch._replace(items=self._items(branch.items, calls, path))
                    for branch in primary.branches
                )
                return primary._replace(branches=branches)
            case Name(name) if name in self._defs:
                return primary._replace(text=self._copy(name, primary.span, calls, path))
            case Call(name) if name in self._defs:
                return primary._replace(word=self._copy(name, primary.span, calls, path))
            case _:
                return primary

    def _copy(self, name: str, call: Span, calls: tuple[Span, ...], path: tuple[str, ...]) -> str:
        """Make a copy of a `def` for a call; return the copy's name."""
        if name in path or len(path) >= MAX_DEPTH or self._count >= MAX_COPIES:
            return name
        self._count += 1
        # An author's names are ASCII: this one is free.
        copied = f"{name}·{self._count}"
        calls = (*calls, call)
        definition = self._defs[name]
        items = self._items(definition.items, calls, (*path, name))
        moved: tuple[Item, ...] = _moved(items, CalledSource(self._source, calls))
        self._made.append(
            definition._replace(name=definition.name._replace(text=copied), items=moved)
        )
        return copied


def _moved(node: Any, source: Source) -> Any:
    """A node, or a tuple of nodes, with all its spans in another source."""
    if isinstance(node, Span):
        return node._replace(source=source)
    if not isinstance(node, tuple):
        return node
    parts = [_moved(part, source) for part in node]
    return type(node)(*parts) if hasattr(node, "_fields") else tuple(parts)
