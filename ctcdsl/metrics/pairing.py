"""Which layers of one network correspond to which of another: an alignment of their structure.

Chains are aligned so that the pairs are as similar as possible, in order: equal layers before
layers of one kind, those of the same stage before others. Two blocks of one join are paired by
how well their branches align, and branches are aligned in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import eq
from typing import NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.ir import Block
from ctcdsl.ir.network import flat
from ctcdsl.ops.record import Record

_MAX_CELLS = 100_000
"""Longer chains are paired by position where they differ."""
_SAME_STAGE = 0.3
_SAME_KIND = 0.4
"""What layers or blocks of one kind have in common whatever their arguments are."""


class Pair(NamedTuple):
    """A layer or block of one network and that of the other; None where it has none.

    Of an `equal` pair nothing differs, all inside of a block included.
    """

    before: Node | None
    after: Node | None
    equal: bool = False


def pair_layers(before: Network, after: Network) -> list[Pair]:
    """The layers and blocks of two networks, paired, in their order.

    A block that only one network has, or that is equal in both, is one pair; the parts of others
    come before them, as in `Network.layers`.
    """
    return _Pairing(_stages(before, after)).chains(before.nodes, after.nodes)


def _stages(before: Network, after: Network) -> dict[int | None, int | None]:
    """The stage of `after` that each of `before` is: of the same name, else in the same place."""
    old, new = before.architecture.stage_names, after.architecture.stage_names
    stages: dict[int | None, int | None] = {None: None}
    for index, name in enumerate(old):
        if name in new:
            stages[index] = new.index(name)
        elif index < len(new) and new[index] not in old:
            stages[index] = index
    return stages


class _Pairing:
    """Alignments, with the similarities that they need again and again."""

    def __init__(self, stages: dict[int | None, int | None]) -> None:
        self._stages = stages
        self._known: dict[tuple[int, int], float] = {}
        self._known_fields: dict[int, tuple[object, ...]] = {}

    def chains(self, before: Sequence[Node], after: Sequence[Node]) -> list[Pair]:
        """The pairs of two chains."""
        pairs: list[Pair] = []
        for one, other in _align(before, after, self._score)[1]:
            if one is None or other is None:
                pairs.append(Pair(one, other))
            elif _equal(one, other):
                pairs.append(Pair(one, other, equal=True))
            else:
                for chain, changed in zip(one.branches, other.branches, strict=False):
                    pairs += self.chains(chain, changed)
                shared = min(len(one.branches), len(other.branches))
                pairs += [Pair(n, None) for chain in one.branches[shared:] for n in chain]
                pairs += [Pair(None, n) for chain in other.branches[shared:] for n in chain]
                pairs.append(Pair(one, other))
        return pairs

    def _score(self, one: Node, other: Node) -> float:
        """What a pair is worth; 0 where it cannot be one."""
        if (one.stage is None) != (other.stage is None):
            return 0
        similarity = self._similarity(one, other)
        if not similarity:
            return 0
        if one.branches:
            similarity *= min(_size(one), _size(other))
        same = one.stage in self._stages and self._stages[one.stage] == other.stage
        return similarity + (_SAME_STAGE if same else 0)

    def _similarity(self, one: Node, other: Node) -> float:
        key = (id(one), id(other))
        if key not in self._known:
            self._known[key] = self._compared(one, other)
        return self._known[key]

    def _compared(self, one: Node, other: Node) -> float:
        """From 0 for other kinds to 1 for equal layers."""
        layer, changed = one.layer, other.layer
        if isinstance(layer, Block) or isinstance(changed, Block):
            if not (isinstance(layer, Block) and isinstance(changed, Block)):
                return 0
            if layer.join is not changed.join:
                return 0
            if layer == changed:
                return 1
            inside = sum(
                _align(*chains, self._score)[0]
                for chains in zip(one.branches, other.branches, strict=False)
            )
            share = inside / max(_size(one), _size(other), inside)
            return _SAME_KIND + (1 - _SAME_KIND) * share
        if type(layer) is not type(changed):
            return 0
        if layer == changed:
            return 1
        fields = self._fields(one)
        same: int = sum(map(eq, fields, self._fields(other)))
        return _SAME_KIND + (1 - _SAME_KIND) * same / (len(fields) + 1)

    def _fields(self, node: Node) -> tuple[object, ...]:
        """The fields of a layer, but for where it comes from."""
        fields = self._known_fields.get(id(node))
        if fields is None:
            layer: Record = node.layer
            names = (name for name in layer.__match_args__ if name != "origin")
            fields = self._known_fields[id(node)] = tuple(getattr(layer, k) for k in names)
        return fields


def _equal(one: Node, other: Node) -> bool:
    """Whether two nodes are the same layer on the same maps, and all inside of them."""
    return (
        one.layer == other.layer
        and one.activation == other.activation
        and (one.input, one.output, one.padded) == (other.input, other.output, other.padded)
        and len(one.branches) == len(other.branches)
        and all(
            len(chain) == len(changed) and all(map(_equal, chain, changed))
            for chain, changed in zip(one.branches, other.branches, strict=True)
        )
    )


def _size(node: Node) -> int:
    """The layers of a block; 1 of a layer."""
    return sum(1 for _ in flat((node,)))


def _align(
    before: Sequence[Node], after: Sequence[Node], score: Callable[[Node, Node], float]
) -> tuple[float, list[tuple[Node | None, Node | None]]]:
    """The best alignment of two chains in order, and what its pairs are worth together."""
    start = 0
    while start < min(len(before), len(after)) and _same(before[start], after[start]):
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and _same(before[-1 - end], after[-1 - end]):
        end += 1
    head = list(zip(before[:start], after[:start], strict=True))
    tail = list(zip(before[len(before) - end :], after[len(after) - end :], strict=True))
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    worth = sum(score(*pair) for pair in (*head, *tail))
    if len(old) * len(new) > _MAX_CELLS:
        between, best = _by_position(old, new, score)
    else:
        between, best = _best(old, new, score)
    return worth + best, [*head, *between, *tail]


def _same(one: Node, other: Node) -> bool:
    return one.name == other.name and _equal(one, other)


Pairs = list[tuple[Node | None, Node | None]]


def _by_position(
    old: Sequence[Node], new: Sequence[Node], score: Callable[[Node, Node], float]
) -> tuple[Pairs, float]:
    pairs: Pairs = []
    total = 0.0
    for one, other in zip(old, new, strict=False):
        worth = score(one, other)
        pairs += [(one, other)] if worth else [(one, None), (None, other)]
        total += worth
    shared = min(len(old), len(new))
    pairs += [(node, None) for node in old[shared:]]
    pairs += [(None, node) for node in new[shared:]]
    return pairs, total


def _best(
    old: Sequence[Node], new: Sequence[Node], score: Callable[[Node, Node], float]
) -> tuple[Pairs, float]:
    """By dynamic programming; of alignments that are worth the same, that of the first pairs."""
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    paired = [[0.0] * len(new) for _ in old]
    for i in range(len(old) - 1, -1, -1):
        row, below = best[i], best[i + 1]
        for j in range(len(new) - 1, -1, -1):
            worth = score(old[i], new[j])
            paired[i][j] = worth + below[j + 1] if worth else -1
            row[j] = max(paired[i][j], below[j], row[j + 1])
    pairs: Pairs = []
    i = j = 0
    while i < len(old) or j < len(new):
        if i < len(old) and j < len(new) and paired[i][j] == best[i][j]:
            pairs.append((old[i], new[j]))
            i, j = i + 1, j + 1
        elif i < len(old) and (j == len(new) or best[i + 1][j] == best[i][j]):
            pairs.append((old[i], None))
            i += 1
        else:
            pairs.append((None, new[j]))
            j += 1
    return pairs, best[0][0]
