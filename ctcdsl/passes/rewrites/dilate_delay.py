"""Delayed subsampling that changes nothing: the convolution is dilated by the pool's stride."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ctcdsl.checking import Network, Node
from ctcdsl.ir import (
    Block,
    Conv,
    Element,
    Pair,
    Pool,
    output_size,
    replace,
)
from ctcdsl.passes.base import Guarantee, KeepsWeights, PassResult
from ctcdsl.passes.padding import Place, freeze_paddings, paddings_of
from ctcdsl.passes.stage_view import outside_blocks, stage_index
from ctcdsl.text import error


@dataclass(frozen=True, slots=True, kw_only=True)
class DilateDelay(KeepsWeights):
    """Let pools filter with stride 1, and the next convolution skip what they now add.

    Pixel i of the pooled map is pixel s*i of the dense one, and outside of both are zeros: so
    the convolution with s times its stride, dilation and padding sees what it saw before.
    All pools followed by a convolution, or those of one stage.

    dilate-delay

        (7,64)/2 3/3 (3,128)x2 2/2 (3,256)
        (7,64)/2 3/1 (3,128,p3,d3)/3+(3,128) 2/1 (3,256,p2,d2)/2
    """

    name: ClassVar[str] = "dilate-delay"
    summary: ClassVar[str] = "delayed subsampling, exact: the convolution is dilated as well"
    section: ClassVar[str] = "4.6, beyond the paper"
    preserves: ClassVar[Guarantee] = Guarantee.OUTPUTS

    stage: str | None = None

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where no pool can give its stride."""
        architecture = network.architecture
        only = None if self.stage is None else stage_index(architecture, self.stage)
        paddings = paddings_of(network)
        places = [
            (s, k)
            for s, stage in enumerate(architecture.stages)
            for k in range(len(stage.elements))
        ]
        trunk = [node for node in network.nodes if node.stage is not None]
        new: dict[Place, Element] = {}
        notes: list[str] = []
        for at, node in enumerate(trunk):
            pool = node.layer
            if not isinstance(pool, Pool) or not pool.strided or only not in (None, node.stage):
                continue
            taker = _taker(trunk, at)
            if isinstance(taker, str):
                notes.append(f"`{pool.origin.text}` stays: {taker}")
                continue
            conv = trunk[taker].layer
            assert isinstance(conv, Conv)
            place, stride = places[taker], pool.stride
            new[places[at]] = replace(pool, stride=(1, 1), ceil=False)
            wider = _times(paddings[place], stride)
            new[place] = replace(
                conv,
                stride=_times(conv.stride, stride),
                dilation=_times(conv.dilation, stride),
                padding=wider,
            )
            paddings[place] = wider
        if not new:
            place_name = f"`{network.name}`" if only is None else architecture.stage_names[only]
            raise error(
                "CTC405",
                outside_blocks(
                    [
                        element
                        for k, stage in enumerate(architecture.stages)
                        if only in (None, k)
                        for element in stage.elements
                    ],
                    f"{place_name} has no pool whose stride a convolution could take",
                ),
                at=architecture.origin,
                hint="; ".join(notes),
            )
        stages = tuple(
            replace(stage, elements=tuple(new.get((s, k), n) for k, n in enumerate(stage.elements)))
            for s, stage in enumerate(architecture.stages)
        )
        rewritten = freeze_paddings(replace(architecture, stages=stages), paddings)
        return PassResult(rewritten, True, tuple(notes))


def _times(one: Pair, other: Pair) -> Pair:
    return one[0] * other[0], one[1] * other[1]


def _taker(trunk: list[Node], at: int) -> int | str:
    """The index of the convolution that takes a pool's stride, or why there is none.

    Layers that work on one pixel at a time may come between them.
    """
    node, pool = trunk[at], trunk[at].layer
    assert isinstance(pool, Pool)
    if pool.ceil and any(
        output_size(side, kernel, stride, pad) != out
        for side, kernel, stride, pad, out in zip(
            node.input[1:], pool.kernel, pool.stride, node.padding, node.output[1:], strict=True
        )
    ):
        return "its last window, a part of one, exists only at its stride"
    for k in range(at + 1, len(trunk)):
        layer = trunk[k].layer
        if isinstance(layer, Conv):
            if layer.preactivation and layer.norm and not layer.norm.pixelwise:
                return f"`{layer.origin.text}` has a {layer.norm.title}, taken over its map"
            return k
        if isinstance(layer, Block) or not layer.pixelwise:
            break
    return "no plain convolution follows it"
