"""Random operations that belong to no network: what a table of latencies is fitted to.

Their sizes are those of convolutional networks in general: where a map has sides of m, its
channels are between 400 / m and 20000 / m, since networks widen as they sample down; kernels,
strides and groups are the usual ones, the commoner the more often. Nothing is taken from a spec.
"""

from __future__ import annotations

from collections.abc import Iterator

from ctcdsl.layers.activations import ACTIVATIONS
from ctcdsl.layers.channel_attention import EffectiveSqueezeExcite, EfficientChannelAttention
from ctcdsl.layers.dropout import DropoutOp
from ctcdsl.layers.lrn import LocalResponseNormOp
from ctcdsl.layers.pyramid import SpatialPyramidPool
from ctcdsl.layers.response_norm import GlobalResponse
from ctcdsl.layers.scale import ChannelScale, ConstantScale
from ctcdsl.layers.shuffle import ChannelShuffle
from ctcdsl.layers.stochastic_depth import StochasticDepthOp
from ctcdsl.layers.upsampling import Upsample
from ctcdsl.layers.zero_pad import PadChannels
from ctcdsl.ops.activation import Activate, Function
from ctcdsl.ops.convolution import Linear, ZeroPad2d
from ctcdsl.ops.graph import OpNode, Value
from ctcdsl.ops.norm import BatchNorm, GroupNorm, LayerNorm
from ctcdsl.ops.op import Op
from ctcdsl.ops.operators import Add, Concat, Flatten, Maximum, Multiply, Slice
from ctcdsl.ops.pooling import GlobalPool2d, Pool2d, Reduction
from ctcdsl.ops.shapes import Shape
from ctcdsl.timing.random_convolutions import RandomConvolutions
from ctcdsl.timing.random_sizes import RandomSizes

_MOST_WEIGHTS = 110_000_000
"""Of a fully connected layer: 440 MB, as much as VGG's."""


def operation(op: Op, *shapes: Shape, vector: bool = False, in_place: bool = False) -> OpNode:
    """An operation on inputs of some shapes; `vector` where they are vectors of features."""
    inputs = tuple(Value(number, shape, vector) for number, shape in enumerate(shapes))
    output = Value(len(shapes), op.infer(*shapes), op.makes_vector or vector)
    return OpNode(op, inputs, output, "", "", in_place)


def random_operations(seed: int = 0, share: float = 1.0) -> list[OpNode]:
    """About 1500 operations of every kind that networks have, or a share of that."""
    return list(_RandomOperations(RandomSizes(seed), share).all())


class _RandomOperations:
    """Draws operations: those that take most of networks' time most often."""

    def __init__(self, sizes: RandomSizes, share: float) -> None:
        self._sizes, self._share = sizes, share

    def _times(self, count: int) -> range:
        return range(max(4, round(count * self._share)))

    def all(self) -> Iterator[OpNode]:
        """Every kind."""
        for count, draw in RandomConvolutions(self._sizes).table():
            for _ in self._times(count):
                yield operation(*draw())
        for _ in self._times(45):
            yield self._linear()
        yield from self._activations()
        yield from self._norms()
        yield from self._pools()
        yield from self._joins()
        for _ in self._times(10):
            yield from self._gates()
            yield from self._reshaping()
        for _ in self._times(4):
            yield from self._passing()

    def _linear(self) -> OpNode:
        while True:
            inputs = self._sizes.rounded(self._sizes.between(40, 26_000), 8)
            classes = self._sizes.chance(0.4)
            outputs = 1000 if classes else round(self._sizes.between(10, 5000))
            if inputs * outputs <= _MOST_WEIGHTS:
                op = Linear(in_features=inputs, out_features=outputs)
                return operation(op, Shape(inputs, 1, 1), vector=True)

    def _activations(self) -> Iterator[OpNode]:
        for function in ACTIVATIONS.values():
            vectors = 0.25 if "sigmoid" in function.word else 0.03  # gates end in one
            for _ in self._times(20 if function.word in ("relu", "gelu") else 9):
                yield self._activation(function, vectors, in_place=False)
                if function.in_place:
                    yield self._activation(function, vectors, in_place=True)

    def _activation(self, function: Function, vectors: float, *, in_place: bool) -> OpNode:
        shape = self._sizes.map(vectors=vectors)
        op = Activate(function=function, channels=shape.channels, constant=function.constant)
        return operation(op, shape, in_place=in_place)

    def _norms(self) -> Iterator[OpNode]:
        for _ in self._times(70):
            shape = self._sizes.map()
            yield operation(BatchNorm(channels=shape.channels, eps=1e-5, momentum=0.1), shape)
        for _ in self._times(20):
            shape = self._sizes.map()
            yield operation(LayerNorm(channels=shape.channels, eps=1e-6), shape)
        for _ in self._times(8):
            features = self._sizes.rounded(self._sizes.between(30, 3000))
            norm: Op = LayerNorm(channels=features, eps=1e-6, vector=True)
            yield operation(norm, Shape(features, 1, 1), vector=True)
            norm = BatchNorm(channels=features, eps=1e-5, momentum=0.1, vector=True)
            yield operation(norm, Shape(features, 1, 1), vector=True)
            shape = self._sizes.map(1_500_000)
            yield operation(self._response_norm(within=True), shape)
        for _ in self._times(20):
            shape, groups = self._sizes.map(), self._sizes.choice((1, 1, 32, 8))
            shape = shape._replace(channels=-(-shape.channels // groups) * groups)
            yield operation(GroupNorm(channels=shape.channels, groups=groups, eps=1e-5), shape)
        for _ in self._times(14):
            yield operation(self._response_norm(within=False), self._sizes.map(600_000))

    def _response_norm(self, *, within: bool) -> Op:
        return LocalResponseNormOp(size=5, alpha=1e-4, beta=0.75, k=1.0, within=within)

    def _pools(self) -> Iterator[OpNode]:
        reductions: tuple[tuple[Reduction, int, int], ...] = (("max", 35, 8), ("avg", 25, 25))
        for reduction, windows, maps in reductions:
            for _ in self._times(windows):
                yield self._pool(reduction)
            for _ in self._times(maps):
                yield operation(GlobalPool2d(reduction=reduction), self._sizes.map())
        for _ in self._times(12):
            levels = self._sizes.choice(((6, 3, 2, 1), (4, 2, 1), (3, 2, 1), (2, 1), (6, 4, 2)))
            yield operation(SpatialPyramidPool(levels=levels), self._map_of_sides(max(levels)))

    def _pool(self, reduction: Reduction) -> OpNode:
        side = self._sizes.choice((2, 2, 3, 3, 3, 5))
        stride = self._sizes.choice((1, 2, 2, 2, 3))
        padding = self._sizes.choice((0, side // 2))
        op = Pool2d(
            reduction=reduction,
            kernel=(side, side),
            stride=(stride, stride),
            padding=(padding, padding),
            ceil=self._sizes.chance(0.3),
            count_padding=reduction == "max" or self._sizes.chance(0.5),
        )
        return operation(op, self._map_of_sides(side + 1))

    def _map_of_sides(self, least: int) -> Shape:
        while True:
            shape = self._sizes.map(2_000_000)
            if min(shape.height, shape.width) >= least:
                return shape

    def _joins(self) -> Iterator[OpNode]:
        for _ in self._times(30):
            shape = self._sizes.map()
            yield operation(Add(), shape, shape, in_place=True)
        for _ in self._times(10):
            shape, other = self._sizes.map(), self._sizes.map()
            yield operation(Add(), shape, shape)
            yield operation(Multiply(), shape, shape)
            yield operation(Maximum(), other, other)
        for _ in self._times(25):
            shape = self._sizes.map()
            yield operation(Multiply(), shape, Shape(shape.channels, 1, 1))
        for _ in self._times(40):
            yield self._concatenation()

    def _concatenation(self) -> OpNode:
        count = self._sizes.choice((2, 2, 2, 3, 4, 4, 6, 10))
        while True:
            sides = self._sizes.sides(4, 110)
            widths = (self._sizes.width(sides) / count**0.5 for _ in range(count))
            shapes = [Shape(self._sizes.rounded(width, 8), *sides) for width in widths]
            if sum(shape.numel for shape in shapes) <= 1_500_000:
                return operation(Concat(), *shapes)

    def _gates(self) -> Iterator[OpNode]:
        """Of channels: by their means, by learned and constant factors."""
        shape = self._sizes.map()
        kernel = self._sizes.choice((3, 5))
        yield operation(EfficientChannelAttention(channels=shape.channels, kernel=kernel), shape)
        shape = self._sizes.map()
        yield operation(EffectiveSqueezeExcite(channels=shape.channels), shape)
        shape = self._sizes.map()
        yield operation(ChannelScale(channels=shape.channels), shape)
        yield operation(ConstantScale(factor=0.2), self._sizes.map())
        shape = self._sizes.map()
        yield operation(GlobalResponse(channels=shape.channels), shape)

    def _reshaping(self) -> Iterator[OpNode]:
        """What moves values and computes next to nothing."""
        yield operation(Upsample(factor=2, bilinear=False), self._sizes.map(500_000))
        yield operation(Upsample(factor=2, bilinear=True), self._sizes.map(500_000))
        shape, stride = self._sizes.map(2_000_000), self._sizes.choice((1, 2))
        yield operation(PadChannels(channels=2 * shape.channels, stride=(stride, stride)), shape)
        yield operation(ZeroPad2d(below=1, right=1), self._sizes.map())
        shape, groups = self._sizes.map(), self._sizes.choice((2, 2, 2, 3, 4))
        shape = shape._replace(channels=-(-shape.channels // groups) * groups)
        yield operation(ChannelShuffle(groups=groups), shape)
        yield operation(Flatten(), self._sizes.map(400_000, vectors=0.3))

    def _passing(self) -> Iterator[OpNode]:
        """What evaluation passes on as it is."""
        shape = self._sizes.map()
        yield operation(DropoutOp(probability=0.5), shape)
        yield operation(StochasticDepthOp(probability=0.1), shape)
        yield operation(Slice(start=0, length=shape.channels // 2, even=True), shape)
