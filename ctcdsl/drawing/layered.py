"""A layered layout (Sugiyama et al. 1981): layers, few crossings, coordinates.

It has no direction: nodes have a place `across` the flow and one `along` it, and the caller
decides which is x. Edges run straight through layers and bend between them, so that an
edge never meets a node. A label of an edge is a node like any other.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import accumulate, pairwise
from random import Random
from typing import NamedTuple

from ctcdsl.drawing.coordinates import Link, coordinates

_SWEEPS = 12
_STARTS, _SMALL = 100, 200  # orders to start from, for graphs of fewer links


class Size(NamedTuple):
    """How far a node reaches to both sides of its position, and its length along the flow."""

    left: float
    right: float
    length: float


class Edge(NamedTuple):
    """From a node to another; the heavier it is, the straighter it runs."""

    source: str
    target: str
    weight: int = 1


class Place(NamedTuple):
    """A point of the layout; of a node, its position across the flow and where it begins."""

    across: float
    along: float


class Layout(NamedTuple):
    """Where nodes and edges are; across the flow from `left` to `right`, along it from 0.

    `routes` has the points of each edge, from its source to its target, in the order of the
    edges: an even number, in pairs of the same place across.
    """

    places: dict[str, Place]
    routes: tuple[tuple[Place, ...], ...]
    left: float
    right: float
    length: float


def layered(
    sizes: Mapping[str, Size], edges: Sequence[Edge], *, apart: float, between: float
) -> Layout:
    """Lay out a graph.

    Args:
        sizes: The nodes. Their order is the first guess of their order in a layer.
        edges: Between nodes, never from one to itself. Those that close a cycle run backward.
        apart: The least distance of two nodes in a layer.
        between: The distance of two layers.
    """
    if not sizes:
        return Layout({}, (), 0.0, 0.0, 0.0)
    names = list(sizes)
    index = {name: k for k, name in enumerate(names)}
    pairs = [(index[edge.source], index[edge.target]) for edge in edges]
    backward = _closing(len(names), pairs)
    forward = [pair[::-1] if pair in backward else pair for pair in pairs]
    ranks = _ranks(len(names), forward)
    layers: list[list[int]] = [[] for _ in range(max(ranks) + 1)]
    for node, rank in enumerate(ranks):
        layers[rank].append(node)
    paths = _paths(forward, ranks, layers)
    heavy = 1 + max((edge.weight for edge in edges), default=1)
    count = len(names)
    links = [
        Link(one, other, heavy if one >= count and other >= count else edge.weight)
        for edge, path in zip(edges, paths, strict=True)
        for one, other in pairwise(path)
    ]
    _order(layers, links)
    passing = sum(map(len, layers)) - count
    extents = [(size.left, size.right) for size in sizes.values()] + [(0.0, 0.0)] * passing
    across = coordinates(layers, links, extents, apart)
    lengths = [sizes[name].length for name in names]
    depths = [max((lengths[v] for v in layer if v < count), default=0.0) for layer in layers]
    starts = list(accumulate((depth + between for depth in depths[:-1]), initial=0.0))
    begin = [starts[rank] + (depths[rank] - lengths[v]) / 2 for v, rank in enumerate(ranks)]
    routes = []
    for pair, path in zip(pairs, paths, strict=True):
        first, last = path[0], path[-1]
        points = [Place(across[first], begin[first] + lengths[first])]
        for k, node in enumerate(path, start=ranks[first]):
            points += [Place(across[node], starts[k]), Place(across[node], starts[k] + depths[k])]
        del points[1], points[-1]  # inside the first and the last node
        points.append(Place(across[last], begin[last]))
        routes.append(tuple(reversed(points) if pair in backward else points))
    return Layout(
        places={name: Place(across[v], begin[v]) for name, v in index.items()},
        routes=tuple(routes),
        left=min(x - left for x, (left, _) in zip(across, extents, strict=True)),
        right=max(x + right for x, (_, right) in zip(across, extents, strict=True)),
        length=starts[-1] + depths[-1],
    )


# --------------------------------------------------------------------- layers


def _closing(count: int, pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """The edges that close a cycle: those to a node that a depth-first search is still in."""
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in pairs:
        after[source].append(target)
    closing: set[tuple[int, int]] = set()
    state = [0] * count  # 1 while the search is in a node, 2 after it
    for start in range(count):
        stack = [] if state[start] else [(start, iter(after[start]))]
        state[start] = state[start] or 1
        while stack:
            node, targets = stack[-1]
            target = next(targets, -1)
            if target < 0:
                state[node] = 2
                stack.pop()
            elif state[target] == 1:
                closing.add((node, target))
            elif state[target] == 0:
                state[target] = 1
                stack.append((target, iter(after[target])))
    return closing


def _ranks(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each node: after the longest chain that leads to it."""
    sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(range(count), ()))
    for source, target in pairs:
        sorter.add(target, source)
    ranks = [0] * count
    sorter.prepare()
    rank = 0
    while sorter.is_active():
        ready = sorter.get_ready()
        for node in ready:
            ranks[node] = rank
        sorter.done(*ready)
        rank += 1
    return ranks


def _paths(
    pairs: Sequence[tuple[int, int]], ranks: Sequence[int], layers: list[list[int]]
) -> list[list[int]]:
    """The nodes that each edge runs through; in a layer that it passes it gets a new one."""
    fresh = len(ranks)
    paths = []
    for source, target in pairs:
        path = [source]
        for rank in range(ranks[source] + 1, ranks[target]):
            layers[rank].append(fresh)
            path.append(fresh)
            fresh += 1
        paths.append([*path, target])
    return paths


# ------------------------------------------------------------------ crossings


def _order(layers: list[list[int]], links: Sequence[Link]) -> None:
    """Order each layer by the mean place of its neighbours, forward and back; keep the best.

    Where edges still cross, the same is tried from other orders, always the same ones.
    """
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for source, target, _ in links:
        above.setdefault(target, []).append(source)
        below.setdefault(source, []).append(target)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, below)
    for start in range(_STARTS if len(links) < _SMALL else 1):
        if not fewest:
            break
        if start:
            layers[:] = [Random(start).sample(layer, len(layer)) for layer in layers]
        for sweep in range(_SWEEPS):
            if sweep % 2:
                _sort(list(reversed(layers)), below)
            else:
                _sort(layers, above)
            crossings = _crossings(layers, below)
            if crossings < fewest:
                best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def _sort(layers: Sequence[list[int]], adjacent: Mapping[int, Sequence[int]]) -> None:
    """Sort each layer by the mean place of its neighbours in the one before."""
    places: dict[int, float] = {}
    for layer in layers:
        means = {
            node: sum(places[other] for other in adjacent[node]) / len(adjacent[node])
            if node in adjacent
            else _place(k, layer)
            for k, node in enumerate(layer)
        }
        layer.sort(key=means.__getitem__)
        places |= {node: _place(k, layer) for k, node in enumerate(layer)}


def _place(index: int, layer: Sequence[int]) -> float:
    """A place counted from the layer's middle."""
    return index - (len(layer) - 1) / 2


def _crossings(layers: Sequence[Sequence[int]], below: Mapping[int, Sequence[int]]) -> int:
    """How many pairs of edges cross."""
    crossings = 0
    for upper, lower in pairwise(layers):
        place = {node: k for k, node in enumerate(lower)}
        seen: list[int] = []
        for node in upper:
            targets = sorted(place[target] for target in below.get(node, ()))
            crossings += sum(len(seen) - bisect_right(seen, target) for target in targets)
            for target in targets:
                insort(seen, target)
    return crossings
