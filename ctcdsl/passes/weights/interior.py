"""The interior of a network's last map: what no padding reaches."""

from __future__ import annotations

from functools import reduce

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.ir import Architecture, Head, Shape, replace
from ctcdsl.lowering import lower
from ctcdsl.ops.graph import OpNode
from ctcdsl.passes.weights.probe import difference, outputs, random_images
from ctcdsl.passes.weights.tensors import Weights

Clean = tuple[tuple[int, int], tuple[int, int]]
"""First and last row, first and last column that depend on no padding; empty where last < first."""

_NOTHING: Clean = ((0, -1), (0, -1))
_GROWTHS = 4


def interior_difference(
    before: Network, after: Network, old: Weights, new: Weights
) -> float | None:
    """How far the last maps of two trunks differ where neither has seen a padding.

    The head, which looks at full maps, is left out. Where the input is so small that paddings
    reach everything, a larger one is taken; None where that does not help, or where the maps
    differ in shape.
    """
    shape = before.input
    for _ in range(_GROWTHS):
        trunks = [
            _trunk(architecture, shape)
            for architecture in (before.architecture, after.architecture)
        ]
        if trunks[0] is None or trunks[1] is None or trunks[0].output != trunks[1].output:
            return None
        rows, columns = _common(clean(trunks[0]), clean(trunks[1]))
        if rows[0] <= rows[1] and columns[0] <= columns[1]:
            images = random_images(shape)
            maps = [
                outputs(trunk, weights, images)[
                    :, :, rows[0] : rows[1] + 1, columns[0] : columns[1] + 1
                ]
                for trunk, weights in zip(trunks, (old, new), strict=True)
                if trunk is not None
            ]
            return difference(*maps)
        shape = shape._replace(height=2 * shape.height, width=2 * shape.width)
    return None


def _trunk(architecture: Architecture, shape: Shape) -> Network | None:
    """A network without its head, at some input."""
    bare = replace(architecture, head=Head(layers=()), input=shape)
    if shape != architecture.input:
        bare = replace(bare, maps=())
    report = infer_shapes(bare)
    return report.networks[0] if report.ok else None


def clean(network: Network) -> Clean:
    """What is clean of a trunk's last map."""
    graph = lower(network)
    areas = {graph.input.number: _whole(graph.input.shape)}
    for node in graph.nodes:
        seen = reduce(_common, (areas[value.number] for value in node.inputs))
        areas[node.output.number] = _through(node, seen)
    return areas[graph.output.number]


def _through(node: OpNode, clean: Clean) -> Clean:
    """What is clean after an operation, of whose input `clean` is; nothing where it sees all."""
    window = node.op.window()
    if window is None:
        return _NOTHING
    rows, columns = (
        _slid(side, size, stride, padding, window.growth)
        for side, size, stride, padding in zip(
            clean, window.size, window.stride, window.padding, strict=True
        )
    )
    return _common((rows, columns), _whole(node.output.shape))


def _slid(
    clean: tuple[int, int], size: int, stride: int, padding: int, growth: int
) -> tuple[int, int]:
    """Which windows see clean positions alone: `Window` says where each begins and ends."""
    first, last = clean
    end = growth * last + growth - size + padding
    return -(-(growth * first + padding) // stride), end // stride


def _whole(map: Shape) -> Clean:
    return (0, map.height - 1), (0, map.width - 1)


def _common(one: Clean, other: Clean) -> Clean:
    rows, columns = ((max(a[0], b[0]), min(a[1], b[1])) for a, b in zip(one, other, strict=True))
    return rows, columns
