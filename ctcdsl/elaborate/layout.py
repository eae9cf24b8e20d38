"""Which text a network came from: its headers, and the elements that each item gives."""

from __future__ import annotations

from typing import NamedTuple

from ctcdsl.elaborate.definitions import DefinitionReader, Definitions
from ctcdsl.elaborate.headers import HeaderReader, Headers
from ctcdsl.elaborate.layers import LayerElaborator
from ctcdsl.ir import Element
from ctcdsl.syntax.nodes import Def, File, Header, Item, Let, Line, Name, Table
from ctcdsl.text.sink import Diagnostics


class LaidLine(NamedTuple):
    """A line of the spec, and the elements that each of its items gives."""

    line: Line
    items: tuple[tuple[Item, tuple[Element, ...]], ...]


class Layout(NamedTuple):
    """The statements of one network: `above` its layers, its lines, comments `below`."""

    above: tuple[Header | Let | Def, ...]
    lines: tuple[LaidLine, ...]
    below: tuple[str, ...]


def lay_out(tree: File, name: str) -> Layout:
    """Return the layout of a network of a file that checks without errors.

    Args:
        tree: The file's syntax.
        name: The network's; a file that names none has one.
    """
    above, lines, below = _statements(tree, name)
    diagnostics = Diagnostics()  # stays empty: the file has been checked
    headers, definitions = Headers(), Definitions()
    header_reader = HeaderReader(diagnostics)
    definition_reader = DefinitionReader(diagnostics, {})
    for statement in above:
        if isinstance(statement, Header):
            headers.seen.clear()  # a network's own header overrides the file's
            header_reader.read(statement, headers)
        else:
            definition_reader.add(statement, definitions)
    known = {**definition_reader.values(definitions), "classes": headers.classes}
    reader = LayerElaborator(diagnostics, headers.style, definitions, known)
    channels: int | None = headers.input.channels
    laid: list[LaidLine] = []
    for line in lines:
        items: list[tuple[Item, tuple[Element, ...]]] = []
        for item in line.items:
            is_none = isinstance(item.primary, Name) and item.primary.text == "none"
            elements, channels = ([], channels) if is_none else reader.elements((item,), channels)
            items.append((item, tuple(elements)))
        laid.append(LaidLine(line, tuple(items)))
    return Layout(above, tuple(laid), below)


Above = tuple[Header | Let | Def, ...]


def _statements(tree: File, name: str) -> tuple[Above, list[Line], tuple[str, ...]]:
    """What is above the network's layers, its lines, and the comments at the file's end."""
    shared: list[Header | Let | Def] = []
    current = shared
    lines: list[Line] = []
    inside = True  # the network, or what applies to all
    named = False
    for statement in tree.statements:
        match statement:
            case Header(word="net", values=(Name(text),)):
                if inside and lines:
                    break
                inside = named = text == name
                current = [*shared, statement] if inside else []
            case Header() | Let() | Def():
                (current if inside else []).append(statement)
            case Line() if inside:
                lines.append(statement)
            case Table(rows):
                row = next(row for row in rows if row.cells[0].span.text == name)
                items = tuple(item for cell in row.cells[1:] for item in cell.items)
                net = Header("net", (Name(name, row.span),), row.span)
                return (
                    (*shared, net),
                    [Line(None, items, row.span, row.comments)],
                    tree.trailing_comments,
                )
    above = current if named else shared
    return tuple(above), lines, tree.trailing_comments
