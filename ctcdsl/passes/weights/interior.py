"""The interior of a network's last map: what no padding reaches."""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.checking import Network, Node, infer_shapes
from ctcdsl.ir import (
    Architecture,
    Block,
    Conv,
    Head,
    LocalResponseNorm,
    Pool,
    Shape,
    replace,
)
from ctcdsl.passes.weights.probe import difference, outputs, random_images
from ctcdsl.passes.weights.tensors import Weights

Clean = tuple[tuple[int, int], tuple[int, int]]
"""First and last row, first and last column that depend on no padding; empty where last < first."""

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
        rows, columns = _common(_clean(trunks[0]), _clean(trunks[1]))
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


def _clean(network: Network) -> Clean:
    shape = network.input
    return _through(network.nodes, ((0, shape.height - 1), (0, shape.width - 1)))


def _through(chain: Sequence[Node], clean: Clean) -> Clean:
    """What is clean after a chain, of whose input `clean` is."""
    for node in chain:
        layer = node.layer
        if node.branches:
            after = [_through(branch, clean) for branch in node.branches]
            clean = after[0]
            for other in after[1:]:
                clean = _common(clean, other)
        elif isinstance(layer, Conv | Pool):
            if isinstance(layer, Conv) and layer.norm and not layer.norm.pixelwise:
                return ((0, -1), (0, -1))
            rows, columns = (
                _slid(clean[axis], layer.extent[axis], layer.stride[axis], pad)
                for axis, pad in enumerate(node.padding)
            )
            clean = (rows, columns)
        elif isinstance(layer, LocalResponseNorm) and layer.within:
            rows, columns = (_slid(side, layer.size, 1, layer.size // 2) for side in clean)
            clean = (rows, columns)
        elif not isinstance(layer, Block) and not layer.pixelwise:
            return ((0, -1), (0, -1))  # looks at the full map
    return clean


def _slid(clean: tuple[int, int], extent: int, stride: int, padding: int) -> tuple[int, int]:
    """Which windows see clean pixels alone: window o begins at pixel stride*o - padding."""
    first, last = clean
    return -(-(first + padding) // stride), (last + padding - (extent - 1)) // stride


def _common(one: Clean, other: Clean) -> Clean:
    rows, columns = ((max(a[0], b[0]), min(a[1], b[1])) for a, b in zip(one, other, strict=True))
    return rows, columns
