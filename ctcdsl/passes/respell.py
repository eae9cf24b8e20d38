"""The text of a rewritten network: the author's, except where it was rewritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ctcdsl.check import check_source
from ctcdsl.check.layout import LaidLine, Layout, lay_out
from ctcdsl.ir import Conv, Network, Node, channels_after
from ctcdsl.ir.unparse import items_of, unparse
from ctcdsl.syntax import nodes as n
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source

_MAX_CELLS = 4_000_000
"""Alignments larger than this are not sought: the lines are written anew."""


def respell(source: Source, before: Network, after: Network, values: Mapping[str, float]) -> str:
    """Return the canonical text of `after`, which was rewritten from `before` in `source`.

    Headers, definitions, comments and the items that stand for unchanged layers stay the
    author's. The text is read again before it is given out; where the author's form cannot
    hold the network, as where a new stage falls into a named line, it is written anew.
    """
    tree, _ = parse(source)
    layout = lay_out(tree, before.name, values)
    above = [_renamed(statement, after.name) for statement in layout.above]
    if after.name != before.name and not any(_is_net(statement) for statement in above):
        above = []  # a bare row cannot be named: it would be bare no more
    if above or after.name == before.name:
        for lines in (_lines(layout, after), _lines_anew(layout, after)):
            text = format_file(n.File((*above, *lines), layout.below, tree.span))
            report = check_source(Source(source.name, text))
            if not report.failed and [_bare(c.network) for c in report.networks] == [_bare(after)]:
                return text
    return unparse(after)


def _lines_anew(layout: Layout, after: Network) -> list[n.Line]:
    """Lines written from the network alone; those of a name keep its comments."""
    tree, _ = parse(Source("", unparse(after)))
    trivia = {laid.line.label: laid.line.trivia for laid in layout.lines}
    return [
        line._replace(trivia=trivia.pop(line.label, line.trivia))
        for line in tree.statements
        if isinstance(line, n.Line)
    ]


def _bare(network: Network) -> Network:
    """A network without what its text need not say: whether its head was written."""
    return replace(network, head=replace(network.head, implied=False))


def _is_net(statement: n.Header | n.Let | n.Def) -> bool:
    return isinstance(statement, n.Header) and statement.word == "net"


def _renamed(statement: n.Header | n.Let | n.Def, name: str) -> n.Header | n.Let | n.Def:
    if isinstance(statement, n.Header) and statement.word == "net":
        return statement._replace(values=(n.Name(name, statement.span),))
    return statement


class _Piece(NamedTuple):
    """A part of a line: an item of the author's with its nodes, or new nodes without one."""

    line: int
    item: n.Item | None
    nodes: tuple[Node, ...]


def _lines(layout: Layout, after: Network) -> list[n.Line]:
    """The author's lines with the items that changed replaced."""
    written = [] if after.head.implied else list(after.head.layers)
    nodes = [node for stage in after.stages for node in stage.nodes] + written
    pieces = _respelled(_aligned(layout.lines, nodes))
    channels = after.input.channels
    items: list[list[n.Item]] = [[] for _ in layout.lines]
    for piece in pieces:
        line = items[piece.line]
        if piece.item is not None:
            line.append(piece.item._replace(joined=piece.item.joined and bool(line)))
            channels = channels_after(piece.nodes, channels)
        else:
            new, channels = items_of(piece.nodes, after.style, channels)
            line += new
    return [
        laid.line._replace(items=tuple(own))
        for laid, own in zip(layout.lines, items, strict=True)
        if own
    ]


def _aligned(lines: Sequence[LaidLine], nodes: Sequence[Node]) -> list[_Piece]:
    """The author's items that still hold, in the order of the new nodes, and what is new.

    A longest alignment of items with nodes; new nodes go into the line of the items that
    they replace.
    """
    old = [(k, item, own) for k, laid in enumerate(lines) for item, own in laid.items]
    if len(old) * len(nodes) > _MAX_CELLS:
        return [_Piece(0, None, tuple(nodes))]
    best = [[0] * (len(nodes) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        own = old[i][2]
        for j in range(len(nodes), -1, -1):
            kept = -1
            if _stands(own, nodes, j):
                kept = best[i + 1][j + len(own)] + max(len(own), 1)
            inserted = best[i][j + 1] if j < len(nodes) else -1
            best[i][j] = max(kept, best[i + 1][j], inserted)
    pieces: list[_Piece] = []
    i = j = line = 0
    while i < len(old) or j < len(nodes):
        if i < len(old):
            line, item, own = old[i]
            if _stands(own, nodes, j) and (
                best[i][j] == best[i + 1][j + len(own)] + max(len(own), 1)
            ):
                pieces.append(_Piece(line, item, own))
                i, j = i + 1, j + len(own)
                continue
            if best[i][j] == best[i + 1][j]:
                i += 1
                continue
        pieces.append(_Piece(line, None, (nodes[j],)))
        j += 1
    return pieces


def _stands(own: tuple[Node, ...], nodes: Sequence[Node], at: int) -> bool:
    return tuple(nodes[at : at + len(own)]) == own


def _respelled(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Join new nodes, and the plain convolutions beside them, so that equal ones fold to xN."""
    changed = [piece.item is None for piece in pieces]
    plain = [all(isinstance(node, Conv) for node in piece.nodes) for piece in pieces]
    for order in (range(1, len(pieces)), range(len(pieces) - 2, -1, -1)):
        for k in order:
            near = k - 1 if order.step > 0 else k + 1
            if changed[near] and plain[near] and plain[k] and pieces[near].line == pieces[k].line:
                changed[k] = True
    joined: list[_Piece] = []
    for piece, new in zip(pieces, changed, strict=True):
        if new and joined and joined[-1].item is None and joined[-1].line == piece.line:
            joined[-1] = _Piece(piece.line, None, joined[-1].nodes + piece.nodes)
        else:
            joined.append(_Piece(piece.line, None if new else piece.item, piece.nodes))
    return joined
