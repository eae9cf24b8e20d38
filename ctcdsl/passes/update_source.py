"""The text of a rewritten network: the author's, except where it was rewritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ctcdsl.checking import check_source
from ctcdsl.elaborate.expressions import names_in
from ctcdsl.elaborate.layout import LaidLine, Layout, lay_out
from ctcdsl.ir import Architecture, Conv, Element, out_channels
from ctcdsl.ir.unparse import to_items, unparse
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.nodes import (
    Convolution,
    Def,
    File,
    Header,
    Item,
    Let,
    Line,
    Name,
    Number,
    Repeat,
    Size,
)
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source, Span, error

_NOWHERE = Span(Source("", ""), 0, 0)
_MAX_CELLS = 4_000_000
"""Alignments larger than this are not sought: the lines are written anew."""


def update_source(
    source: Source, before: Architecture, after: Architecture, values: Mapping[str, float]
) -> str:
    """Return the canonical text of `after`, which was rewritten from `before` in `source`.

    Headers, definitions, comments and the items that stand for unchanged layers stay the
    author's; a `let` takes the value that it was given. The text is read again before it is
    given out; where the author's form cannot hold the network, it is written anew.

    Raises:
        UserError: CTC411 where no text says the network: a pass of a third party's can make
            one with two stages of a name.
    """
    tree, _ = parse(source)
    if after.style != before.style:  # the author's rows are read in the new style from here on
        tree = _restyled(tree, str(after.style))
    layout = lay_out(tree, before.name, values)
    anew, _ = parse(Source("", unparse(after)))
    above = [_with_value(statement, values) for statement in layout.above]
    if after.name != before.name:
        above = _renamed(above, after.name)
    channels = before.input.channels
    candidates = (
        _lines(layout, after, {}),
        _lines(layout, after, _entering(layout, channels)),
        _lines_anew(layout, anew),
    )
    for lines, below in candidates:
        text = format_file(File((*above, *lines), below, tree.span))
        if _read(source.name, text) == _normalised(after):
            kept = _drop_unused_defs(above, layout.lines, lines)
            return format_file(File((*kept, *lines), below, tree.span))
    text = unparse(after)
    if _read(source.name, text) != _normalised(after):
        raise error(
            "CTC411",
            f"no text says what became of `{before.name}`",
            at=before.origin,
            hint="a pass made stages of one name, or layers that the language lacks",
        )
    return text


def _read(name: str, text: str) -> Architecture | None:
    """The network of a text; None where it has errors, or several networks."""
    report = check_source(Source(name, text))
    networks = report.networks
    return None if report.failed or len(networks) != 1 else _normalised(networks[0].architecture)


def _normalised(architecture: Architecture) -> Architecture:
    """A network without what its text need not say: whether its head was written."""
    return replace(architecture, head=replace(architecture.head, implied=False))


Above = Header | Let | Def


def _with_value(statement: Above, values: Mapping[str, float]) -> Above:
    if isinstance(statement, Let) and statement.name.text in values:
        value = Number(values[statement.name.text], statement.span)
        return statement._replace(value=value)
    return statement


def _renamed(above: Sequence[Above], name: str) -> list[Above]:
    """What stands above the layers, with another name for the network."""
    if any(_is_net(statement) for statement in above):
        return [
            statement._replace(values=(Name(name, statement.span),))
            if isinstance(statement, Header) and statement.word == "net"
            else statement
            for statement in above
        ]
    return [Header("net", (Name(name, _NOWHERE),), _NOWHERE), *above]


def _restyled(tree: File, style: str) -> File:
    statements = (
        statement._replace(values=(Name(style, statement.values[0].span),))
        if isinstance(statement, Header) and statement.word == "style"
        else statement
        for statement in tree.statements
    )
    return tree._replace(statements=tuple(statements))


def _drop_unused_defs(
    above: Sequence[Above], old: Sequence[LaidLine], new: Sequence[Line]
) -> list[Above]:
    """What stands above the layers, less the definitions whose last use a pass rewrote."""
    kept = list(above)
    for definition in reversed(above):
        if not isinstance(definition, Def):
            continue
        others = [s.items for s in kept if isinstance(s, Def) and s is not definition]
        now = {name for part in (*others, *new) for name in names_in(part)}
        then = {name for laid in old for name in names_in(laid.line)}
        name = definition.name.text
        calling = {s.name.text for s in above if isinstance(s, Def) and name in names_in(s.items)}
        if name not in now and (name in then or calling - {name}):
            kept.remove(definition)
    return kept


def _is_net(statement: Above) -> bool:
    return isinstance(statement, Header) and statement.word == "net"


# ---------------------------------------------------------------------- lines


class _Segment(NamedTuple):
    """A part of a line: an item of the author's with its nodes, or new nodes without one.

    `line` is the index of the author's line, or the name of a stage that is new.
    """

    line: int | str
    item: Item | None
    nodes: tuple[Element, ...]


_Lines = tuple[list[Line], tuple[str, ...]]
"""Lines, and the comments below them."""


def _entering(layout: Layout, channels: int) -> dict[int, int]:
    """The channels that enter each of the author's items whose text may depend on them, by id."""
    found: dict[int, int] = {}
    for _, items in layout.lines:
        for item, nodes in items:
            if nodes and not _is_numbers(item):
                found[id(item)] = channels
            channels = out_channels(nodes, channels)
    return found


def _lines(layout: Layout, after: Architecture, entering: Mapping[int, int]) -> _Lines:
    """The author's lines with the items that changed replaced.

    With `entering` also those into which other channels come, which may speak of `c`.
    """
    channels = after.input.channels
    items: dict[int | str, list[Item]] = {}
    for piece in _respelled(_aligned(layout.lines, _target_lines(layout, after))):
        line = items.setdefault(piece.line, [])
        if piece.item is not None and entering.get(id(piece.item), channels) == channels:
            line.append(piece.item._replace(joined=piece.item.joined and bool(line)))
            channels = out_channels(piece.nodes, channels)
        else:
            new, channels = to_items(piece.nodes, after.style, channels)
            line += new
    lines: list[Line] = []
    kept: list[int | None] = []  # of each new line, the author's that it was
    for key, own in items.items():
        old = layout.lines[key].line if isinstance(key, int) else None
        label = old.label if old is not None else str(key)
        lines.append(Line(label, tuple(own), layout.lines[0].line.span))
        kept.append(key if isinstance(key, int) else None)
    return _with_comments(layout, lines, kept)


def _lines_anew(layout: Layout, anew: File) -> _Lines:
    """Lines written from the network alone."""
    lines = [line for line in anew.statements if isinstance(line, Line)]
    labels = [laid.line.label for laid in layout.lines]
    kept = [labels.index(line.label) if line.label in labels else None for line in lines]
    return _with_comments(layout, lines, kept)


def _with_comments(layout: Layout, lines: Sequence[Line], kept: Sequence[int | None]) -> _Lines:
    """Give lines the author's comments: those of a line that is gone go to the next."""
    done: list[Line] = []
    next_one = 0
    for line, own in zip(lines, kept, strict=True):
        if own is None or own < next_one:
            done.append(line)
            continue
        gone = _comments(layout.lines[next_one:own])
        trivia = layout.lines[own].line.trivia
        done.append(line._replace(trivia=trivia._replace(above=(*gone, *trivia.above))))
        next_one = own + 1
    return done, (*_comments(layout.lines[next_one:]), *layout.below)


def _comments(lines: Sequence[LaidLine]) -> list[str]:
    """The comments of lines, each as a line of its own."""
    found: list[str] = []
    for laid in lines:
        above, behind = laid.line.trivia
        found += [*above, *([behind] if behind else [])]
    return found


def _target_lines(layout: Layout, after: Architecture) -> list[tuple[Element, int | str | None]]:
    """The nodes that are written, each with its line where its stage or head has a name."""
    lines = {laid.line.label: k for k, laid in enumerate(layout.lines) if laid.line.label}
    homes: list[tuple[Element, int | str | None]] = []
    for stage in after.stages:
        home = None if stage.name is None else lines.get(stage.name, stage.name)
        homes += [(node, home) for node in stage.elements]
    if not after.head.implied:
        homes += [(layer, lines.get(after.head.name)) for layer in after.head.layers]
    return homes


# ------------------------------------------------------------------ alignment


def _aligned(
    lines: Sequence[LaidLine], homes: Sequence[tuple[Element, int | str | None]]
) -> list[_Segment]:
    """The author's items that still hold, in the order of the new nodes, and what is new.

    A longest alignment of items with nodes; new nodes that have no line of their own go into
    that of the items that they replace.
    """
    nodes = [node for node, _ in homes]
    old = [(k, item, own) for k, laid in enumerate(lines) for item, own in laid.items]
    if len(old) * len(nodes) > _MAX_CELLS:
        return [_Segment(0, None, tuple(nodes))]
    best = [[0] * (len(nodes) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        own = old[i][2]
        for j in range(len(nodes), -1, -1):
            kept = -1
            if _matches(own, nodes, j):
                kept = best[i + 1][j + len(own)] + max(len(own), 1)
            inserted = best[i][j + 1] if j < len(nodes) else -1
            best[i][j] = max(kept, best[i + 1][j], inserted)
    pieces: list[_Segment] = []
    i = j = line = 0
    replacing = False  # new nodes come where an item just went, before items of no layers
    while i < len(old) or j < len(nodes):
        home = homes[j][1] if j < len(nodes) else None
        if i < len(old):
            at, item, own = old[i]
            waits = replacing and not own and j < len(nodes) and best[i][j] == best[i][j + 1]
            if (
                not waits
                and _matches(own, nodes, j)
                and best[i][j] == best[i + 1][j + len(own)] + max(len(own), 1)
            ):
                line, replacing = at, False
                pieces.append(_Segment(line if home is None or not own else home, item, own))
                i, j = i + 1, j + len(own)
                continue
            if not waits and best[i][j] == best[i + 1][j]:
                line, replacing = at, True
                i += 1
                continue
        pieces.append(_Segment(line if home is None else home, None, (nodes[j],)))
        j += 1
    return pieces


def _matches(own: tuple[Element, ...], nodes: Sequence[Element], at: int) -> bool:
    return tuple(nodes[at : at + len(own)]) == own


def _respelled(pieces: Sequence[_Segment]) -> list[_Segment]:
    """Join new nodes, and the plain convolutions beside them, so that equal ones fold to xN.

    What the author wrote with a parameter or a definition stays.
    """
    changed = [piece.item is None for piece in pieces]
    plain = [
        all(isinstance(node, Conv) for node in piece.nodes) and _is_numbers(piece.item)
        for piece in pieces
    ]
    for order in (range(1, len(pieces)), range(len(pieces) - 2, -1, -1)):
        for k in order:
            near = k - 1 if order.step > 0 else k + 1
            if changed[near] and plain[near] and plain[k] and pieces[near].line == pieces[k].line:
                changed[k] = True
    joined: list[_Segment] = []
    for piece, new in zip(pieces, changed, strict=True):
        if new and joined and joined[-1].item is None and joined[-1].line == piece.line:
            joined[-1] = _Segment(piece.line, None, joined[-1].nodes + piece.nodes)
        else:
            joined.append(_Segment(piece.line, None if new else piece.item, piece.nodes))
    return joined


def _is_numbers(item: Item | None) -> bool:
    """Whether an item says all in numbers, so that writing it anew loses nothing."""
    if item is None:
        return True
    primary = item.primary
    amounts = (p.amount if isinstance(p, Repeat) else p.value for p in item.postfixes)
    return (
        isinstance(primary, Convolution)
        and all(isinstance(argument, Number | Size) for argument in primary.arguments[:2])
        and all(isinstance(argument, Number | Name) for argument in primary.arguments[2:])
        and all(isinstance(amount, int) for amount in amounts)
    )
