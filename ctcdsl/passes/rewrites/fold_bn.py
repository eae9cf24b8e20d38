"""Batch norms into the convolutions before them, for inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from ctcdsl.checking import Network, Node
from ctcdsl.ir import Architecture, Block, Conv, Element, Layer, NormLayer, layers_of
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.text import error

if TYPE_CHECKING:
    from ctcdsl.passes.weights import Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldBatchNorm:
    """Fold every batch norm after a convolution into its filters and its bias.

    For inference: a norm with fixed statistics is a factor and a summand for each channel.
    A `bn` layer is folded too, directly after a convolution without an activation.

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
        stages = tuple(
            replace(stage, elements=_folded(stage.elements))
            for stage in architecture.stages
            if stage.elements
        )
        style = architecture.style
        if style.norm == "bn" and not style.preactivation:
            style = style._replace(norm=None)
        new = replace(architecture, stages=stages, style=style)
        kept = _notes(new)
        folds_own = any(isinstance(p.layer, Conv) and _folds(p.layer) for p in network.layers)
        if not folds_own and stages == architecture.stages:  # a style alone is not a norm
            raise error(
                "CTC405",
                f"`{architecture.name}` has no batch norm after a convolution",
                at=architecture.origin,
                hint=kept[0] if kept else "",
            )
        return PassResult(new, True, kept)

    def transfer_weights(self, before: Network, after: Network, weights: Weights) -> Weights:
        """The weights of the network without the norms."""
        from ctcdsl.passes.weights.convolutions import folded

        transferred: Weights = {}
        for old, norms, new in _pairs(before.nodes, after.nodes):
            tensors = weights.get(old.name)
            if tensors is None:
                continue
            transferred[new.name] = tensors
            if isinstance(old.layer, Conv) and isinstance(new.layer, Conv):
                folds_own = old.layer.norm == "bn" and new.layer.norm is None
                transferred[new.name] = folded(
                    tensors, folds_own, [weights[norm.name] for norm in norms]
                )
        return transferred


def _folded(nodes: Sequence[Element]) -> tuple[Element, ...]:
    """A chain with the norms of its convolutions, and those directly after them, folded."""
    elements: list[Element] = []
    for node in nodes:
        last = elements[-1] if elements else None
        if _is_batch_norm(node) and isinstance(last, Conv) and _takes_norm(last):
            elements[-1] = replace(last, bias=True)
        elif isinstance(node, Block):
            branches = (
                replace(branch, elements=_folded(branch.elements)) for branch in node.branches
            )
            elements.append(replace(node, branches=tuple(branches)))
        elif isinstance(node, Conv) and _folds(node):
            elements.append(replace(node, norm=None, bias=True))
        else:
            elements.append(node)
    return tuple(elements)


def _folds(conv: Conv) -> bool:
    """Whether a convolution has a batch norm, after it."""
    return conv.norm == "bn" and not conv.preactivation


def _is_batch_norm(node: Layer | Block) -> bool:
    return isinstance(node, NormLayer) and node.norm == "bn"


def _takes_norm(conv: Conv) -> bool:
    """Whether a convolution's output, its own batch norm folded, is linear in its filters."""
    if conv.preactivation:
        return True
    return conv.activation is None and conv.norm != "ln"


def _notes(architecture: Architecture) -> tuple[str, ...]:
    """The norms that stay, and why: those of the head, and those that no convolution can absorb."""
    layers = [layer for stage in architecture.stages for layer in layers_of(stage.elements)]
    head = list(layers_of(architecture.head.layers))
    before = [layer for layer in layers if isinstance(layer, Conv) and layer.norm == "bn"]
    kept = [layer for layer in head if isinstance(layer, Conv) and layer.norm == "bn"]
    alone = [layer for layer in [*layers, *head] if _is_batch_norm(layer)]
    notes: list[str] = []
    if before:
        notes.append(f"norms that stay, before their convolutions: {len(before)}")
    if kept:
        notes.append(f"norms that stay, in the head: {len(kept)}")
    if alone:
        notes.append(
            f"`bn` that stay, without a convolution that ends linear right before: {len(alone)}"
        )
    return tuple(notes)


Pair = tuple[Node, Sequence[Node], Node]
"""A layer, the norms after it that were folded into it, and its new node."""


def _pairs(old: Sequence[Node], new: Sequence[Node]) -> list[Pair]:
    """Each layer of a chain that stays, blocks after their branches."""
    pairs: list[Pair] = []
    targets = iter(new)
    last: Node | None = None
    taken: list[Node] = []
    for node in old:
        inside = last is not None and last.stage == node.stage is not None
        conv = last.layer if last is not None and inside else None
        if _is_batch_norm(node.layer) and isinstance(conv, Conv) and _takes_norm(conv):
            taken.append(node)
            continue
        target = next(targets)
        for chain, becomes in zip(node.branches, target.branches, strict=True):
            pairs += _pairs(chain, becomes)
        last, taken = node, []
        pairs.append((node, taken, target))
    return pairs
