"""Inlay hints: the map that each layer gives, at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from ctcdsl.ir import Shape
from ctcdsl.ir.network import Network, Node
from ctcdsl.lsp.document import Document
from ctcdsl.syntax.nodes import Def, File, Group, Item, Line, Table


class HintPlaces(StrEnum):
    """Where hints are: at the end of each layer and block, of each line, or nowhere."""

    LAYERS = "layers"
    LINES = "lines"
    OFF = "off"


class InlayHint(NamedTuple):
    """A text after the character before `offset`, and what it says in words."""

    offset: int
    text: str
    tooltip: str


class _Group(NamedTuple):
    """Items that follow one another, and whether they are in the body of a `def`."""

    items: tuple[Item, ...]
    in_def: bool


def inlay_hints(document: Document, places: HintPlaces, start: int, end: int) -> list[InlayHint]:
    """The hints between two offsets; while there are errors, those of the last valid version.

    Where a text stands for several layers, `x4` or calls of a `def`, the last one's map is
    shown outside of definitions, and inside of them the map that all calls agree on.
    """
    valid = document.last_valid_now
    if valid is None or places is HintPlaces.OFF:
        return []
    maps = _maps(valid)
    hints = []
    for item, in_def in _items(valid.tree, lines=places is HintPlaces.LINES):
        known = maps.get(item.primary.span.start)
        shown = known.shown(in_def=in_def) if known is not None else None
        place = document.moved(valid, item.span) if shown is not None else None
        if place is not None and start <= place.end <= end:
            hints.append(InlayHint(place.end, str(shown), _tooltip(item)))
    return hints


class _Maps(NamedTuple):
    """The maps of the layers that a text stands for, in each network that has it."""

    by_network: dict[str, list[Shape]]

    def shown(self, *, in_def: bool) -> Shape | None:
        """The map to show; None where networks or calls have different ones."""
        lists = self.by_network.values()
        found = {shape for maps in lists for shape in (maps if in_def else maps[-1:])}
        return found.pop() if len(found) == 1 else None


def _maps(document: Document) -> dict[int, _Maps]:
    """The maps by the offset at which the text of their layers begins."""
    maps: dict[int, _Maps] = {}
    for network in document.report.networks:
        for start, shape in _network_maps(network):
            known = maps.setdefault(start, _Maps({}))
            known.by_network.setdefault(network.name, []).append(shape)
    return maps


def _network_maps(network: Network) -> Iterator[tuple[int, Shape]]:
    implied = network.architecture.head.implied
    nodes = [node for node in network.nodes if not (implied and node.stage is None)]
    yield from _node_maps(nodes, frozenset())


def _node_maps(nodes: Sequence[Node], around: frozenset[int]) -> Iterator[tuple[int, Shape]]:
    """The maps of nodes; a block's own text and calls, `around`, are no text of its parts."""
    for node in nodes:
        origin = node.layer.origin
        starts = {origin.span.start, *(call.start for call in origin.calls)}
        for start in starts - around:
            yield start, node.output
        for branch in node.branches:
            yield from _node_maps(branch, around | starts)


def _items(tree: File, *, lines: bool) -> Iterator[tuple[Item, bool]]:
    """The items to have hints, and whether they are in the body of a `def`."""
    for statement in tree.statements:
        match statement:
            case Line(items=items):
                groups = [_Group(items, in_def=False)]
            case Def(items=items):
                groups = [_Group(items, in_def=True)]
            case Table(rows=rows):
                groups = [_Group(cell.items, in_def=False) for row in rows for cell in row.cells]
            case _:
                continue
        for group in groups:
            if lines:
                yield from ((item, group.in_def) for item in group.items[-1:])
            else:
                yield from ((item, group.in_def) for item in _all(group.items))


def _all(items: Sequence[Item]) -> Iterator[Item]:
    """Items, and those of their branches."""
    for item in items:
        if isinstance(item.primary, Group):
            for branch in item.primary.branches:
                yield from _all(branch.items)
        yield item


def _tooltip(item: Item) -> str:
    what = "the block" if isinstance(item.primary, Group) else f"`{item.span.text}`"
    return f"channels x height x width after {what}"
