"""Parallel linear branches into one convolution: RepVGG as it is deployed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from ctcdsl.checking import Network, Node, infer_shapes
from ctcdsl.ir import (
    Architecture,
    Block,
    Branch,
    Conv,
    Element,
    Identity,
    Join,
    NormLayer,
    PadRule,
    Pair,
    SlidingWindow,
    replace,
)
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.passes.padding import Place, freeze_paddings, paddings_of
from ctcdsl.shapes.padding import PaddingRule
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
        fuser = _Fuser(architecture.pad)
        stages = list(architecture.stages)
        for index, stage in enumerate(stages):
            nodes: list[Element] = []
            for at, (element, node) in enumerate(
                zip(stage.elements, network.stage(index), strict=True)
            ):
                new = fuser.element(element, node)
                if isinstance(new, Conv) and isinstance(element, Block):
                    assert new.padding is not None
                    paddings[index, at] = new.padding
                    new = replace(new, padding=None)
                nodes.append(new)
            stages[index] = replace(stage, elements=tuple(nodes))
        head = architecture.head
        layers = fuser.chain(head.layers, network.stage(None))
        if layers != head.layers:
            head = replace(head, layers=layers)
        if not fuser.fused:
            raise error(
                "CTC405",
                f"`{architecture.name}` has no block whose branches are all linear",
                at=architecture.origin,
                hint="a branch is a convolution or the identity, and batch norms after it",
            )
        new_network = replace(architecture, stages=tuple(stages), head=head)
        left = fuser.left
        stay = (f"blocks that stay, no sum of linear branches: {left}",) if left else ()
        return PassResult(
            _restyled(freeze_paddings(new_network, paddings)),
            True,
            (f"blocks fused: {fuser.fused}", *stay),
        )

    def transfer_weights(self, before: Network, after: Network, weights: Weights) -> Weights:
        """The weights of the fused network: branches folded, padded and added."""
        from ctcdsl.passes.weights.convolutions import (
            FoldedNorm,
            added,
            embedded,
            folded,
            one_to_one,
            standardised,
        )

        transferred: Weights = {}
        for old, new in _pairs(before.nodes, after.nodes):
            if not isinstance(old.layer, Block) or isinstance(new.layer, Block):
                if old.name in weights:
                    transferred[new.name] = weights[old.name]
                continue
            assert isinstance(new.layer, Conv)
            terms = []
            for branch in _branches(old) or ():
                if branch.conv is None:
                    tensors = one_to_one(new.output.channels, new.layer.groups)
                    own_norm = None
                else:
                    tensors = weights[branch.conv.name]
                    conv = branch.conv.layer
                    assert isinstance(conv, Conv)
                    tensors = standardised(tensors, conv.standardisation)
                    own_norm = conv.norm
                norms = [
                    FoldedNorm(weights[norm.name], norm.layer.norm)
                    for norm in branch.norms
                    if isinstance(norm.layer, NormLayer)
                ]
                tensors = folded(tensors, own_norm, norms)
                reach = branch.conv.padding if branch.conv else (0, 0)
                offset = (new.padding[0] - reach[0], new.padding[1] - reach[1])
                terms.append(embedded(tensors, new.layer.kernel, offset))
            # What a block has itself is its activation's.
            own = weights.get(old.name, {})
            transferred[new.name] = added(terms, bias=new.layer.bias) | own
        return transferred


class _Fuser:
    """Fuses blocks wherever they are, and counts them; `rule` pads what is inside of blocks."""

    def __init__(self, rule: PadRule) -> None:
        self._rule = rule
        self.fused = self.left = 0

    def element(self, element: Element, node: Node) -> Element:
        """An element with its blocks fused; one that is fused itself has its padding."""
        if not isinstance(element, Block):
            return element
        conv = _fused(node)
        if conv is not None:
            self.fused += 1
            return conv
        self.left += 1
        branches: list[Branch] = []
        for branch, chain in zip(element.branches, _chains(element, node), strict=True):
            if chain is not None:
                elements = self.chain(branch.elements, chain)
                last = elements[-1]
                if element.join is Join.ADD and last != branch.elements[-1] and _ends_active(last):
                    # Its activation was the block's: `id` keeps it before the addition.
                    elements = (*elements, Identity(origin=last.origin))
                branch = replace(branch, elements=elements)
            branches.append(branch)
        return replace(element, branches=tuple(branches))

    def chain(self, elements: Sequence[Element], nodes: Sequence[Node]) -> tuple[Element, ...]:
        """A chain with its blocks fused, padded as it was."""
        old_rule, rule = PaddingRule(self._rule), PaddingRule(self._rule)
        chain: list[Element] = []
        for index, element in enumerate(elements):
            # An activation that moved after an addition has no node.
            new = self.element(element, nodes[index]) if index < len(nodes) else element
            if isinstance(new, Conv) and isinstance(element, Block):
                wanted = new.padding
                new = replace(new, padding=None)
                ruled = rule.next(new)
            elif isinstance(new, Block):
                chain.append(new)
                continue
            else:
                assert not isinstance(element, Block)
                wanted, ruled = old_rule.next(element), rule.next(new)
            if isinstance(new, SlidingWindow) and ruled != wanted:
                new = replace(new, padding=wanted)
            chain.append(new)
        return tuple(chain)


def _chains(block: Block, node: Node) -> list[tuple[Node, ...] | None]:
    """The nodes of each branch that is written; None for an optional one that was left out."""
    if len(block.branches) == 1:
        return [node.branches[0]]
    kept = list(node.branches)
    chains: list[tuple[Node, ...] | None] = []
    for index, branch in enumerate(block.branches, start=1):
        prefix = f"{node.name}.branch{index}"
        of_branch = bool(kept) and (
            not branch.optional or (bool(kept[0]) and kept[0][0].name.startswith(f"{prefix}."))
        )
        chains.append(kept.pop(0) if of_branch else None)
    return chains


def _ends_active(element: Element) -> bool:
    return isinstance(element, Conv) and element.activation is not None


def _pairs(old: Sequence[Node], new: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """Each layer of a chain and what it became, and each fused block and its convolution."""
    for before, after in zip(old, new, strict=False):  # an `id` may follow a fused block
        if isinstance(after.layer, Block):
            for chain, becomes in zip(before.branches, after.branches, strict=True):
                yield from _pairs(chain, becomes)
        yield before, after


def _branches(block: Node) -> list[_Branch] | None:
    """The branches of an adding block, where all are linear in its input; else None."""
    assert isinstance(block.layer, Block)
    if block.layer.join is not Join.ADD:
        return None
    branches: list[_Branch] = []
    for chain in block.branches:
        conv: Node | None = None
        norms: list[Node] = []
        for index, node in enumerate(chain):
            match node.layer:
                case Conv(
                    activation=None, dilation=(1, 1), preactivation=False, norm_word="" | "bn"
                ) if index == 0:
                    conv = node
                case NormLayer(norm_word="bn"):
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
    if any(p.far != (0, 0) for p in nodes):
        return None  # no `p` tag pads one side more than the other
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
        standardisation=None,
        activation=block.activation,
        bias=any(conv.bias or conv.norm for conv in convs)
        or any(branch.norms for branch in branches),
        origin=block.layer.origin,
    )


def _fits(kernel: Pair, padding: Pair, large: Pair, pad: Pair) -> bool:
    """Whether a filter, its map's corner put on that of a larger one, is inside it."""
    return all(0 <= pad[axis] - padding[axis] <= large[axis] - kernel[axis] for axis in range(2))


def _restyled(architecture: Architecture) -> Architecture:
    """The network in a style without what no convolution has any more: batch norm, `ws`."""
    style = architecture.style
    report = infer_shapes(architecture)
    nodes: Sequence[Node] = report.networks[0].layers if report.networks else ()
    convs = [node.layer for node in nodes if isinstance(node.layer, Conv)]
    if not style.preactivation and style.norm_word == "bn":
        keeps_norm = any(conv.norm_word == "bn" for conv in convs)
        style = style if keeps_norm else style._replace(norm=None)
    if not any(conv.standardisation for conv in convs):
        style = style._replace(standardisation=None)
    return replace(architecture, style=style)
