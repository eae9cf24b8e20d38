"""Depth for filter size: a large filter into a cascade of smaller ones, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ctcdsl.checking import Network
from ctcdsl.ir import Conv
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.passes.stage_view import conv_like, require_same_tags, stage_view
from ctcdsl.text import Label, error
from ctcdsl.text.plural import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthForSize:
    """Replace each larger filter of a stage by a cascade of smaller ones of its width.

    The cascade sees what the filter saw: 3 is 2+2, 5 is 3+3 or 2+2+2+2. The inverse is
    size-for-depth, exact where all filters of the stage were of the one size it makes.

    depth-for-size:stage=2,to=2

        (7,64)/2 3/3 (5,128)
        (7,64)/2 3/3 (2,128)x4
    """

    name: ClassVar[str] = "depth-for-size"
    summary: ClassVar[str] = "a large filter into a cascade of smaller ones: 3 into 2+2"
    section: ClassVar[str] = "4.1"
    preserves: ClassVar[Guarantee] = Guarantee.COMPLEXITY

    stage: str
    to: int

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where no filter of the stage is such a cascade."""
        view = stage_view(network, self.stage)
        convs: list[Conv] = []
        for conv in view.convs:
            size = conv.kernel[0]
            if size <= self.to:
                convs.append(conv)
                continue
            if self.to < 2 or (size - 1) % (self.to - 1):
                raise error(
                    "CTC405",
                    f"no cascade of {self.to}x{self.to} filters sees what {size}x{size} sees",
                    at=conv.origin,
                    hint=f"`to` may be {_sizes(size)}",
                )
            first = conv_like(conv, kernel=self.to, filters=conv.filters, stride=conv.stride)
            rest = first if not conv.strided else conv_like(first, filters=conv.filters)
            convs += [first, *[rest] * ((size - 1) // (self.to - 1) - 1)]
        if len(convs) == len(view.convs):
            raise error(
                "CTC405",
                f"{view.name} has no filter larger than {self.to}x{self.to}",
                at=view.convs[0].origin,
            )
        return PassResult(view.with_convs(convs))


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeForDepth:
    """Merge cascades of small filters into larger ones: the inverse of depth-for-size.

    It is undone by depth-for-size with the old filter size, always.

    size-for-depth:stage=2,to=5

        (7,64)/2 3/3 (2,128)x4
        (7,64)/2 3/3 (5,128)
    """

    name: ClassVar[str] = "size-for-depth"
    summary: ClassVar[str] = "cascades of small filters into larger ones: 2+2 into 3"
    section: ClassVar[str] = "4.1"
    preserves: ClassVar[Guarantee] = Guarantee.COMPLEXITY

    stage: str
    to: int

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where the stage is not a row of equal cascades."""
        view = stage_view(network, self.stage)
        sizes = {conv.kernel[0] for conv in view.convs}
        size = view.convs[0].kernel[0]
        if len(sizes) > 1 or size >= self.to or size < 2 or (self.to - 1) % (size - 1):
            shown = ", ".join(f"{side}x{side}" for side in sorted(sizes))
            raise error(
                "CTC405",
                f"{view.name} is not a row of cascades that see {self.to}x{self.to}",
                at=Label(view.convs[0].origin, f"filters of {shown}"),
            )
        many = (self.to - 1) // (size - 1)
        groups = [view.convs[k : k + many] for k in range(0, len(view.convs), many)]
        for group in groups:
            require_same_tags(group)
            if len(group) < many or len({conv.filters for conv in group}) > 1:
                raise error(
                    "CTC405",
                    f"a {self.to}x{self.to} filter replaces {many} filters of one width",
                    at=group[0].origin,
                    hint=f"{view.name} has {plural(len(view.convs), 'layer')}",
                )
        convs = [
            conv_like(group[0], kernel=self.to, filters=group[-1].filters, stride=group[0].stride)
            for group in groups
        ]
        return PassResult(view.with_convs(convs))


def _sizes(size: int) -> str:
    fitting = [str(to) for to in range(2, size) if (size - 1) % (to - 1) == 0]
    return " or ".join(fitting) or "nothing"
