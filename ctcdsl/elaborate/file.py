"""A file's statements to its networks: headers, stages, heads, tables."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ctcdsl.elaborate.definitions import (
    DefinitionReader,
    Definitions,
    report_exponents,
    report_unused,
)
from ctcdsl.elaborate.headers import HeaderReader, Headers
from ctcdsl.elaborate.layers import LayerElaborator
from ctcdsl.elaborate.stages import StageReader
from ctcdsl.ir import (
    Architecture,
    Dropout,
    Head,
    Identity,
    Linear,
    PadRule,
    ParsedSpec,
    SpatialPyramid,
    Style,
    contains_conv,
)
from ctcdsl.syntax.nodes import Def, File, Header, Let, Line, Table
from ctcdsl.syntax.words import words
from ctcdsl.text import Hint, Label, Origin, Severity, Span
from ctcdsl.text.sink import Diagnostics, quoted

PAPER_HEAD = "spp(6,3,2,1) fc(4096) drop(0.5) fc(4096) drop(0.5) fc"
"""The head of every network of the paper (Sections 3.1 and 5)."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*['′]*([+−-]([A-Za-z_][A-Za-z0-9_]*['′]*|[0-9]+))*")

NO_VALUES: Mapping[str, float] = MappingProxyType({})


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


def read_networks(
    tree: File, diagnostics: Diagnostics, values: Mapping[str, float] = NO_VALUES
) -> list[Architecture]:
    """Resolve the networks of a file; those with errors are reported and left out.

    Args:
        tree: The file's syntax.
        diagnostics: Takes the errors.
        values: Replace those of the `let`s of these names.
    """
    return _FileElaborator(tree, diagnostics, values).networks()


class _FileElaborator:
    def __init__(self, tree: File, diagnostics: Diagnostics, values: Mapping[str, float]) -> None:
        self._tree = tree
        self._diagnostics = diagnostics
        self._values = values
        self._headers = HeaderReader(diagnostics)
        self._definitions = DefinitionReader(diagnostics, values)
        self._stages = StageReader(diagnostics)
        self._networks: list[Architecture] = []
        self._names: dict[str, Span] = {}

    def networks(self) -> list[Architecture]:
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
                case Header() | Let() | Def():
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
        elif not self._networks and not self._diagnostics.num_errors:
            self._diagnostics.error(
                "CTC006",
                "no layers in spec",
                self._tree.span,
                hint="a row such as `(7,64)/2 3/3 (5,128)`",
            )
        if any(isinstance(statement, Let | Def) for statement in self._tree.statements):
            report_unused(self._tree.statements, self._diagnostics)
            report_exponents(self._tree.statements, self._diagnostics)
        return self._networks

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

    # --------------------------------------------------------------- networks

    def _finish(self, pending: _PendingNetwork) -> None:
        """Turn a pending network into an architecture, unless it has errors."""
        headers = pending.headers
        num_errors = self._diagnostics.num_errors
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
        values = {**self._definitions.values(pending.definitions), "classes": headers.classes}
        style = headers.style
        if headers.constants:
            style = style.with_constants(self._headers.constants(headers, values))
        items = LayerElaborator(self._diagnostics, style, pending.definitions, values)
        stages, head = self._stages.read(pending.lines, items, headers.input.channels)
        if self._diagnostics.num_errors > num_errors or pending.failed:
            return
        if not any(contains_conv(node) for stage in stages for node in stage.elements):
            self._diagnostics.error(
                "CTC303",
                f"network `{name}` has no convolution before its head",
                pending.lines[0].span,
                hint="a row such as `(7,64)/2 3/3 (5,128)`; `x0` leaves no layer",
            )
            return
        self._warn(headers, name, len(stages), head)
        elements = [element for stage in stages for element in stage.elements]
        elements += head.layers if head is not None else ()
        # Without a `style` the paper's padding is the default.
        pad = headers.pad or (PadRule.SAME if headers.styled else PadRule.PAPER)
        self._networks.append(
            Architecture(
                name=name,
                input=headers.input,
                classes=headers.classes,
                style=style,
                pad=pad,
                pad_implied_by=None if headers.pad else headers.styled,
                maps=headers.maps,
                stages=stages,
                head=head if head is not None else self._paper_head(name, span, style),
                origin=pending.lines[0].span.merge(pending.lines[-1].span),
                spec=ParsedSpec(self._tree, name, dict(self._values), tuple(elements)),
            )
        )

    def _warn(self, headers: Headers, name: str, stages: int, head: Head | None) -> None:
        """Warn of `maps` without a stage to apply to, and of scores after an activation."""
        if headers.maps and stages < 2:
            self._diagnostics.add(
                Severity.WARNING,
                "CTC923",
                f"`maps` is for stages 2, 3, …, and `{name}` has one stage: it has no effect",
                headers.maps_span or self._tree.span,
                hint=Hint(
                    "remove it; a stage begins at a pool between layers, or on a line of its own",
                    "",
                ),
            )
        last = None
        for layer in head.layers if head is not None else ():
            if isinstance(layer, Linear):
                last = layer
            elif not isinstance(layer, Dropout | Identity):
                last = None
        if last is None or last.features is None or last.activation is None:
            return
        if last.activation.word not in last.origin.text:  # not written on purpose
            self._diagnostics.add(
                Severity.WARNING,
                "CTC921",
                f"{quoted(last.origin)} is the last layer, and {last.activation} acts on its"
                " outputs, the scores of the classes",
                last.origin,
                hint=Hint(
                    f"`fc` is the classifier; `fc({last.features},linear)` has no activation,"
                    f" `fc({last.features},{last.activation})` keeps it",
                    "fc",
                    f"fc({last.features},linear)",
                    f"fc({last.features},{last.activation})",
                ),
            )

    def _paper_head(self, name: str, span: Span, style: Style) -> Head:
        self._diagnostics.add(
            Severity.NOTE,
            "CTC901",
            f"`{name}` names no head and takes the paper's: {PAPER_HEAD}",
            span,
            hint="`head: none` leaves the network without one",
        )
        origin = Origin(span)
        half = Dropout(probability=0.5, origin=origin)
        hidden = Linear(features=4096, activation=style.activation, origin=origin)
        return Head(
            layers=(
                SpatialPyramid(levels=(6, 3, 2, 1), origin=origin),
                hidden,
                half,
                hidden,
                half,
                Linear(features=None, origin=origin),
            ),
            implied=True,
        )


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
