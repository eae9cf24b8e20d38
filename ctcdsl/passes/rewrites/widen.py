"""Net2Wider: more filters that compute what the old ones did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ctcdsl.checking import Network, Node
from ctcdsl.ir import (
    Block,
    Conv,
    Linear,
    replace,
)
from ctcdsl.layers.base import MAX_WIDTH
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.passes.padding import freeze_paddings, paddings_of
from ctcdsl.passes.stage_view import stage_convs, with_stage
from ctcdsl.text import error

if TYPE_CHECKING:
    from ctcdsl.passes.weights import Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Widen:
    """Give a stage's convolutions, or its `layer`-th, more filters: copies of their own.

    The next layer divides its weights for a copied filter by the number of copies.

    widen:stage=2,width=192

        (7,64)/2 3/3 (3,128)x2 2/2 (3,256)
        (7,64)/2 3/3 (3,192)x2 2/2 (3,256)
    """

    name: ClassVar[str] = "widen"
    summary: ClassVar[str] = "more filters, copies of the old ones (Net2Wider)"
    section: ClassVar[str] = "beyond the paper: Chen et al. 2016"
    preserves: ClassVar[Guarantee] = Guarantee.OUTPUTS

    stage: str
    width: int
    layer: int | None = None

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC404 where channels are mixed before the next layer."""
        index, indices = self._narrow(network)
        stage = network.architecture.stages[index]
        nodes = list(stage.elements)
        for at in indices:
            conv = nodes[at]
            assert isinstance(conv, Conv)
            following(network, network.stage(index)[at])
            nodes[at] = replace(conv, filters=self.width)
        architecture = with_stage(
            network.architecture, index, replace(stage, elements=tuple(nodes))
        )
        return PassResult(freeze_paddings(architecture, paddings_of(network)))

    def _narrow(self, network: Network) -> tuple[int, list[int]]:
        """The index of the stage, and those of its convolutions that become wider."""
        index, indices = stage_convs(network, self.stage, self.layer)
        nodes = network.architecture.stages[index].elements
        widths = {at: node.filters for at in indices if isinstance(node := nodes[at], Conv)}
        narrow = [at for at in indices if widths[at] < self.width]
        if self.width > MAX_WIDTH:
            raise error("CTC402", f"a width is at most {MAX_WIDTH:,}, not {self.width}")
        if not narrow:
            raise error(
                "CTC405",
                f"no convolution chosen has fewer than {self.width} filters",
                at=nodes[indices[0]].origin,
                hint=f"a width of {max(widths.values()) + 1} or more makes it wider",
            )
        return index, narrow

    def transfer_weights(self, before: Network, after: Network, weights: Weights) -> Weights:
        """The weights of the wider network."""
        from ctcdsl.passes.weights.channels import replicated

        index, indices = self._narrow(before)
        for at in indices:
            node = before.stage(index)[at]
            weights = replicated(node, self.width, following(before, node), weights)
        return weights


def following(network: Network, conv: Node) -> Sequence[Node]:
    """The layers after a convolution, up to the one that sums over its channels.

    Raises:
        UserError: CTC404 where a layer on the way looks at several channels at once, where
            the layers themselves are grouped, or where nothing sums.
    """
    assert isinstance(conv.layer, Conv)
    after_it = not conv.layer.preactivation
    if conv.layer.groups > 1 or (after_it and _has_mixing_norm(conv.layer)):
        raise _mixes(conv, conv)
    at = next(k for k, node in enumerate(network.nodes) if node.name == conv.name)
    following_nodes = network.nodes[at + 1 :]
    for count, node in enumerate(following_nodes, start=1):
        layer = node.layer
        if isinstance(layer, Conv):
            if layer.groups > 1 or (layer.preactivation and _has_mixing_norm(layer)):
                raise _mixes(conv, node)
            if layer.standardisation is not None:
                raise error(
                    "CTC404",
                    f"`{conv.layer.origin.text}` cannot be widened: `{layer.origin.text}`"
                    " standardises its filters, whose weights would be divided among the copies",
                    at=layer.origin,
                    hint="a convolution is widened where the next one is not standardised",
                )
            return following_nodes[:count]
        if isinstance(layer, Linear):
            return following_nodes[:count]
        if isinstance(layer, Block) or not layer.channelwise:
            raise _mixes(conv, node)
    raise error(
        "CTC404",
        f"`{conv.layer.origin.text}` gives the network's output, which must stay",
        at=conv.layer.origin,
        hint="a convolution is widened where another one, or `fc`, follows it",
    )


def _has_mixing_norm(conv: Conv) -> bool:
    return conv.norm is not None and not conv.norm.channelwise


def _mixes(conv: Node, node: Node) -> Exception:
    layer = node.layer
    match layer:
        case Block():
            problem = "is a block, whose branches would all get the copies"
        case Conv():
            problem = f"has {layer.groups} groups"
            if layer.groups == 1 and layer.norm is not None:
                problem = f"has a {layer.norm.title}"
        case _:
            problem = f"looks at several channels at once (`{layer.keyword}`)"
    return error(
        "CTC404",
        f"`{conv.layer.origin.text}` cannot be widened: `{layer.origin.text}` {problem}",
        at=layer.origin,
        hint="between a widened convolution and the next no layer may mix channels",
    )
