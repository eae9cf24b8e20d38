"""Equal neighbours of a network folded: `(3,256)` three times is drawn once, as `×3`."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from ctcdsl.ir import Block, Shape, SlidingWindow
from ctcdsl.ir.network import Node, flat
from ctcdsl.metrics.tables import side

_LONGEST = 24
"""The longest chain of different layers whose repetition is looked for."""

_WORTH = 4
"""How many boxes less make a frame around several layers worth it."""


class Layers(NamedTuple):
    """A layer, `times` times in a row.

    `nodes` are all layers of the network that it stands for, those of the repetitions around
    it included: for each place in the row its copies, from first to last.
    """

    nodes: tuple[Node, ...]
    times: int = 1


class Branching(NamedTuple):
    """A block with its branches, folded, `times` times in a row."""

    nodes: tuple[Node, ...]
    branches: tuple[tuple[Item, ...], ...]
    times: int = 1


class Repeat(NamedTuple):
    """A chain of several layers and blocks, `times` times in a row."""

    chain: tuple[Item, ...]
    times: int

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The layers and blocks that end the repetitions."""
        return self.chain[-1].nodes


Item = Layers | Branching | Repeat


def fold(nodes: Sequence[Node]) -> tuple[Item, ...]:
    """Return a chain with equal neighbours folded.

    Layers are equal where they are written alike; a layer that strides or grows, or a block with
    one inside, only where the sizes of their maps are equal, too. Channels that come in may differ:
    a dense block is one block, many times.
    """
    return _Folder().chain([(node,) for node in nodes])


def count(items: Sequence[Item]) -> int:
    """How many layers and joins are drawn."""
    return sum(
        count(item.chain)
        if isinstance(item, Repeat)
        else 1 + sum(map(count, item.branches))
        if isinstance(item, Branching)
        else 1
        for item in items
    )


class _Folder:
    """Folds chains; equal layers get one number, so that they compare fast."""

    def __init__(self) -> None:
        self.numbers: dict[Hashable, int] = {}

    def chain(self, bundles: Sequence[tuple[Node, ...]]) -> tuple[Item, ...]:
        """Fold a chain in which each place stands for several nodes, all alike."""
        keys = [self._key(bundle[0]) for bundle in bundles]
        drawn = [sum(1 for _ in flat(bundle[:1])) for bundle in bundles]
        items: list[Item] = []
        at = 0
        while at < len(keys):
            period, times = _repetition(keys, drawn, at)
            merged = [
                tuple(
                    node for bundle in bundles[k : at + period * times : period] for node in bundle
                )
                for k in range(at, at + period)
            ]
            if period == 1:
                items.append(self._item(merged[0], times))
            else:
                items.append(Repeat(self.chain(merged), times))
            at += period * times
        return tuple(items)

    def _item(self, nodes: tuple[Node, ...], times: int) -> Item:
        first = nodes[0]
        if not isinstance(first.layer, Block):
            return Layers(nodes, times)
        branches = (
            self.chain([tuple(node.branches[k][i] for node in nodes) for i in range(len(branch))])
            for k, branch in enumerate(first.branches)
        )
        return Branching(nodes, tuple(branches), times)

    def _key(self, node: Node) -> int:
        layer = node.layer
        key: Hashable
        if isinstance(layer, Block):
            branches = tuple(tuple(map(self._key, branch)) for branch in node.branches)
            key = (layer.join, layer.share, layer.call, node.shortcut, node.activation, branches)
        elif layer.growth > 1 or (isinstance(layer, SlidingWindow) and layer.strided):
            key = (type(layer), layer, node.output.height, node.output.width)
        else:
            key = (type(layer), layer)
        return self.numbers.setdefault(key, len(self.numbers))


def _repetition(keys: Sequence[int], drawn: Sequence[int], at: int) -> tuple[int, int]:
    """The period and the count of the repetition that begins here and reaches furthest.

    Chains of several layers are folded only where that saves some (`drawn` counts them).
    """
    best, reached = (1, 1), 1
    for period in range(1, _LONGEST + 1):
        end = at + period
        while end < len(keys) and keys[end] == keys[end - period]:
            end += 1
        times = (end - at) // period
        saved = (times - 1) * sum(drawn[at : at + period])
        if times > 1 and times * period > reached and (period == 1 or saved >= _WORTH):
            best, reached = (period, times), times * period
    return best


def input_of(item: Item) -> Shape:
    """The input of an item's first layer."""
    return input_of(item.chain[0]) if isinstance(item, Repeat) else item.nodes[0].input


def map_sizes(layers: Layers) -> str:
    """The maps of a folded layer where they are not of one size: `35 36 35 36`, `17 18 ×3`."""
    copies = len(layers.nodes) // layers.times
    all_sizes = [side(node) for node in layers.nodes]
    sizes = all_sizes[::copies]
    if len(set(all_sizes)) == 1:
        return ""
    if any(all_sizes[k::copies] != sizes for k in range(copies)):
        return f"{all_sizes[0]} → {all_sizes[-1]}"
    if len(sizes) <= 4:
        return " ".join(sizes)
    if all(one == other for one, other in zip(sizes, sizes[2:], strict=False)) and not (
        len(sizes) % 2
    ):
        return f"{sizes[0]} {sizes[1]} ×{len(sizes) // 2}"
    return f"{sizes[0]} → {sizes[-1]}"
