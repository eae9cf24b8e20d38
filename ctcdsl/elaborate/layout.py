"""Which text a network came from: its headers, and the nodes that each item stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ctcdsl.elaborate.definitions import DefinitionReader, Definitions
from ctcdsl.elaborate.headers import HeaderReader, Headers
from ctcdsl.elaborate.layers import LayerElaborator
from ctcdsl.ir import Element
from ctcdsl.syntax import nodes as n
from ctcdsl.text.sink import Diagnostics


class LaidLine(NamedTuple):
    """A line of the spec, and the nodes that each of its items stands for."""

    line: n.Line
    items: tuple[tuple[n.Item, tuple[Element, ...]], ...]


class Layout(NamedTuple):
    """The statements of one network: `above` its layers, its lines, comments `below`."""

    above: tuple[n.Header | n.Let | n.Def, ...]
    lines: tuple[LaidLine, ...]
    below: tuple[str, ...]


def lay_out(tree: n.File, name: str, values: Mapping[str, float]) -> Layout:
    """Return the layout of a network of a file that checks without errors.

    Args:
        tree: The file's syntax.
        name: The network's; a file that names none holds one.
        values: What `let`s were given instead of their own values.
    """
    above, lines, below = _statements(tree, name)
    problems = Diagnostics()  # nothing is found: the file has been checked
    headers, definitions = Headers(), Definitions()
    header_reader = HeaderReader(problems)
    definition_reader = DefinitionReader(problems, values)
    for statement in above:
        if isinstance(statement, n.Header):
            headers.seen.clear()  # a network's own header overrides the file's
            header_reader.read(statement, headers)
        else:
            definition_reader.add(statement, definitions)
    known = {**definition_reader.values(definitions), "classes": headers.classes}
    reader = LayerElaborator(problems, headers.style, definitions, known)
    channels: int | None = headers.input.channels
    laid: list[LaidLine] = []
    for line in lines:
        items: list[tuple[n.Item, tuple[Element, ...]]] = []
        for item in line.items:
            is_none = isinstance(item.primary, n.Name) and item.primary.text == "none"
            nodes, channels = ([], channels) if is_none else reader.nodes((item,), channels)
            items.append((item, tuple(nodes)))
        laid.append(LaidLine(line, tuple(items)))
    return Layout(above, tuple(laid), below)


Above = tuple[n.Header | n.Let | n.Def, ...]


def _statements(tree: n.File, name: str) -> tuple[Above, list[n.Line], tuple[str, ...]]:
    """What stands above the network's layers, its lines, and the comments at the file's end."""
    shared: list[n.Header | n.Let | n.Def] = []
    own = shared
    lines: list[n.Line] = []
    inside = True  # the network, or what holds for all
    named = False
    for statement in tree.statements:
        match statement:
            case n.Header(word="net", values=(n.Name(text),)):
                if inside and lines:
                    break
                inside = named = text == name
                own = [*shared, statement] if inside else []
            case n.Header() | n.Let() | n.Def():
                (own if inside else []).append(statement)
            case n.Line() if inside:
                lines.append(statement)
            case n.Table(rows):
                row = next(row for row in rows if row.cells[0].span.text == name)
                items = tuple(item for cell in row.cells[1:] for item in cell.items)
                net = n.Header("net", (n.Name(name, row.span),), row.span)
                return (*shared, net), [n.Line(None, items, row.span, row.trivia)], tree.below
    above = own if named else shared
    return tuple(above), lines, tree.below
