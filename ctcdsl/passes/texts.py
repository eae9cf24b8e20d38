"""Texts of a network whose numbers a rewrite changes: the author's, and one written out."""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.checking import Network
from ctcdsl.elaborate.networks import read_networks
from ctcdsl.ir import Architecture, Block, Element, Style, out_channels, replace
from ctcdsl.ir.printer import to_lines, to_primary, unparse
from ctcdsl.passes.update_source import update_source
from ctcdsl.syntax import nodes as syntax
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source, Span
from ctcdsl.text.sink import Diagnostics

_NOWHERE = Span(Source("", ""), 0, 0)


def author_text(network: Network) -> syntax.File:
    """The syntax of a network as its author writes it, other networks of the file left out."""
    architecture = network.architecture
    before = architecture
    if (spec := architecture.spec) is not None:  # earlier passes changed what it gives
        read = read_networks(spec.tree, Diagnostics(), spec.values)
        before = next((other for other in read if other.name == spec.name), architecture)
    written = update_source(before, architecture)
    assert written.spec is not None
    return written.spec.tree


def written_out(network: Network, stage: int | None = None) -> syntax.File:
    """The syntax of a network without `def`s, `let`s and expressions, a stage a line.

    Args:
        network: The network.
        stage: The index of a stage whose repeated layers and blocks are written one by one.
    """
    architecture = network.architecture
    named = replace(
        architecture,
        stages=tuple(
            replace(part, name=f"{architecture.head.name}_{index}")
            for index, part in enumerate(architecture.stages)
        ),
    )
    tree, _ = parse(Source("", unparse(named)))
    headers = [line for line in tree.statements if isinstance(line, syntax.Header)]
    lines = to_lines(named)
    if stage is not None:
        channels = network.stage(stage)[0].input.channels
        items = _one_by_one(named.stages[stage].elements, named.style, channels)
        lines[stage] = lines[stage]._replace(items=items)
    text = format_file(syntax.File((*headers, *lines), (), _NOWHERE))
    return parse(Source("", text))[0]


def _one_by_one(
    elements: Sequence[Element], style: Style, channels: int
) -> tuple[syntax.Item, ...]:
    """The items of a chain, inside of blocks too, without any `xN`."""
    items: list[syntax.Item] = []
    for element in elements:
        primary, stride = to_primary(element, style, channels)
        if isinstance(element, Block) and isinstance(primary, syntax.Group):
            branches = tuple(
                written._replace(items=_one_by_one(branch.elements, style, share))
                for written, branch, share in zip(
                    primary.branches,
                    element.branches,
                    element.in_channels(channels),
                    strict=True,
                )
            )
            primary = primary._replace(branches=branches)
        strides = (syntax.Stride(stride, _NOWHERE),) if stride else ()
        items.append(syntax.Item(primary, strides, False, _NOWHERE))
        channels = out_channels((element,), channels)
    return tuple(items)


def like(old: Architecture, new: Architecture) -> Architecture:
    """The layers of a network in another one of the same structure, whose text they point at."""
    stages = tuple(
        replace(stage, elements=_pointing(stage.elements, other.elements))
        for stage, other in zip(old.stages, new.stages, strict=True)
    )
    head = old.head
    if new.head.layers != head.layers:
        head = replace(head, layers=_pointing(head.layers, new.head.layers))
    return replace(old, stages=stages, head=head)


def _pointing(old: Sequence[Element], new: Sequence[Element]) -> tuple[Element, ...]:
    """The elements of `new`, each with the origin of the old one; the old one where it is equal."""
    elements: list[Element] = []
    for before, after in zip(old, new, strict=True):
        if after == before:
            after = before
        elif isinstance(after, Block) and isinstance(before, Block):
            branches = tuple(
                replace(branch, elements=_pointing(was.elements, branch.elements))
                for was, branch in zip(before.branches, after.branches, strict=True)
            )
            after = replace(after, branches=branches, call=before.call, origin=before.origin)
        else:
            after = replace(after, origin=before.origin)
        elements.append(after)
    return tuple(elements)
