"""Parallel linear branches into one convolution: RepVGG as it is deployed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from ctcdsl.checking import Network, Node, infer_shapes
from ctcdsl.ir import Architecture, Block, Conv, Element, Identity, Join, NormLayer, Pair
from ctcdsl.ir.network import flat
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.passes.padding import Place, freeze_paddings, paddings_of
from ctcdsl.text import error

if TYPE_CHECKING:
    from ctcdsl.passes.weights import Weights


class _Branch(NamedTuple):
    """A branch that is linear in its input: a convolution or the identity, then norms."""

    conv: Node | None
    norms: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepVggFuse:
    """Make one convolution of each block whose branches are linear: RepVGG's, for inference.

    A branch is a convolution without an activation, or the identity, and batch norms after
    it. Filters of different sizes are padded with zeros to the largest, and added.

    repvgg-fuse

        (7,64)/2 3/3 [ (3,64) | (1,64) | bn ]x2
        (7,64)/2 3/3 (3,64)x2
    """

    name: ClassVar[str] = "repvgg-fuse"
    summary: ClassVar[str] = "blocks of parallel linear branches into one convolution each"
    section: ClassVar[str] = "beyond the paper: Ding et al. 2021"
    preserves: ClassVar[Guarantee] = Guarantee.OUTPUTS

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where no block can be fused."""
        architecture = network.architecture
        paddings: dict[Place, Pair] = paddings_of(network)
        stages = list(architecture.stages)
        fused = left = 0
        for index, stage in enumerate(stages):
            nodes: list[Element] = []
            for at, node in enumerate(network.stage(index)):
                conv = _fused(node)
                if conv is None:
                    left += isinstance(node.layer, Block)
                    nodes.append(stage.elements[at])
                    continue
                fused += 1
                assert conv.padding is not None
                paddings[index, at] = conv.padding
                nodes.append(replace(conv, padding=None))
            stages[index] = replace(stage, elements=tuple(nodes))
        if not fused:
            raise error(
                "CTC405",
                f"`{architecture.name}` has no block of the trunk whose branches are all linear",
                at=architecture.origin,
                hint="a branch is a convolution or the identity, and batch norms after it",
            )
        new = _restyled(freeze_paddings(replace(architecture, stages=tuple(stages)), paddings))
        stay = (f"blocks that stay, no sum of linear branches: {left}",) if left else ()
        return PassResult(new, True, (f"blocks fused: {fused}", *stay))

    def transfer_weights(self, before: Network, after: Network, weights: Weights) -> Weights:
        """The weights of the fused network: branches folded, padded and added."""
        from ctcdsl.passes.weights.convolutions import added, embedded, folded, one_to_one

        transferred: Weights = {}
        for old, new in zip(before.nodes, after.nodes, strict=True):
            if not isinstance(old.layer, Block) or not isinstance(new.layer, Conv):
                pairs = zip(flat((old,)), flat((new,)), strict=True)
                transferred |= {b.name: weights[a.name] for a, b in pairs if a.name in weights}
                continue
            terms = []
            for branch in _branches(old) or ():
                if branch.conv is None:
                    tensors = one_to_one(new.output.channels, new.layer.groups)
                    folds_own = False
                else:
                    tensors = weights[branch.conv.name]
                    folds_own = (
                        isinstance(branch.conv.layer, Conv) and branch.conv.layer.norm == "bn"
                    )
                tensors = folded(tensors, folds_own, [weights[norm.name] for norm in branch.norms])
                reach = branch.conv.padding if branch.conv else (0, 0)
                offset = (new.padding[0] - reach[0], new.padding[1] - reach[1])
                terms.append(embedded(tensors, new.layer.kernel, offset))
            transferred[new.name] = added(terms, bias=new.layer.bias)
        return transferred


def _branches(block: Node) -> list[_Branch] | None:
    """The branches of an adding block, where all are linear in its input; else None."""
    assert isinstance(block.layer, Block)
    if block.layer.join is not Join.ADD:
        return None
    branches: list[_Branch] = []
    for chain in block.branches:
        conv: Node | None = None
        norms: list[Node] = []
        for node in chain:
            match node.layer:
                case Conv(activation=None, dilation=1, preactivation=False) if (
                    node is chain[0] and node.layer.norm != "ln"
                ):
                    conv = node
                case NormLayer(norm="bn"):
                    norms.append(node)
                case Identity():
                    pass
                case _:
                    return None
        branches.append(_Branch(conv, tuple(norms)))
    return branches


def _fused(block: Node) -> Conv | None:
    """The convolution that a block is, its padding given; None where it is none."""
    branches = _branches(block) if isinstance(block.layer, Block) else None
    nodes = [branch.conv for branch in branches or () if branch.conv is not None]
    if branches is None or not nodes:
        return None
    convs = [p.layer for p in nodes if isinstance(p.layer, Conv)]
    if len({(conv.groups, conv.stride) for conv in convs}) > 1:
        return None
    kernel = (max(c.kernel[0] for c in convs), max(c.kernel[1] for c in convs))
    padding = (max(p.padding[0] for p in nodes), max(p.padding[1] for p in nodes))
    sizes: list[tuple[Pair, Pair]] = [
        (conv.kernel, p.padding) for conv, p in zip(convs, nodes, strict=True)
    ]
    if len(nodes) < len(branches):  # the identity is a 1x1 filter
        sizes.append(((1, 1), (0, 0)))
    if not all(_fits(size, pad, kernel, padding) for size, pad in sizes):
        return None
    return replace(
        convs[0],
        kernel=kernel,
        padding=padding,
        norm=None,
        activation=block.activation,
        bias=any(conv.bias or conv.norm for conv in convs)
        or any(branch.norms for branch in branches),
        origin=block.layer.origin,
    )


def _fits(kernel: Pair, padding: Pair, large: Pair, pad: Pair) -> bool:
    """Whether a filter, its map's corner put on that of a larger one, is inside it."""
    return all(0 <= pad[axis] - padding[axis] <= large[axis] - kernel[axis] for axis in range(2))


def _restyled(architecture: Architecture) -> Architecture:
    """The network in a style without batch norm, where no convolution has one any more."""
    style = architecture.style
    if style.norm != "bn" or style.preactivation:
        return architecture
    report = infer_shapes(architecture)
    nodes: Sequence[Node] = report.networks[0].layers if report.networks else ()
    if any(isinstance(p.layer, Conv) and p.layer.norm == "bn" for p in nodes):
        return architecture
    return replace(architecture, style=style._replace(norm=None))
