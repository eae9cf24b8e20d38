"""A file's statements to drafts of its networks: what is above them, and their lines; tables."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ctcdsl.elaborate.definitions import (
    DefinitionReader,
    Definitions,
    report_exponents,
    report_unused,
)
from ctcdsl.elaborate.headers import HeaderReader, Headers
from ctcdsl.syntax.nodes import Def, File, Header, Let, Line, Table, Where
from ctcdsl.syntax.words import words
from ctcdsl.text import Label, Span
from ctcdsl.text.sink import Diagnostics, quoted

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*['′]*([+−-]([A-Za-z_][A-Za-z0-9_]*['′]*|[0-9]+))*")


@dataclass(slots=True)
class _PendingNetwork:
    """A network while its lines are read; `failed` where there is an error above them."""

    headers: Headers
    definitions: Definitions
    lines: list[Line] = field(default_factory=list)
    failed: bool = False

    def fork(self) -> _PendingNetwork:
        """Another network of the file, with the same headers and definitions."""
        return _PendingNetwork(self.headers.copy(), self.definitions.copy(), failed=self.failed)


class Draft(NamedTuple):
    """A network before its layers are read: what is above them, and their lines.

    It has `failed` where there is an error above them.
    """

    name: str
    headers: Headers
    definitions: Definitions
    lines: tuple[Line, ...]
    tree: File
    failed: bool


def read_drafts(tree: File, diagnostics: Diagnostics) -> list[Draft]:
    """The networks of a file, or the spaces of networks, before their layers are read."""
    drafts: list[Draft] = []
    DraftReader(tree, diagnostics).read(drafts.append)
    return drafts


class DraftReader:
    """Reads the statements of one file."""

    def __init__(self, tree: File, diagnostics: Diagnostics) -> None:
        self._tree = tree
        self._diagnostics = diagnostics
        self._headers = HeaderReader(diagnostics)
        self._definitions = DefinitionReader(diagnostics)
        self._take: Callable[[Draft], None] = lambda draft: None
        self._names: dict[str, Span] = {}

    def read(self, take: Callable[[Draft], None]) -> None:
        """Read the file's statements; `take` is given each network with layers."""
        self._take = take
        # What is above the first `net` applies to every network.
        shared = pending = _PendingNetwork(Headers(), Definitions())
        for statement in self._tree.statements:
            match statement:
                case Header(word="net"):
                    if pending is not shared or pending.lines:
                        self._finish(pending)
                    pending = shared.fork()
                    self._headers.read(statement, pending.headers)
                case Header(word) if pending.lines:
                    self._after_layers("a header", word, statement.span)
                case Let(name) | Def(name) if pending.lines:
                    self._after_layers("a definition", name.text, name.span)
                    self._definitions.add(statement, pending.definitions)
                case Where(span=span) if pending.lines:
                    self._after_layers("a condition", "where", span)
                case Header() | Let() | Def() | Where():
                    num_errors = self._diagnostics.num_errors
                    if isinstance(statement, Header):
                        self._headers.read(statement, pending.headers)
                    else:
                        self._definitions.add(statement, pending.definitions)
                    pending.failed = pending.failed or self._diagnostics.num_errors > num_errors
                case Line():
                    pending.lines.append(statement)
                case Table():
                    if pending.headers.name is not None or pending.lines:
                        self._diagnostics.error(
                            "CTC306",
                            "a table names its networks itself and is alone in its file",
                            Span(
                                statement.span.source,
                                statement.span.start,
                                statement.span.start + 5,
                            ),
                            hint="remove the `net` line or the layers above it",
                        )
                        pending = shared.fork()
                    else:
                        self._table(statement, pending)
        if pending.lines or pending.headers.name is not None:
            self._finish(pending)
        elif not self._names and not self._diagnostics.num_errors:
            self._diagnostics.error(
                "CTC006",
                "no layers in spec",
                self._tree.span,
                hint="a row such as `(7,64)/2 3/3 (5,128)`",
            )
        if any(isinstance(statement, (Let, Def)) for statement in self._tree.statements):
            report_unused(self._tree.statements, self._diagnostics)
            report_exponents(self._tree.statements, self._diagnostics)

    def _after_layers(self, noun: str, name: str, span: Span) -> None:
        hint = f"put `{name}` above the layers"
        self._diagnostics.error("CTC305", f"{noun} belongs above the layers", span, hint=hint)

    # ----------------------------------------------------------------- tables

    def _table(self, table: Table, pending: _PendingNetwork) -> None:
        rows = [row for row in table.rows if not row.cells[0].is_separator]
        if len(rows) < 2:
            self._diagnostics.error(
                "CTC304",
                "a table is a row of titles and a row for each network",
                table.span,
                hint="the first row names the columns: `model | stage 1 | pool | stage 2`",
            )
            return
        titles = rows[0]
        for row in rows[1:]:
            if len(row.cells) > len(titles.cells):
                self._diagnostics.error(
                    "CTC304",
                    f"the row has {len(row.cells)} cells where the titles name {len(titles.cells)}",
                    row.span,
                    also=(Label(titles.span, "the titles"),),
                )
                continue
            name = row.cells[0]
            if not name.items:
                self._diagnostics.error("CTC304", "the row names no network", row.span)
                continue
            items = tuple(item for cell in row.cells[1:] for item in cell.items)
            if not items:
                self._diagnostics.error(
                    "CTC006",
                    "no layers in this row",
                    row.span,
                    hint="its first cell is the network's name",
                )
                continue
            row_network = pending.fork()
            row_network.headers.name = re.sub(r"\s*\+\s*", "+", name.span.text)
            if not is_network_name(row_network.headers.name):
                self._diagnostics.error(
                    "CTC304",
                    f"{quoted(name.span)} is not a name for a network",
                    name.span,
                    hint="the first cell of a row is a name, such as `A`, `B'` or `VGG16`",
                )
                continue
            row_network.headers.seen = {**pending.headers.seen, "net": name.span}
            row_network.lines.append(Line(None, items, items[0].span.merge(items[-1].span)))
            self._finish(row_network)

    # ----------------------------------------------------------------- drafts

    def _finish(self, pending: _PendingNetwork) -> None:
        """Make a draft of a pending network, unless it has no layers."""
        headers, num_errors = pending.headers, self._diagnostics.num_errors
        span = headers.seen.get("net") or pending.lines[0].span
        name = headers.name or _file_stem(self._tree.span.source.name)
        if name in self._names:
            first = Label(self._names[name], "first named here")
            self._diagnostics.error(
                "CTC105", f"two networks are named `{name}`", span, also=(first,)
            )
        self._names.setdefault(name, span)
        if not pending.lines:
            self._diagnostics.error("CTC006", f"no layers in network `{name}`", span)
            return
        lines = tuple(pending.lines)
        failed = pending.failed or self._diagnostics.num_errors > num_errors
        self._take(Draft(name, headers, pending.definitions, lines, self._tree, failed))


def is_network_name(text: str) -> bool:
    """Whether `net` takes a word as a network's name."""
    reserved = text in words("header") or re.match("x[0-9]", text)
    return bool(_NAME.fullmatch(text)) and not reserved


def _file_stem(path: str) -> str:
    """What a network without a name is called: its file's name as a name, or `stdin`."""
    stem = os.path.splitext(os.path.basename(path))[0].strip("<>")
    if is_network_name(stem):
        return stem
    stem = re.sub(r"[^A-Za-z0-9_]+", "_", stem).strip("_") or "network"
    return stem if is_network_name(stem) else f"net_{stem}"
