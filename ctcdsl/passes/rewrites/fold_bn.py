"""Batch norms into the convolutions before them, for inference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.ir import (
    Architecture,
    Block,
    Conv,
    ConvTranspose,
    Element,
    Layer,
    NormLayer,
    layers_of,
    replace,
)
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.text import error

if TYPE_CHECKING:
    from ctcdsl.passes.weights import Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldBatchNorm:
    """Fold every batch norm right after a convolution into its filters and its bias.

    For inference: a norm with fixed statistics is a factor and a summand for each channel.
    The norm is the convolution's own, a `bn` layer, or that with which a pre-activated
    convolution begins; no activation and no other use of the map is between them. Filters that
    were standardised are so once for all.

    fold-bn

        (7,64,bn)/2 3/3 (3,128,linear) bn relu (3,128,bn)x2
        (7,64)/2 3/3 (3,128,linear) relu (3,128)x2
    """

    name: ClassVar[str] = "fold-bn"
    summary: ClassVar[str] = "batch norms into the convolutions before them, for inference"
    section: ClassVar[str] = "beyond the paper: Ioffe & Szegedy 2015"
    preserves: ClassVar[Guarantee] = Guarantee.OUTPUTS

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where no batch norm follows a convolution."""
        architecture = network.architecture
        chain: list[_Member] = [
            _Member(index, element)
            for index, stage in enumerate(architecture.stages)
            for element in stage.elements
        ]
        chain += [_Member(None, element) for element in architecture.head.layers]
        folded = _folded(chain)
        parts = {part: tuple(m.layer for m in members) for part, members in _parts(folded)}
        stages = tuple(
            replace(stage, elements=parts.get(index, ()))
            for index, stage in enumerate(architecture.stages)
        )
        head = architecture.head
        if parts.get(None, ()) != head.layers:
            head = replace(head, layers=parts[None])
        style = architecture.style
        if style.norm_word == "bn" and not style.preactivation:
            style = style._replace(norm=None, standardisation=None)
        new = replace(architecture, stages=stages, head=head, style=style)
        # Folded are also the norms of shortcuts, which the style alone names.
        old_norms, norms = _num_norms(network.architecture), _num_norms(new)
        shortcuts = sum(
            isinstance(node.branches[-1][0].layer, Conv) and style != architecture.style
            for node in network.layers
            if node.shortcut and node.branches[-1]
        )
        kept = _notes(new)
        if norms == old_norms and not shortcuts:
            raise error(
                "CTC405",
                f"`{architecture.name}` has no batch norm right after a convolution",
                at=architecture.origin,
                hint=kept[0] if kept else "",
            )
        return PassResult(new, True, (f"norms folded: {old_norms - norms + shortcuts}", *kept))

    def transfer_weights(self, before: Network, after: Network, weights: Weights) -> Weights:
        """The weights of the network without the norms."""
        from ctcdsl.passes.weights.convolutions import FoldedNorm, folded, standardised

        transferred: Weights = {}
        for old, norms, new in _pairs(before.nodes, after.nodes):
            tensors = weights.get(old.name)
            if tensors is None:
                continue
            if isinstance(old.layer, Conv) and isinstance(new.layer, Conv):
                folds_own = _folds(old.layer) and new.layer.norm is None
                if old.layer.norm and not new.layer.norm and not folds_own:  # the one before has it
                    tensors = {k: v for k, v in tensors.items() if not k.startswith("norm.")}
                taken = [
                    FoldedNorm(weights[node.name], node.layer.norm)
                    for node in norms
                    if isinstance(node.layer, Conv | NormLayer) and node.layer.norm is not None
                ]
                if new.layer.standardisation is None:
                    tensors = standardised(tensors, old.layer.standardisation)
                tensors = folded(tensors, old.layer.norm if folds_own else None, taken)
            transferred[new.name] = tensors
        return transferred


class _Member(NamedTuple):
    """A layer or block of a chain, and the stage that it is in; None in the head."""

    part: int | None
    layer: Element


def _parts(chain: Sequence[_Member]) -> Iterator[tuple[int | None, list[_Member]]]:
    for part, members in groupby(chain, key=lambda member: member.part):
        yield part, list(members)


def _takers(chain: Sequence[_Member]) -> list[int | None]:
    """For each member of a chain the index of the convolution that takes its norm.

    None for a member that has no norm, or keeps it. No part of the chain loses all it has.
    """
    left = Counter(member.part for member in chain)
    takers: list[int | None] = []
    last: int | None = None  # the convolution whose output this member gets as it is
    for index, (part, layer) in enumerate(chain):
        taker = None
        if isinstance(layer, Conv):
            if layer.preactivation and layer.norm_word == "bn":
                taker = last
            last = index if _takes_norm(layer) else None
        elif last is not None and _is_batch_norm(layer) and left[part] > 1:
            taker = last
            left[part] -= 1
        else:
            last = None
        takers.append(taker)
    return takers


def _folded(chain: Sequence[_Member]) -> list[_Member]:
    """A chain with the norms of its convolutions, and those directly after them, folded."""
    takers = _takers(chain)
    members: list[_Member] = []
    for index, ((part, layer), taker) in enumerate(zip(chain, takers, strict=True)):
        if isinstance(layer, Block):
            branches = (
                replace(branch, elements=tuple(m.layer for m in _folded(_inner(branch.elements))))
                for branch in layer.branches
            )
            layer = replace(layer, branches=tuple(branches))
        elif isinstance(layer, Conv):
            if taker is not None:
                layer = replace(layer, norm=None)
            if _folds(layer):
                layer = replace(layer, norm=None, bias=True, standardisation=None)
            if index in takers:
                layer = replace(layer, bias=True, standardisation=None)
        elif taker is not None:
            continue
        members.append(_Member(part, layer))
    return members


def _inner(elements: Sequence[Element]) -> list[_Member]:
    """The chain of a branch."""
    return [_Member(None, element) for element in elements]


def _folds(conv: Conv) -> bool:
    """Whether a convolution has a batch norm, after it."""
    return conv.norm_word == "bn" and not conv.preactivation


def _is_batch_norm(node: Layer | Block) -> bool:
    return isinstance(node, NormLayer) and node.norm_word == "bn"


def _takes_norm(conv: Conv) -> bool:
    """Whether a convolution's output, its own batch norm folded, is linear in its filters."""
    if conv.preactivation:
        return True
    return conv.activation is None and conv.norm_word in ("", "bn")


def _num_norms(architecture: Architecture) -> int:
    """The batch norms that are written: those of convolutions, and those alone."""
    return sum(
        _is_batch_norm(layer) or (isinstance(layer, Conv) and layer.norm_word == "bn")
        for elements in (*(s.elements for s in architecture.stages), architecture.head.layers)
        for layer in layers_of(elements)
    )


def _notes(architecture: Architecture) -> tuple[str, ...]:
    """The norms that stay, and why: what is before them is not a convolution of their own."""
    elements = [e for stage in architecture.stages for e in stage.elements]
    layers = list(layers_of([*elements, *architecture.head.layers]))
    before = [layer for layer in layers if isinstance(layer, Conv) and layer.norm_word == "bn"]
    alone = [layer for layer in layers if _is_batch_norm(layer)]
    doubling = [x for x in layers if isinstance(x, ConvTranspose) and x.conv.norm_word == "bn"]
    notes: list[str] = []
    if before:
        notes.append(
            f"norms that stay, before convolutions that do not follow one directly: {len(before)}"
        )
    if alone:
        notes.append(
            f"`bn` that stay, without a convolution that ends linear right before: {len(alone)}"
        )
    if doubling:
        notes.append(f"norms that stay, of transposed convolutions: {len(doubling)}")
    return tuple(notes)


Pair = tuple[Node, Sequence[Node], Node]
"""A layer, the nodes with the norms that were folded into it, and its new node."""


def _pairs(old: Sequence[Node], new: Sequence[Node]) -> list[Pair]:
    """Each layer of a chain that stays, blocks after their branches."""
    pairs: list[Pair] = []
    takers = _takers([_Member(node.stage, node.layer) for node in old])
    targets = iter(new)
    for index, (node, taker) in enumerate(zip(old, takers, strict=True)):
        if taker is not None and not isinstance(node.layer, Conv):
            continue
        target = next(targets)
        for chain, becomes in zip(node.branches, target.branches, strict=True):
            pairs += _pairs(chain, becomes)
        taken = [old[k] for k, other in enumerate(takers) if other == index]
        pairs.append((node, taken, target))
    return pairs
