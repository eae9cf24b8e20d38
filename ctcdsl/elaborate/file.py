"""A file's statements to its networks: headers, stages, heads, tables."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from ctcdsl.elaborate.choices import Chooser, report_space
from ctcdsl.elaborate.definitions import (
    DefinitionReader,
    Definitions,
    report_exponents,
    report_unused,
)
from ctcdsl.elaborate.headers import HeaderReader, Headers
from ctcdsl.elaborate.layers import LayerElaborator
from ctcdsl.elaborate.recompute import read_parts
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
from ctcdsl.syntax.nodes import Choice, Def, File, Header, Let, Line, Size, Table, Where
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


def read_networks(
    tree: File,
    diagnostics: Diagnostics,
    values: Mapping[str, float] = NO_VALUES,
    *,
    any_input: bool = False,
) -> list[Architecture]:
    """Resolve the networks of a file; those with errors are reported and left out.

    Args:
        tree: The file's syntax.
        diagnostics: Takes the errors.
        values: Replace those of the `let`s of these names.
        any_input: Whether another input replaces the file's, so that a choice of some is none.
    """
    networks: list[Architecture | None] = []
    elaborator = _FileElaborator(tree, diagnostics, values)
    elaborator.read(lambda draft: networks.append(elaborator.network(draft, any_input)))
    return [network for network in networks if network is not None]


def read_drafts(tree: File, diagnostics: Diagnostics) -> list[Draft]:
    """The networks of a file, or the spaces of networks, before their layers are read."""
    drafts: list[Draft] = []
    _FileElaborator(tree, diagnostics, NO_VALUES).read(drafts.append)
    return drafts


def read_design(
    draft: Draft,
    defs: Mapping[str, Def],
    values: Mapping[str, float | None],
    chooser: Chooser,
    diagnostics: Diagnostics,
) -> Architecture | None:
    """One network of a space: that for which the values and `chooser` make the choices.

    Args:
        draft: The space.
        defs: Its `def`s, and the `let`s that name one.
        values: Those of its `let`s, and its `classes`.
        chooser: Makes the choices in place, in the order of the layers.
        diagnostics: Takes the errors.
    """
    elaborator = _FileElaborator(draft.tree, diagnostics, NO_VALUES)
    return elaborator.build(draft, defs, values, chooser, num_errors=diagnostics.num_errors)


def style_of(draft: Draft, values: Mapping[str, float | None], diagnostics: Diagnostics) -> Style:
    """The style of a network, with the constants of its headers."""
    style = draft.headers.style
    if draft.headers.constants:
        constants = HeaderReader(diagnostics).constants(draft.headers, values)
        style = style.with_constants(constants)
    return style


def pad_of(headers: Headers) -> PadRule:
    """The padding rule: without a `style` the paper's is the default."""
    return headers.pad or (PadRule.SAME if headers.styled else PadRule.PAPER)


def paper_head(name: str, span: Span, style: Style, diagnostics: Diagnostics) -> Head:
    """The head of a network that names none, with a note that says so."""
    diagnostics.add(
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


class _FileElaborator:
    def __init__(self, tree: File, diagnostics: Diagnostics, values: Mapping[str, float]) -> None:
        self._tree = tree
        self._diagnostics = diagnostics
        self._values = values
        self._headers = HeaderReader(diagnostics)
        self._definitions = DefinitionReader(diagnostics, values)
        self._stages = StageReader(diagnostics)
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

    # --------------------------------------------------------------- networks

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

    def network(self, draft: Draft, any_input: bool) -> Architecture | None:
        """The network of a draft that has no choices; None, reported, where it has errors."""
        headers, num_errors = draft.headers, self._diagnostics.num_errors
        if len(headers.inputs) > 1 and not any_input:
            sizes = tuple(Size((s.channels, *s[1:]), headers.seen["input"]) for s in headers.inputs)
            report_space(Choice(sizes, headers.seen["input"]), self._diagnostics)
        values = {**self._definitions.values(draft.definitions), "classes": headers.classes}
        network = self.build(draft, draft.definitions.blocks, values, num_errors=num_errors)
        if draft.definitions.wheres and self._diagnostics.num_errors == num_errors:
            from ctcdsl.elaborate.conditions import require_conditions  # spaces alone have some

            require_conditions(draft.definitions.wheres, values, self._diagnostics)
        ok = not draft.failed and self._diagnostics.num_errors == num_errors
        return network if ok else None

    def build(
        self,
        draft: Draft,
        defs: Mapping[str, Def],
        values: Mapping[str, float | None],
        chooser: Chooser | None = None,
        *,
        num_errors: int,
    ) -> Architecture | None:
        """The network of a draft with the values of its `let`s.

        None where there are more than `num_errors` errors.
        """
        headers, name, lines = draft.headers, draft.name, draft.lines
        span = headers.seen.get("net") or lines[0].span
        style = style_of(draft, values, self._diagnostics)
        items = LayerElaborator(self._diagnostics, style, defs, values, chooser)
        stages, head = self._stages.read(lines, items, headers.input.channels)
        if self._diagnostics.num_errors > num_errors:
            return None
        if not any(contains_conv(node) for stage in stages for node in stage.elements):
            self._diagnostics.error(
                "CTC303",
                f"network `{name}` has no convolution before its head",
                lines[0].span,
                hint="a row such as `(7,64)/2 3/3 (5,128)`; `x0` leaves no layer",
            )
            return None
        self._warn(headers, name, len(stages), head)
        elements = [element for stage in stages for element in stage.elements]
        elements += head.layers if head is not None else ()
        head = head or paper_head(name, span, style, self._diagnostics)
        return Architecture(
            name=name,
            input=headers.input,
            classes=headers.classes,
            style=style,
            pad=pad_of(headers),
            pad_implied_by=None if headers.pad else headers.styled,
            maps=headers.maps,
            stages=stages,
            head=head,
            recompute=read_parts(headers.recompute, stages, head, self._diagnostics),
            origin=lines[0].span.merge(lines[-1].span),
            spec=ParsedSpec(self._tree, name, dict(self._values), tuple(elements), defs, values),
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
