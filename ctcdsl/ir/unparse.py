"""Networks back to specs: the canonical text that every rewrite and digest speaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from ctcdsl.ir.architecture import CONV_RELU, Architecture, Stage, Style
from ctcdsl.ir.blocks import Block, Element, layers_of
from ctcdsl.ir.layers import Conv, Pool
from ctcdsl.ir.notation import item
from ctcdsl.ir.strides import NoStridedLayer, StrideAlreadySet, with_stride
from ctcdsl.syntax.format import format_file, format_items
from ctcdsl.syntax.nodes import (
    Branch,
    File,
    Group,
    Header,
    Item,
    Line,
    Name,
    Postfix,
    Primary,
    Repeat,
    Size,
    Stride,
)
from ctcdsl.text import Source, Span

_NOWHERE = Span(Source("", ""), 0, 0)


def unparse(architecture: Architecture) -> str:
    """Return the spec of a network: parsing and reading it gives the network again.

    Equal neighbours are folded to `xN`, sequential convolutions joined by `+` as the
    paper writes them, and paddings shown only where the author gave them. Blocks are
    written out: definitions and parameters are the author's, not the network's.
    """
    headers = [
        _header("net", Name(architecture.name, _NOWHERE)),
        _header("input", Size(tuple(architecture.input), _NOWHERE)),
        _header("classes", Size((architecture.classes,), _NOWHERE)),
    ]
    if architecture.style != CONV_RELU:
        headers.append(_header("style", Name(str(architecture.style), _NOWHERE)))
    headers.append(_header("pad", Name(str(architecture.pad), _NOWHERE)))
    if architecture.maps:
        sizes = (Size(_sides(*side), _NOWHERE) for side in architecture.maps)
        headers.append(_header("maps", *sizes))
    return format_file(File((*headers, *to_lines(architecture)), (), _NOWHERE))


def to_lines(architecture: Architecture) -> list[Line]:
    """The lines of a network's canonical text, below its headers."""
    lines: list[Line] = []
    channels = architecture.input.channels
    for label, nodes in _lines(architecture):
        items, channels = to_items(nodes, architecture.style, channels)
        lines.append(Line(label, items, _NOWHERE))
    if not architecture.head.layers:
        none = Item(Name("none", _NOWHERE), (), False, _NOWHERE)
        lines.append(Line("head", (none,), _NOWHERE))
    return lines


def digest(architecture: Architecture) -> str:
    """Return the SHA-256 of a network's canonical text: equal for specs that say the same."""
    return sha256(unparse(architecture).encode()).hexdigest()


def row(nodes: Iterable[Element], style: Style, channels: int) -> str:
    """Return nodes as a paper's table writes them: `3/1 (2,128)/3+(2,128)x3`.

    Args:
        nodes: A chain of layers and blocks.
        style: The network's; tags are shown where a convolution differs from it.
        channels: Those that enter the chain; a convolution with as many groups is `dw`.
    """
    return " ".join(format_items(to_items(tuple(nodes), style, channels)[0]))


def _header(word: str, *values: Name | Size) -> Header:
    return Header(word, values, _NOWHERE)


def _sides(height: int, width: int) -> tuple[int, ...]:
    return (height,) if height == width else (height, width)


# ---------------------------------------------------------------------- lines


def _lines(architecture: Architecture) -> list[tuple[str | None, tuple[Element, ...]]]:
    """Lines and their labels; neighbouring stages that a pool parts share a line."""
    lines: list[tuple[str | None, tuple[Element, ...]]] = []
    previous: Stage | None = None
    for stage in architecture.stages:
        if previous is not None and _one_line(previous, stage):
            lines[-1] = (None, (*lines[-1][1], *stage.elements))
        else:
            lines.append((stage.name, stage.elements))
        previous = stage
    if architecture.head.layers and not architecture.head.implied:
        lines.append((architecture.head.name, architecture.head.layers))
    return lines


def _one_line(before: Stage, after: Stage) -> bool:
    """Whether reading both stages from one line would split them here, and only here."""
    convs = [k for k, node in enumerate(before.elements) if contains_conv(node)]
    return (
        before.name is None
        and after.name is None
        and isinstance(after.elements[0], Pool)
        and bool(convs)
        and not any(isinstance(node, Pool) for node in before.elements[convs[0] :])
        and any(contains_conv(node) for node in after.elements)
    )


def contains_conv(node: Element) -> bool:
    """Whether a node is, or holds, a convolution: what makes a stage."""
    return any(isinstance(layer, Conv) for layer in layers_of((node,)))


# ---------------------------------------------------------------------- items


def to_items(
    nodes: Sequence[Element], style: Style, channels: int, *, joining: bool = True
) -> tuple[tuple[Item, ...], int]:
    """The items of a chain which `channels` enter, and the channels that leave it.

    With `joining` a `+` stands between convolutions, as in the paper.
    """
    items: list[Item] = []
    before: Element | None = None
    at = 0
    while at < len(nodes):
        node = nodes[at]
        primary, postfixes, after = _written(node, style, channels)
        count = 1
        while at + count < len(nodes) and nodes[at + count] == node:
            again = _written(node, style, after)
            if again[:2] != (primary, postfixes):
                break  # the same numbers mean another text here: a dw of other channels
            after = again[2]
            count += 1
        group = _strided_repeat(nodes[at:]) if count == 1 else None
        if group is not None:
            count, stride = group
            primary, _, after = _written(nodes[at + 1], style, channels)
            postfixes = (Repeat(count, _NOWHERE), Stride(stride, _NOWHERE))
        elif count > 1:
            postfixes = (*postfixes, Repeat(count, _NOWHERE))
        joined = joining and isinstance(node, Conv) and isinstance(before, Conv)
        items.append(Item(primary, postfixes, joined, _NOWHERE))
        before, channels = node, after
        at += count
    return tuple(items), channels


def _strided_repeat(nodes: Sequence[Element]) -> tuple[int, int] | None:
    """Blocks that are `[ … ]xN/s`: how many, and the stride; None where they are not."""
    if len(nodes) < 2 or not isinstance(nodes[0], Block) or not isinstance(nodes[1], Block):
        return None
    strides = {
        first.stride
        for first, second in zip(layers_of(nodes[:1]), layers_of(nodes[1:2]), strict=False)
        if isinstance(first, Conv | Pool)
        and isinstance(second, Conv | Pool)
        and first.stride != second.stride
    }
    try:
        if len(strides) != 1 or with_stride(nodes[1:2], stride := strides.pop()) != [nodes[0]]:
            return None
    except (NoStridedLayer, StrideAlreadySet):
        return None
    count = 2
    while count < len(nodes) and nodes[count] == nodes[1]:
        count += 1
    return count, stride


def _written(
    node: Element, style: Style, channels: int
) -> tuple[Primary, tuple[Postfix, ...], int]:
    """A node's text, and the channels that leave it."""
    if not isinstance(node, Block):
        primary, stride = item(node, style, channels)
        postfixes = (Stride(stride, _NOWHERE),) if stride else ()
        return primary, postfixes, node.filters if isinstance(node, Conv) else channels
    branches: list[Branch] = []
    outputs: list[int] = []
    for branch in node.branches:
        items, after = to_items(branch.elements, style, channels, joining=False)
        branches.append(Branch(items, branch.optional, _NOWHERE))
        outputs.append(after)
    concat = node.join == "concat"
    group = Group("{" if concat else "[", tuple(branches), _NOWHERE)
    return group, (), sum(outputs) if concat else outputs[0]
