"""A third-party pass: convolutions into bottlenecks of the same complexity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ctcdsl.checking import Network
from ctcdsl.ir import Conv
from ctcdsl.passes import Guarantee, PassResult, error
from ctcdsl.passes.rewrites.width import width_at
from ctcdsl.passes.stage_view import conv_like, stage_view
from ctcdsl.passes.widths import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Bottleneck:
    """Replace each filter of a stage by a 1x1, one of its size, and a 1x1 again.

    The last keeps the layer's filters; the first two get the width that keeps the layer's
    complexity.

    bottleneck:stage=3

        (7,64)/2 3/3 (5,128) 2/2 (3,256)x2
        (7,64)/2 3/3 (5,128) 2/2 (1,160)+(3,160)+(1,256)+(1,224)+(3,224)+(1,256)
    """

    name: ClassVar[str] = "bottleneck"
    summary: ClassVar[str] = "each filter into 1x1, itself, 1x1, at the same complexity"
    section: ClassVar[str] = "He et al. 2016, Figure 5"
    preserves: ClassVar[Guarantee] = Guarantee.COMPLEXITY

    stage: str
    multiple: int = 32

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where no filter of the stage is larger than 1x1."""
        view = stage_view(network, self.stage)
        convs: list[Conv] = []
        notes: list[str] = []
        in_channels = view.channels
        for conv in view.convs:
            size, filters = conv.kernel[0], conv.filters
            if size == 1:
                convs.append(conv)
            else:
                terms = [Term(in_channels, 1, None), Term(None, size, None), Term(None, 1, filters)]
                width = width_at(view, terms, in_channels * size**2 * filters, self.multiple)
                convs += [
                    conv_like(conv, kernel=1, filters=width.rounded),
                    conv_like(conv, kernel=size, filters=width.rounded, stride=conv.stride),
                    conv_like(conv, kernel=1, filters=filters),
                ]
                notes.append(f"`{conv.origin.text}`: {width}")
            in_channels = filters
        if not notes:
            raise error("CTC405", f"{view.name} has 1x1 filters alone", at=view.convs[0].origin)
        return PassResult(view.with_convs(convs), notes=tuple(dict.fromkeys(notes)))
