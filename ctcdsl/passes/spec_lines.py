"""What a spec says of one network: its headers, its lines, and the elements that each item gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ctcdsl.ir import Element
from ctcdsl.syntax.nodes import Def, File, Header, Item, Let, Line, Name, Table

Above = tuple[Header | Let | Def, ...]


class SpecLine(NamedTuple):
    """A line of a spec, and the elements that each of its items gave."""

    line: Line
    items: tuple[tuple[Item, tuple[Element, ...]], ...]


class SpecText(NamedTuple):
    """The statements of one network: `above` its layers, its lines, comments `below`."""

    above: Above
    lines: tuple[Line, ...]
    below: tuple[str, ...]


def with_elements(lines: Sequence[Line], elements: Sequence[Element]) -> tuple[SpecLine, ...]:
    """The lines with those of `elements` that their items gave, as the elements' origins say."""
    given: dict[int, list[Element]] = {}
    for element in elements:
        if element.origin.item is not None:
            given.setdefault(element.origin.item.start, []).append(element)
    return tuple(
        SpecLine(
            line,
            tuple((item, tuple(given.get(item.span.start, ()))) for item in line.items),
        )
        for line in lines
    )


def spec_text(tree: File, name: str) -> SpecText:
    """The statements of the network `name` of a file that checks without errors.

    A file that names none has one network. A table's row is one line.
    """
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
                line = Line(None, items, row.span, row.comments)
                return SpecText((*shared, net), (line,), tree.trailing_comments)
    return SpecText(tuple(current if named else shared), tuple(lines), tree.trailing_comments)
