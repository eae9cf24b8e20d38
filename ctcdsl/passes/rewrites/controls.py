"""The paper's controls: deeper without paying for it elsewhere. They do not keep the cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ctcdsl.checking import Network
from ctcdsl.ir import Conv, Element, replace
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.passes.stage_view import conv_like, outside_blocks, stage_index, stage_view
from ctcdsl.text import error
from ctcdsl.text.plural import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatLast:
    """Add duplicates of the last convolution: the paper's D+2 … D+16.

    repeat-last:times=2

        (7,64)/2 3/3 (3,128)x2 2/2 (2,256)x6
        (7,64)/2 3/3 (3,128)x2 2/2 (2,256)x8
    """

    name: ClassVar[str] = "repeat-last"
    summary: ClassVar[str] = "duplicates of the last convolution; the cost grows"
    section: ClassVar[str] = "4.4"
    preserves: ClassVar[Guarantee] = Guarantee.NOTHING

    times: int
    stage: str | None = None

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC402 where `times` is out of range."""
        view = stage_view(network, self.stage or str(len(network.architecture.stages)))
        if not 1 <= self.times <= 1_000:
            raise error("CTC402", f"`times` must be from 1 to 1,000, not {self.times}")
        last = view.convs[-1]
        more = conv_like(last, filters=last.filters)
        return PassResult(view.with_convs([*view.convs, *[more] * self.times]))


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInNetwork:
    """Add a 1x1 convolution after each 2x2 and 3x3 one (Lin et al. 2014).

    nin

        (7,64)/2 3/3 (5,128) 2/2 (2,256)x2
        (7,64)/2 3/3 (5,128) 2/2 (2,256)+(1,256)+(2,256)+(1,256)
    """

    name: ClassVar[str] = "nin"
    summary: ClassVar[str] = "a 1x1 convolution after each 2x2 and 3x3 one; the cost grows"
    section: ClassVar[str] = "4.4"
    preserves: ClassVar[Guarantee] = Guarantee.NOTHING

    stage: str | None = None

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where it has no 2x2 or 3x3 convolution."""
        architecture = network.architecture
        only = None if self.stage is None else stage_index(architecture, self.stage)
        stages = list(architecture.stages)
        added = 0
        for index, stage in enumerate(stages):
            if only is not None and index != only:
                continue
            nodes: list[Element] = []
            for node in stage.elements:
                nodes.append(node)
                if isinstance(node, Conv) and node.kernel in ((2, 2), (3, 3)) and node.groups == 1:
                    nodes.append(
                        replace(conv_like(node, kernel=1, filters=node.filters), dilation=(1, 1))
                    )
                    added += 1
            stages[index] = replace(stage, elements=tuple(nodes))
        if not added:
            stages = stages if only is None else [stages[only]]
            elements = [element for stage in stages for element in stage.elements]
            message = "there is no 2x2 or 3x3 convolution to put one after"
            raise error("CTC405", outside_blocks(elements, message), at=architecture.origin)
        return PassResult(
            replace(architecture, stages=tuple(stages)),
            True,
            (f"{plural(added, 'layer')} of 1x1 added",),
        )
