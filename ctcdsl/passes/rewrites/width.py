"""Depth for width, and width for filter size: the stage's inner width is solved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import ClassVar

from ctcdsl.checking import Network
from ctcdsl.ir import Conv
from ctcdsl.layers.base import MAX_WIDTH
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.passes.stage_view import (
    StageView,
    conv_like,
    require_same_tags,
    stage_index,
    stage_view,
)
from ctcdsl.passes.widths import Term, Width, complexity, require_multiple, solve_width
from ctcdsl.text import UserError, error
from ctcdsl.text.plural import plural

MULTIPLE = 32
"""The default multiple that widths are rounded to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthForWidth:
    """Give a stage another depth, and the width that keeps its complexity.

    In a row of layers the last keeps its filters, the others share the solved width. The old
    depth restores the old layers where they had one width, a multiple of `multiple`,
    and the new one needed no rounding.

    depth-for-width:stage=3,depth=6

        (7,64)/2 3/3 (5,128) 2/2 (3,256)x3
        (7,64)/2 3/3 (5,128) 2/2 (3,160)x5+(3,256)

    Where the stage repeats blocks, `depth` counts them: what they give stays, and their inner
    widths get one factor.

    depth-for-width:stage=2,depth=6,multiple=8

        (7,64)/2 3/3 [ (1,64) (3,64) (1,256) ]x3
        (7,64)/2 3/3 [ (1,40) (3,40) (1,256) ]x6
    """

    name: ClassVar[str] = "depth-for-width"
    summary: ClassVar[str] = "another depth, at the width that keeps the complexity"
    section: ClassVar[str] = "4.2"
    preserves: ClassVar[Guarantee] = Guarantee.COMPLEXITY

    stage: str
    depth: int
    multiple: int = MULTIPLE

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where the stage mixes filter sizes, CTC406 without a width."""
        index = stage_index(network.architecture, self.stage)
        try:
            view = stage_view(network, self.stage)
        except UserError as refusal:  # not a row of plain convolutions: it may repeat others
            from ctcdsl.passes.rewrites.repeat_depth import with_depth  # loaded where needed

            return with_depth(network, index, self.depth, self.multiple, refusal)
        size = one_size(view)
        require_same_tags(view.convs[:-1])
        if not 2 <= self.depth <= 1_000:
            raise error(
                "CTC405",
                f"a depth must be from 2 to 1,000, not {self.depth}",
                at=view.convs[0].origin,
                hint="the last layer keeps its filters: with one layer no width is free",
            )
        return with_solved_width(view, size=size, depth=self.depth, multiple=self.multiple)


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthForSize:
    """Give a stage another filter size, and the width that keeps its complexity.

    width-for-size:stage=3,to=3

        (7,64)/2 3/3 (5,128) 2/2 (2,256)x6
        (7,64)/2 3/3 (5,128) 2/2 (3,160)x5+(3,256)
    """

    name: ClassVar[str] = "width-for-size"
    summary: ClassVar[str] = "another filter size, at the width that keeps the complexity"
    section: ClassVar[str] = "4.3"
    preserves: ClassVar[Guarantee] = Guarantee.COMPLEXITY

    stage: str
    to: int
    multiple: int = MULTIPLE

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where nothing changes, CTC406 without a width."""
        view = stage_view(network, self.stage)
        size = one_size(view)
        require_same_tags(view.convs[:-1])
        if not 1 <= self.to <= 100 or self.to == size or len(view.convs) < 2:
            alone = len(view.convs) < 2
            problem = "has one layer, whose filters stay" if alone else f"has {size}x{size} filters"
            raise error(
                "CTC405",
                f"{view.name} {problem}: there is nothing to trade for {self.to}x{self.to}",
                at=view.convs[0].origin,
            )
        return with_solved_width(view, size=self.to, depth=len(view.convs), multiple=self.multiple)


def one_size(view: StageView) -> int:
    """The filter size of a stage; CTC405 where it has several."""
    sizes = sorted({conv.kernel[0] for conv in view.convs})
    if len(sizes) > 1:
        raise error(
            "CTC405",
            f"{view.name} mixes filters of {' and '.join(f'{s}x{s}' for s in sizes)}",
            at=view.convs[0].origin,
            hint="make them one size first, with depth-for-size",
        )
    return sizes[0]


def terms_of(channels: int, convs: Iterable[Conv]) -> list[Term]:
    """The complexity of convolutions which `channels` enter, map sizes omitted."""
    terms: list[Term] = []
    for conv in convs:
        terms.append(Term(channels, conv.kernel[0], conv.filters))
        channels = conv.filters
    return terms


def unknown_terms(
    channels: int, sizes: Sequence[int], filters: int, scales: Iterable[float] = repeat(1.0)
) -> list[Term]:
    """The complexity of layers of which all but the last have the unknown width.

    Args:
        channels: The input channels of the first.
        sizes: The filter size of each.
        filters: The filters of the last.
        scales: What multiplies each, such as the pixels of its map.
    """
    unknown: list[int | None] = [None] * (len(sizes) - 1)
    return list(map(Term, [channels, *unknown], sizes, [*unknown, filters], scales))


def width_at(view: StageView, terms: Sequence[Term], budget: float, multiple: int) -> Width:
    """The width at which layers of a stage cost `budget`; CTC406 where there is none.

    CTC402 for a multiple out of range.
    """
    require_multiple(multiple)
    width = solve_width(terms, budget, multiple)
    if width is None or width.rounded > MAX_WIDTH:
        why = (
            f"the layers whose filters stay cost more than the {budget:,.0f} that there are"
            if width is None
            else f"it would be {width.exact:,.0f}, and {MAX_WIDTH:,} is the most"
        )
        raise error(
            "CTC406",
            f"no width of {view.name} keeps the complexity with {plural(len(terms), 'layer')} of"
            f" {_sizes(terms)}: {why}",
            at=view.convs[0].origin,
        )
    return width


def _sizes(terms: Iterable[Term]) -> str:
    return " and ".join(f"{size}x{size}" for size in sorted({term.size for term in terms}))


def with_solved_width(view: StageView, *, size: int, depth: int, multiple: int) -> PassResult:
    """A stage of `depth` layers of `size`, all but the last at the width that keeps its cost.

    CTC406 where no width does.
    """
    first, last = view.convs[0], view.convs[-1]
    budget = complexity(terms_of(view.channels, view.convs))
    terms = unknown_terms(view.channels, [size] * depth, last.filters)
    width = width_at(view, terms, budget, multiple)
    inner = conv_like(first, kernel=size, filters=width.rounded)
    convs = [
        conv_like(first, kernel=size, filters=width.rounded, stride=first.stride),
        *[inner] * (depth - 2),
        conv_like(last, kernel=size, filters=last.filters),
    ]
    changed = tuple(convs) != view.convs
    return PassResult(view.with_convs(convs), changed, (f"{view.name}: {width}",))
