"""Width for map size: a pool and a new stage at the trunk's end, and the inverse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ctcdsl.checking import Network
from ctcdsl.ir import Conv, Pool, Stage, replace
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.passes.rewrites.width import MULTIPLE, terms_of, unknown_terms, width_at
from ctcdsl.passes.stage_view import StageView, conv_like, stage_view, with_stage
from ctcdsl.passes.widths import Width, complexity
from ctcdsl.text import error
from ctcdsl.text.plural import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPool:
    """Add a pool to the last stage and move its last layers after it, made wider.

    The last layer keeps its filters; the others get the width that keeps the complexity
    on maps that are `pool` times smaller. The inverse, remove-pool, is exact where the
    moved layers had one width, a multiple of `multiple`, and the new width needs no rounding.

    add-pool

        (7,64)/2 3/3 (2,128)x4 2/2 (2,256)x6
        (7,64)/2 3/3 (2,128)x4 2/2 (2,256)x4 3/3 (2,2304)+(2,256)
    """

    name: ClassVar[str] = "add-pool"
    summary: ClassVar[str] = "a pool, and wider layers after it"
    section: ClassVar[str] = "4.5"
    preserves: ClassVar[Guarantee] = Guarantee.COMPLEXITY

    layers: int = 2
    pool: int = 3
    multiple: int = MULTIPLE

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where the last stage is too short."""
        view = stage_view(network, str(len(network.architecture.stages)))
        remaining = len(view.convs) - self.layers
        if remaining < 1 or self.layers < 2 or not 2 <= self.pool <= 100:
            raise error(
                "CTC405",
                f"{view.name} has {plural(len(view.convs), 'convolution')},"
                f" and {self.layers} are to move"
                f" after a {self.pool}/{self.pool} pool",
                at=view.convs[0].origin,
                hint="two or more may move, and one must stay",
            )
        moved = view.convs[remaining:]
        channels = view.convs[remaining - 1].filters
        width = _width(view, channels, moved, self.pool**2, self.multiple)
        last = moved[-1]
        convs = [conv_like(conv, filters=width.rounded) for conv in moved[:-1]]
        pool = Pool(
            reduction="max",
            kernel=(self.pool, self.pool),
            stride=(self.pool, self.pool),
            origin=last.origin,
        )
        before = replace(view.stage, elements=(*view.before, *view.convs[:remaining]))
        after = Stage(name=_next_name(view), elements=(pool, *convs, last, *view.after))
        architecture = with_stage(view.network, view.position, before, after)
        return PassResult(architecture, True, (f"after the pool: {width}",))


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePool:
    """Move the last stage's layers before its pool, made narrower: the inverse of add-pool.

    It is undone by add-pool with as many `layers`, under the same conditions.

    remove-pool

        (7,64)/2 3/3 (2,128)x4 2/2 (2,256)x4 3/3 (2,2304)+(2,256)
        (7,64)/2 3/3 (2,128)x4 2/2 (2,256)x6
    """

    name: ClassVar[str] = "remove-pool"
    summary: ClassVar[str] = "the last pool away, and narrower layers in its stage"
    section: ClassVar[str] = "4.5"
    preserves: ClassVar[Guarantee] = Guarantee.COMPLEXITY

    multiple: int = MULTIPLE

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where the last stage does not begin with a k/k pool."""
        view = stage_view(network, str(len(network.architecture.stages)))
        pool = view.before[0] if view.before else None
        if view.position == 0 or len(view.before) != 1 or not isinstance(pool, Pool):
            raise error(
                "CTC405", f"{view.name} does not begin with a pool alone", at=view.convs[0].origin
            )
        if pool.kernel != pool.stride or pool.ceil or len(view.convs) < 2:
            raise error(
                "CTC405",
                f"{view.name} is not a k/k pool and two or more layers",
                at=pool.origin,
            )
        if view.convs[0].strided:
            raise error("CTC405", "the stage's first layer has a stride", at=view.convs[0].origin)
        previous = stage_view(network, str(view.position))
        width = _width(view, view.channels, view.convs, 1 / prod(pool.stride), self.multiple)
        convs = [conv_like(conv, filters=width.rounded) for conv in view.convs[:-1]]
        elements = (*previous.stage.elements, *convs, view.convs[-1], *view.after)
        last = replace(previous.stage, elements=elements)
        stages = (*network.architecture.stages[: previous.position], last)
        architecture = replace(network.architecture, stages=stages)
        return PassResult(architecture, True, (f"before the pool: {width}",))


def _width(
    view: StageView, channels: int, convs: Sequence[Conv], scale: float, multiple: int
) -> Width:
    """The inner width at which layers cost `scale` times what they do."""
    budget = complexity(terms_of(channels, convs)) * scale
    sizes = [conv.kernel[0] for conv in convs]
    return width_at(view, unknown_terms(channels, sizes, convs[-1].filters), budget, multiple)


def _next_name(view: StageView) -> str | None:
    """A name for the stage after a named one: `conv3` is followed by `conv3_pooled`.

    After one without a name it has none, unless its number is another stage's name.
    """
    taken = (*view.network.stage_names, view.network.head.name)
    name = f"stage{view.position + 2}"
    if view.stage.name is None and name not in taken:
        return None
    name = f"{view.stage.name or name}_pooled"
    while name in taken:
        name += "_"
    return name
