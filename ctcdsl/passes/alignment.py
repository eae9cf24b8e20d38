"""Which of an author's items still stand for layers of a rewritten network, and what is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ctcdsl.ir import Architecture, Conv, Element
from ctcdsl.passes.spec_lines import SpecLine
from ctcdsl.syntax.nodes import Convolution, Item, Name, Number, Repeat, Size

_MAX_CELLS = 4_000_000
"""Larger alignments are not computed: all layers are printed again."""


class Segment(NamedTuple):
    """A part of a line: an item of the author's with its nodes, or new nodes without one.

    `line` is the index of the author's line, or the name of a stage that is new.
    """

    line: int | str
    item: Item | None
    nodes: tuple[Element, ...]


def segments(lines: Sequence[SpecLine], after: Architecture) -> list[Segment]:
    """The new network as items of the author's that still hold, and new nodes between them.

    Neighbouring new nodes, and the plain convolutions beside them, are one segment, so that
    equal ones fold to xN. Items with a parameter or a definition stay.
    """
    return _fold(_align(lines, _target_lines(lines, after)))


def is_plain(item: Item | None) -> bool:
    """Whether an item consists of numbers, so that printing it again loses nothing."""
    if item is None:
        return True
    primary = item.primary
    amounts = (p.amount if isinstance(p, Repeat) else p.value for p in item.postfixes)
    return (
        isinstance(primary, Convolution)
        and all(isinstance(a, Number | Size) for a in primary.arguments[:2])
        and all(isinstance(a, Number | Name) for a in primary.arguments[2:])
        and all(isinstance(amount, int) for amount in amounts)
    )


def _target_lines(
    lines: Sequence[SpecLine], after: Architecture
) -> list[tuple[Element, int | str | None]]:
    """The nodes that are written, each with its line where its stage or head has a name."""
    labels = {written.line.label: k for k, written in enumerate(lines) if written.line.label}
    targets: list[tuple[Element, int | str | None]] = []
    for stage in after.stages:
        line = None if stage.name is None else labels.get(stage.name, stage.name)
        targets += [(node, line) for node in stage.elements]
    if not after.head.implied:
        targets += [(layer, labels.get(after.head.name)) for layer in after.head.layers]
    return targets


def _align(
    lines: Sequence[SpecLine], targets: Sequence[tuple[Element, int | str | None]]
) -> list[Segment]:
    """The author's items that still hold, in the order of the new nodes, and what is new.

    A longest alignment of items with nodes; new nodes that have no line of their own go into
    that of the items that they replace.
    """
    nodes = tuple(node for node, _ in targets)
    old = [
        Segment(k, item, part) for k, written in enumerate(lines) for item, part in written.items
    ]
    if len(old) * len(nodes) > _MAX_CELLS:
        return [Segment(0, None, nodes)]
    best = [[0] * (len(nodes) + 1) for _ in range(len(old) + 1)]

    def if_kept(i: int, j: int) -> int:
        """The score where old item i stands for the nodes from j on; -1 where it cannot."""
        end = j + len(old[i].nodes)
        return best[i + 1][end] + max(end - j, 1) if nodes[j:end] == old[i].nodes else -1

    for i in range(len(old) - 1, -1, -1):
        for j in range(len(nodes), -1, -1):
            inserted = best[i][j + 1] if j < len(nodes) else -1
            best[i][j] = max(if_kept(i, j), best[i + 1][j], inserted)
    segments: list[Segment] = []
    i = j = 0
    line: int | str = 0
    replacing = False  # new nodes come where an item just went, before items of no layers
    while i < len(old) or j < len(nodes):
        target = targets[j][1] if j < len(nodes) else None
        if i < len(old):
            item = old[i]
            waits = replacing and not item.nodes and j < len(nodes) and best[i][j] == best[i][j + 1]
            kept = not waits and best[i][j] == if_kept(i, j)
            if kept or (not waits and best[i][j] == best[i + 1][j]):
                line, replacing = item.line, not kept
                if kept:
                    home = item.line if target is None or not item.nodes else target
                    segments.append(item._replace(line=home))
                    j += len(item.nodes)
                i += 1
                continue
        segments.append(Segment(line if target is None else target, None, (nodes[j],)))
        j += 1
    return segments


def _fold(segments: Sequence[Segment]) -> list[Segment]:
    """Join new nodes, and the plain convolutions beside them, so that equal ones fold to xN.

    Items with a parameter or a definition stay.
    """
    changed = [segment.item is None for segment in segments]
    plain = [
        all(isinstance(node, Conv) for node in segment.nodes) and is_plain(segment.item)
        for segment in segments
    ]
    for step in (1, -1):
        for k in range(len(segments))[::step][1:]:
            same_line = segments[k - step].line == segments[k].line
            if changed[k - step] and plain[k - step] and plain[k] and same_line:
                changed[k] = True
    folded: list[Segment] = []
    for segment, is_new in zip(segments, changed, strict=True):
        last = folded[-1] if folded else None
        if is_new and last is not None and last.item is None and last.line == segment.line:
            folded[-1] = last._replace(nodes=last.nodes + segment.nodes)
        else:
            folded.append(segment._replace(item=None) if is_new else segment)
    return folded
