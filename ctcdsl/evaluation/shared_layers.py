"""How far the views of one image can be computed together, and what that saves.

A layer without padding computes the same numbers for a view as for the whole image that the view
is cut from, as long as the view begins where one of its windows does. So the leading layers
without padding are computed once on the image, and what each view would have given is a slice of
their map. With a stride only views whose offsets leave the same remainder can share.

For J' on 256x256 images the first convolution and the first pool (stride 2) are shared by all
five places, at 0, 16 and 32.

Only layers whose every output has the same bits wherever it is in a map are shared. GELU, and the
power in local response norms, are not among them: processors compute most of a map by vector
instructions and its ends one by one, and the two round differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from typing import NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.ir import Block, Pair, Pool, Shape, SlidingWindow
from ctcdsl.layers.base import Context
from ctcdsl.lowering import layer_ops
from ctcdsl.ops.graph import OpNode

Offset = tuple[int, int]
"""Top and left of a view in its image."""


class Slice(NamedTuple):
    """Where the map of a view begins in the map of its region; `view` is the view's number."""

    view: int
    top: int
    left: int


class Region(NamedTuple):
    """A part of the image on which the shared layers are computed once, for some of the views."""

    top: int
    left: int
    height: int
    width: int
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """The layers that views share, and how each view's map is sliced from a region's."""

    layers: int
    """How many layers from the first on are shared; 0 where sharing saves nothing."""
    stride: Pair
    """The product of their strides."""
    map: Shape
    """What leaves them for one view; with no layers the view itself."""
    regions: tuple[Region, ...]
    """Every view is in exactly one of them."""
    work: int
    """Operations of all layers that could be shared, for all views, as they are shared here."""
    unshared_work: int
    """The same when every view is computed by itself."""

    def mirrored(self, region: Region) -> tuple[Slice, ...]:
        """The slices of a region that was mirrored: those of the mirrored views.

        A region begins and ends with a view, so mirroring keeps the remainders of the offsets.
        """
        free = max(each.left for each in region.slices)
        return tuple(each._replace(left=free - each.left) for each in region.slices)


def shared_prefix(network: Network, offsets: Sequence[Offset]) -> Prefix:
    """The way to compute views of the network's input size, cut at `offsets`, with least work.

    Work counts a multiply-accumulate of a convolution, a value that a pool looks at, or a value
    that another layer writes, as one.
    """
    layers = shareable(network)
    input = network.input
    views = len(offsets)
    alone = [_work([node], node.input) for node in layers]
    best = unshared(input, offsets, work=views * sum(alone))
    stride = (1, 1)
    for count, node in enumerate(layers, start=1):
        if isinstance(node.layer, SlidingWindow):
            height, width = node.layer.stride
            stride = (stride[0] * height, stride[1] * width)
        shared = layers[:count]
        boxes = _merged(shared, input, stride, offsets)
        work = sum(_work(shared, box.shape(input)) for box in boxes)
        work += views * sum(alone[count:])
        if work < best.work:
            best = Prefix(
                layers=count,
                stride=stride,
                map=node.output,
                regions=tuple(box.region(offsets, stride) for box in boxes),
                work=work,
                unshared_work=best.unshared_work,
            )
    return best


def unshared(input: Shape, offsets: Sequence[Offset], *, work: int = 0) -> Prefix:
    """Views of the size of `input` that share no layer: slices of the image itself."""
    boxes = [_Box.of(view, offset, input) for view, offset in enumerate(offsets)]
    whole = reduce(_Box.with_, boxes)
    regions = (whole.region(offsets, (1, 1)),)
    return Prefix(
        layers=0, stride=(1, 1), map=input, regions=regions, work=work, unshared_work=work
    )


def shareable(network: Network) -> tuple[Node, ...]:
    """The leading layers of the trunk that give the same bits for a view as for its image.

    They see no border, so they neither pad nor pool whole maps, and they are exact (see above).
    """
    count = 0
    for node in network.nodes:
        if node.stage is None or not _same_anywhere(node):
            break
        count += 1
    return network.nodes[:count]


def _same_anywhere(node: Node) -> bool:
    if isinstance(node.layer, Block):
        return False  # blocks pad inside, or add maps that would have to be aligned
    if isinstance(node.layer, Pool) and node.layer.ceil:
        # a last window that reaches over the border sees less than it would in the image
        pool = node.layer
        sides = zip(node.output[1:], pool.kernel, pool.stride, node.input[1:], strict=True)
        if any((count - 1) * step + side > size for count, side, step, size in sides):
            return False
    if node.far != (0, 0):
        return False
    for op_node in layer_ops(node):
        window = op_node.op.window()
        if window is None or any(window.padding) or window.growth > 1 or not op_node.op.bit_stable:
            return False
    return not node.vector


# -------------------------------------------------------------------- regions


class _Box(NamedTuple):
    """Some views, by number, and the smallest rectangle that holds them."""

    top: int
    left: int
    bottom: int
    right: int
    views: tuple[int, ...]

    @classmethod
    def of(cls, view: int, offset: Offset, input: Shape) -> _Box:
        return cls(*offset, offset[0] + input.height, offset[1] + input.width, (view,))

    def shape(self, input: Shape) -> Shape:
        return Shape(input.channels, self.bottom - self.top, self.right - self.left)

    def with_(self, other: _Box) -> _Box:
        return _Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
            self.views + other.views,
        )

    def region(self, offsets: Sequence[Offset], stride: Pair) -> Region:
        slices = (
            Slice(
                v, (offsets[v][0] - self.top) // stride[0], (offsets[v][1] - self.left) // stride[1]
            )
            for v in sorted(self.views)
        )
        return Region(
            self.top, self.left, self.bottom - self.top, self.right - self.left, tuple(slices)
        )


def _merged(
    layers: Sequence[Node], input: Shape, stride: Pair, offsets: Sequence[Offset]
) -> list[_Box]:
    """Rectangles of views that share; merged as long as that saves work, the most first."""
    boxes = [_Box.of(view, offset, input) for view, offset in enumerate(offsets)]
    while True:
        best, saved = None, 0
        for one, other in combinations(boxes, 2):
            if (one.top - other.top) % stride[0] or (one.left - other.left) % stride[1]:
                continue
            both = one.with_(other)
            apart = sum(_work(layers, box.shape(input)) for box in (one, other))
            gain = apart - _work(layers, both.shape(input))
            if gain > saved:
                best, saved = (one, other, both), gain
        if best is None:
            return boxes
        one, other, both = best
        boxes = [box for box in boxes if box not in (one, other)] + [both]


def _work(layers: Sequence[Node], shape: Shape) -> int:
    """The operations of layers that follow one another when a map of `shape` enters."""
    total = 0
    for node in layers:
        assert not isinstance(node.layer, Block), "blocks are not shared"
        output = node.layer.infer(shape, Context())
        assert output is not None, "a region is no smaller than a view"
        ops = layer_ops(node._replace(input=shape, output=output))
        total += sum(op.macs for op in ops) or max(map(_looked_at, ops))
        shape = output
    return total


def _looked_at(node: OpNode) -> int:
    """The values that an operation looks at."""
    window = node.op.window()
    assert window is not None
    return window.size[0] * window.size[1] * node.output.shape.numel
