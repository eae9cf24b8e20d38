"""Width for map size: a pool and a new stage at the trunk's end, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ctcdsl.checking import Network
from ctcdsl.ir import Pool, Stage
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.passes.rewrites.width import MULTIPLE, terms_of, width_at
from ctcdsl.passes.site import Site, plain, site, with_stage
from ctcdsl.passes.widths import Term, Width, complexity
from ctcdsl.text import error
from ctcdsl.text.plural import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPool:
    """Add a pool to the last stage and move its last layers behind it, made wider.

    The last layer keeps its filters; the others get the width that keeps the complexity
    on maps that are `pool` times smaller. The way back, remove-pool, is exact where the
    moved layers had one width, a multiple of `multiple`, and the new width needs no rounding.

    add-pool

        (7,64)/2 3/3 (2,128)x4 2/2 (2,256)x6
        (7,64)/2 3/3 (2,128)x4 2/2 (2,256)x4 3/3 (2,2304)+(2,256)
    """

    name: ClassVar[str] = "add-pool"
    summary: ClassVar[str] = "a pool, and wider layers behind it"
    section: ClassVar[str] = "4.5"
    preserves: ClassVar[Guarantee] = Guarantee.COMPLEXITY

    layers: int = 2
    pool: int = 3
    multiple: int = MULTIPLE

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC405 where the last stage is too short."""
        where = site(network, str(len(network.architecture.stages)))
        kept = len(where.convs) - self.layers
        if kept < 1 or self.layers < 2 or not 2 <= self.pool <= 100:
            raise error(
                "CTC405",
                f"{where.name} has {plural(len(where.convs), 'convolution')},"
                f" and {self.layers} are to move"
                f" behind a {self.pool}/{self.pool} pool",
                at=where.convs[0].origin,
                hint="two or more may move, and one must stay",
            )
        moved = where.convs[kept:]
        channels = where.convs[kept - 1].filters
        width = _width(
            channels,
            [conv.kernel[0] for conv in moved],
            moved[-1].filters,
            complexity(terms_of(channels, moved)) * self.pool**2,
            self.multiple,
            where,
        )
        last = moved[-1]
        convs = [plain(conv, kernel=conv.kernel[0], filters=width.rounded) for conv in moved[:-1]]
        pool = Pool(
            reduction="max", kernel=(self.pool, self.pool), stride=self.pool, origin=last.origin
        )
        before = replace(where.stage, elements=(*where.before, *where.convs[:kept]))
        behind = Stage(name=_next_name(where), elements=(pool, *convs, last, *where.behind))
        architecture = with_stage(where.network, where.position, before, behind)
        return PassResult(architecture, True, (f"behind the pool: {width}",))


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePool:
    """Move the last stage's layers before its pool, made narrower: the way back of add-pool.

    It is undone by add-pool, told how many `layers` to move, under the same conditions.

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
        where = site(network, str(len(network.architecture.stages)))
        architecture = network.architecture
        pool = where.before[0] if where.before else None
        if where.position == 0 or len(where.before) != 1 or not isinstance(pool, Pool):
            raise error(
                "CTC405", f"{where.name} does not begin with a pool alone", at=where.convs[0].origin
            )
        if pool.kernel != (pool.stride, pool.stride) or pool.ceil or len(where.convs) < 2:
            raise error(
                "CTC405",
                f"{where.name} is no k/k pool and two or more layers",
                at=pool.origin,
            )
        if where.convs[0].stride != 1:
            raise error("CTC405", "the stage's first layer has a stride", at=where.convs[0].origin)
        previous = site(network, str(where.position))
        width = _width(
            where.channels,
            [conv.kernel[0] for conv in where.convs],
            where.convs[-1].filters,
            complexity(terms_of(where.channels, where.convs)) / pool.stride**2,
            self.multiple,
            where,
        )
        convs = [
            plain(conv, kernel=conv.kernel[0], filters=width.rounded) for conv in where.convs[:-1]
        ]
        nodes = (*previous.stage.elements, *convs, where.convs[-1], *where.behind)
        joined = replace(previous.stage, elements=nodes)
        stages = (*architecture.stages[: previous.position], joined)
        return PassResult(
            replace(architecture, stages=stages), True, (f"before the pool: {width}",)
        )


def _width(
    channels: int, sizes: list[int], filters: int, budget: float, multiple: int, where: Site
) -> Width:
    terms = [
        Term(channels if k == 0 else None, size, filters if k == len(sizes) - 1 else None)
        for k, size in enumerate(sizes)
    ]
    return width_at(where, terms, budget, multiple)


def _next_name(where: Site) -> str | None:
    """A name for the stage behind a named one: `conv3` is followed by `conv3_pooled`.

    Behind one without a name it has none, unless its number is another stage's name.
    """
    taken = (*where.network.stage_names, where.network.head.name)
    name = f"stage{where.position + 2}"
    if where.stage.name is None and name not in taken:
        return None
    name = f"{where.stage.name or name}_pooled"
    while name in taken:
        name += "_"
    return name
