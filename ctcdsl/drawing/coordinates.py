"""Positions of the nodes of ordered layers across the flow (Brandes & Köpf 2002).

Nodes are aligned with the median of their neighbours in four ways (from above or below, to
the left or to the right), each is packed, and every node takes the mean of its two middle
positions. Chains come out straight, and forks are over the middle of their branches.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

Layers = Sequence[Sequence[int]]
Extents = Sequence[tuple[float, float]]
"""How far each node reaches to the left and to the right of its position."""


class Link(NamedTuple):
    """An edge between neighbouring layers; a node is aligned along its heaviest links alone."""

    source: int
    target: int
    weight: int


def coordinates(layers: Layers, links: Sequence[Link], extents: Extents, gap: float) -> list[float]:
    """Return the position of every node; neighbours of a layer are at least `gap` apart.

    Args:
        layers: The nodes of each layer from left to right; every node is in one.
        links: Edges from a layer to the next.
        extents: Of every node.
        gap: The least distance between two nodes of a layer.
    """
    mirrored = [(right, left) for left, right in extents]
    turned = [Link(link.target, link.source, link.weight) for link in links]
    candidates: list[list[float]] = []
    for ordered, edges in ((list(layers), links), (list(reversed(layers)), turned)):
        candidates.append(_aligned(ordered, edges, extents, gap))
        backward = [list(reversed(layer)) for layer in ordered]
        candidates.append([-x for x in _aligned(backward, edges, mirrored, gap)])
    return _balanced(candidates, extents)


def _aligned(
    layers: Sequence[Sequence[int]], links: Sequence[Link], extents: Extents, gap: float
) -> list[float]:
    """The positions by one of the four alignments: each node below its neighbour above."""
    place = {node: k for layer in layers for k, node in enumerate(layer)}
    crossed = _crossed(links, layers, place)
    above: dict[int, list[Link]] = {}
    for link in links:
        above.setdefault(link.target, []).append(link)
    root = list(range(len(extents)))
    taken: set[int] = set()  # nodes with another aligned below them
    for layer in layers:
        last = -1
        for node in layer:
            for parent in _medians(above.get(node, ()), place):
                free = root[node] == node and parent not in taken
                if free and last < place[parent] and (parent, node) not in crossed:
                    root[node] = root[parent]
                    taken.add(parent)
                    last = place[parent]
    return _packed(layers, root, extents, gap)


def _medians(links: Sequence[Link], place: dict[int, int]) -> list[int]:
    """The middle one or two of the neighbours by the heaviest links."""
    if not links:
        return []
    heaviest = max(link.weight for link in links)
    sources = sorted(
        (link.source for link in links if link.weight == heaviest), key=place.__getitem__
    )
    return sources[(len(sources) - 1) // 2 : len(sources) // 2 + 1]


def _crossed(
    links: Sequence[Link], layers: Layers, place: dict[int, int]
) -> frozenset[tuple[int, int]]:
    """The links that cross a heavier one: along them nothing is aligned."""
    layer_of = {node: k for k, layer in enumerate(layers) for node in layer}
    between: dict[int, list[Link]] = {}
    for link in links:
        between.setdefault(layer_of[link.source], []).append(link)
    return frozenset(
        (link.source, link.target)
        for group in between.values()
        if len({link.weight for link in group}) > 1
        for link in group
        for other in group
        if other.weight > link.weight
        and (place[link.source] - place[other.source]) * (place[link.target] - place[other.target])
        < 0
    )


def _packed(layers: Layers, root: Sequence[int], extents: Extents, gap: float) -> list[float]:
    """Move each column of aligned nodes as far left as possible, then back to its neighbours."""
    after: dict[int, dict[int, float]] = {node: {} for node in root}
    waiting = dict.fromkeys(root, 0)
    for layer in layers:
        for one, other in pairwise(layer):
            separation = extents[one][1] + gap + extents[other][0]
            followers = after[root[one]]
            if root[other] not in followers:
                waiting[root[other]] += 1
            followers[root[other]] = max(separation, followers.get(root[other], separation))
    ready = [column for column, count in waiting.items() if not count]
    positions = dict.fromkeys(waiting, 0.0)
    order: list[int] = []
    while ready:
        column = ready.pop()
        order.append(column)
        for follower, separation in after[column].items():
            positions[follower] = max(positions[follower], positions[column] + separation)
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    for column in reversed(order):
        if after[column]:
            room = min(positions[other] - separation for other, separation in after[column].items())
            positions[column] = max(positions[column], room)
    return [positions[column] for column in root]


def _balanced(candidates: Sequence[Sequence[float]], extents: Extents) -> list[float]:
    """The mean of the two middle positions of each node, the four shifted onto the narrowest."""
    ends = [
        (
            min(x - left for x, (left, _) in zip(xs, extents, strict=True)),
            max(x + right for x, (_, right) in zip(xs, extents, strict=True)),
        )
        for xs in candidates
    ]
    low, high = min(ends, key=lambda pair: pair[1] - pair[0])
    shifts = [low - left if k % 2 == 0 else high - right for k, (left, right) in enumerate(ends)]
    moved = [[x + shift for x in xs] for xs, shift in zip(candidates, shifts, strict=True)]
    return [sum(sorted(xs)[1:3]) / 2 for xs in zip(*moved, strict=True)]
