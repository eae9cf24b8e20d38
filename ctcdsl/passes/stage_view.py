"""The part of a network that a pass works on: a stage, its row of plain convolutions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import is_
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.ir import Architecture, Block, Conv, Element, Pair, Stage, format_sides, replace
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import error


class StageView(NamedTuple):
    """A stage, by index from 0, whose convolutions are one row; its other layers stay.

    `channels` are the row's input channels.
    """

    network: Architecture
    position: int
    before: tuple[Element, ...]
    convs: tuple[Conv, ...]
    after: tuple[Element, ...]
    channels: int

    @property
    def name(self) -> str:
        """The stage's name in messages."""
        return self.network.stage_names[self.position]

    @property
    def stage(self) -> Stage:
        """The stage."""
        return self.network.stages[self.position]

    def with_convs(self, convs: Sequence[Conv]) -> Architecture:
        """The network with other convolutions in this stage."""
        nodes = (*self.before, *convs, *self.after)
        return with_stage(self.network, self.position, replace(self.stage, elements=nodes))


def with_stage(architecture: Architecture, index: int, *stages: Stage) -> Architecture:
    """The network with one stage replaced by others."""
    old = architecture.stages
    return replace(architecture, stages=(*old[:index], *stages, *old[index + 1 :]))


def stage_index(architecture: Architecture, stage: str) -> int:
    """The index, from 0, of a stage given by number (from 1) or name.

    Raises:
        UserError: CTC403 there is no such stage.
    """
    names = architecture.stage_names
    if stage in names:
        return names.index(stage)
    if stage.isdecimal() and 1 <= int(stage) <= len(names):
        return int(stage) - 1
    listed = f"it has {len(names)}: {', '.join(names)}; numbers count from 1"
    raise error(
        "CTC403",
        f"`{architecture.name}` has no stage {stage}",
        at=architecture.origin,
        hint=did_you_mean(stage, names, listed),
    )


def stage_view(network: Network, stage: str) -> StageView:
    """The row of plain convolutions of a stage.

    Raises:
        UserError: CTC403 there is no such stage; CTC404 it has something that the paper's
            replacements do not cover: blocks, groups, dilation, strides inside the row,
            windows that are not square, layers between the convolutions.
    """
    architecture = network.architecture
    index = stage_index(architecture, stage)
    nodes = architecture.stages[index].elements
    name = architecture.stage_names[index]
    convs = [k for k, element in enumerate(nodes) if isinstance(element, Conv)]
    for element in nodes:
        if isinstance(element, Block):
            raise error(
                "CTC404",
                f"{name} holds a block, and what is replaced is a row of layers",
                at=element.origin,
                hint="`depth-for-width` and `scale` rewrite blocks; for others choose a stage of"
                " plain layers",
            )
    if not convs:
        raise error("CTC404", f"{name} has no convolution", at=nodes[0].origin)
    first, last = convs[0], convs[-1]
    run: list[Conv] = []
    for k, element in enumerate(nodes[first : last + 1], start=first):
        if not isinstance(element, Conv):
            raise error(
                "CTC404",
                f"{name} has `{element.origin.text}` between its convolutions",
                at=element.origin,
                hint="stages of convolutions alone, after a pool, are rewritten",
            )
        _require_plain(element, is_first=k == first)
        run.append(element)
    channels = network.stage(index)[first].input.channels
    return StageView(
        architecture,
        index,
        nodes[:first],
        tuple(run),
        nodes[last + 1 :],
        channels,
    )


def stage_convs(network: Network, stage: str, layer: int | None = None) -> tuple[int, list[int]]:
    """The index of a stage, and those of its convolutions outside blocks, or of one of them.

    Args:
        network: The network.
        stage: The stage's number or name.
        layer: Which convolution, counted from 1; None for all.

    Raises:
        UserError: CTC402 there is no such layer; CTC403 there is no such stage; CTC404 it has
            no convolution outside blocks.
    """
    index = stage_index(network.architecture, stage)
    elements = network.architecture.stages[index].elements
    name = network.architecture.stage_names[index]
    indices = [k for k, element in enumerate(elements) if isinstance(element, Conv)]
    if not indices:
        raise error(
            "CTC404",
            outside_blocks(elements, f"{name} has no convolution"),
            at=elements[0].origin,
            hint="choose a stage of plain layers",
        )
    if layer is None:
        return index, indices
    if not 1 <= layer <= len(indices):
        raise error(
            "CTC402",
            f"{name} has no convolution {layer}",
            at=elements[indices[0]].origin,
            hint=f"`layer` is from 1 to {len(indices)}",
        )
    return index, [indices[layer - 1]]


def _require_plain(conv: Conv, *, is_first: bool) -> None:
    problem = ""
    if conv.groups > 1:
        problem = f"has {conv.groups} groups"
    elif conv.dilation != (1, 1):
        problem = f"has dilation {format_sides(conv.dilation)}"
    elif conv.kernel[0] != conv.kernel[1]:
        problem = "is not square"
    elif conv.strided and not is_first:
        problem = f"has stride {format_sides(conv.stride)} inside its stage"
    elif conv.padding is not None:
        problem = "has a padding of its own, which would be lost"
    if problem:
        raise error(
            "CTC404",
            f"`{conv.origin.text}` {problem}",
            at=conv.origin,
            hint="plain convolutions, padded by the rule, are rewritten",
        )


def require_same_tags(convs: Sequence[Conv]) -> None:
    """Fail (CTC404) if convolutions differ in more than size, filters and stride.

    If they become one layer, or a row of one width, the tags would be a guess.
    """
    for conv in convs[1:]:
        if conv_like(conv, kernel=1, filters=1) != conv_like(convs[0], kernel=1, filters=1):
            raise error(
                "CTC404",
                f"`{conv.origin.text}` has other tags than `{convs[0].origin.text}`",
                at=conv.origin,
                hint="layers of one norm and one activation are rewritten together",
            )


def conv_like(
    conv: Conv, *, filters: int, kernel: int | None = None, stride: Pair = (1, 1)
) -> Conv:
    """A convolution like another, of another width, and optionally of another size."""
    size = conv.kernel if kernel is None else (kernel, kernel)
    return replace(conv, kernel=size, filters=filters, stride=stride, padding=None)


def outside_blocks(nodes: Iterable[Element], message: str) -> str:
    """`message`, extended if some of the nodes are blocks, which most passes do not look into."""
    if any(isinstance(node, Block) for node in nodes):
        return f"{message} outside of blocks, and inside of them this pass changes nothing"
    return message


def trunk(architecture: Architecture) -> list[tuple[int, int, Element]]:
    """Every node of the trunk with its stage and its index in the stage."""
    return [
        (s, k, node)
        for s, stage in enumerate(architecture.stages)
        for k, node in enumerate(stage.elements)
    ]


def with_nodes(architecture: Architecture, nodes: Sequence[Element]) -> Architecture:
    """The network with its nodes replaced, in the order of `trunk`.

    Unchanged stages stay the same objects: their shapes need not be inferred again.
    """
    rest = iter(nodes)
    stages: list[Stage] = []
    for stage in architecture.stages:
        new = tuple(next(rest) for _ in stage.elements)
        is_same = all(map(is_, new, stage.elements))
        stages.append(stage if is_same else replace(stage, elements=new))
    return replace(architecture, stages=tuple(stages))
