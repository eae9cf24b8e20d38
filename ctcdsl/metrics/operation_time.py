"""What the time of an operation follows from: its kind, five counts, and its proportions.

An operation takes, by a law of its kind,

    seconds = (a + b work + c inputs + d outputs + e parameters) * exp(sum of w_i k(x, x_i))

where a to e are not negative, `work` and the others count a batch, and the factor corrects what
counts alone do not say: how well an operation of proportions x uses the processor, learned from
measured ones of proportions x_i. k is Matérn's kernel of order 3/2. `ctcdsl bench --table` fits
the laws; here they are evaluated.
"""

from __future__ import annotations

from math import dist, exp, log2, prod, sqrt
from typing import NamedTuple

from ctcdsl.layers.upsampling import Upsample
from ctcdsl.ops.activation import Activate
from ctcdsl.ops.convolution import Conv2d, ConvTranspose2d, Linear
from ctcdsl.ops.graph import OpNode
from ctcdsl.ops.operators import Add, Maximum, Multiply

Counts = tuple[float, float, float, float, float]
"""1, work, values of the inputs, values of the output, parameters; in millions but the first."""
Proportions = tuple[float, ...]
"""Logarithms of sizes and flags, as many for every operation of a kind."""

_MILLION = 1e6
_MOST_FACTOR = 4.0
"""The largest logarithm of a factor: 55 times more or less than counts say."""
_VECTOR = 16
"""Channels that are computed together: a kernel fills the last block up (float32, AVX-512)."""
_SMALL = 20480
"""Values of an input up to which PyTorch computes the 3x3 convolution of one image by a plain
matrix product, not by oneDNN (`use_mkldnn` in ATen's Convolution.cpp)."""


def kind_of(node: OpNode) -> str:
    """The kind of an operation, all of which share a law: `depthwise convolution`, `MaxPool2d`.

    Convolutions are told apart as CPU libraries do; other operations by what computes them.
    """
    op = node.op
    if type(op) is Conv2d:
        return _convolution_kind(op, node)
    name = op.module.removeprefix("nn.") or type(op).__name__
    if isinstance(op, Multiply) and node.inputs[0].shape != node.inputs[1].shape:
        return f"{name} by a gate"
    if isinstance(op, Upsample) and op.bilinear:
        return f"{name}, bilinear"
    return f"{name}, in place" if node.in_place else name


def _convolution_kind(op: Conv2d, node: OpNode) -> str:
    single = op.kernel == (1, 1)
    size = "1x1 " if single else ""
    if op.groups > 1:
        depthwise = op.groups == op.in_channels == op.out_channels
        return f"depthwise {size}convolution" if depthwise else "grouped convolution"
    if single and node.inputs[0].shape[1:] == (1, 1):
        return "1x1 convolution of a vector"
    strided = "strided " if single and op.stride != (1, 1) else ""
    return f"{strided}{size}convolution"


def counts_of(node: OpNode, batch: int) -> Counts:
    """What the linear part of a law counts, for a batch."""
    op, output = node.op, node.output.shape
    work = node.macs
    if type(op) is Conv2d and op.groups == 1:
        work = work // op.out_channels * -(-op.out_channels // _VECTOR) * _VECTOR
    window = op.window()
    if not work and window is not None and prod(window.size) > 1:
        work = output.numel * prod(window.size)
    return (
        1.0,
        batch * work / _MILLION,
        batch * sum(value.shape.numel for value in node.inputs) / _MILLION,
        batch * output.numel / _MILLION,
        parameters_of(node) / _MILLION,
    )


def parameters_of(node: OpNode) -> int:
    """The values of an operation's tensors, statistics included."""
    return sum(prod(spec.shape) for spec in node.op.tensors())


def proportions_of(node: OpNode, batch: int) -> Proportions:
    """What the factor of a law depends on."""
    op, output = node.op, node.output.shape
    channels = node.inputs[0].shape.channels
    match op:
        case Conv2d() | ConvTranspose2d():
            return _convolution_proportions(op, node, batch)
        case Linear():
            return log2(op.in_features), log2(op.out_features)
    values = log2(batch * max(output.numel, node.inputs[0].shape.numel))
    if isinstance(op, Activate | Add | Multiply | Maximum):
        return values, float(channels == output.numel)
    aligned = float(channels % _VECTOR == 0)
    window = op.window()
    if window is not None and prod(window.size) > 1:
        step = max(*window.stride, window.growth)
        return values, log2(channels), log2(prod(window.size)), log2(step), aligned
    return values, log2(channels), float(len(node.inputs)), aligned


def _convolution_proportions(op: Conv2d | ConvTranspose2d, node: OpNode, batch: int) -> Proportions:
    shape, output = node.inputs[0].shape, node.output.shape
    inputs, outputs = op.in_channels // op.groups, op.out_channels // op.groups
    plain = batch == 1 and op.groups == 1 and shape.numel <= _SMALL and min(op.kernel) <= 3
    dilated = isinstance(op, Conv2d) and op.dilation != (1, 1)
    return (
        log2(inputs),
        log2(outputs),
        log2(prod(op.kernel)),
        log2(output.height * output.width),
        log2(op.stride[0]),
        log2(op.groups),
        float(_twos(inputs, 4)),
        float(_twos(outputs, 6)),
        float(plain),
        float(dilated),
    )


def _twos(number: int, most: int) -> int:
    """How often 2 divides a number, up to `most`: what blocks of channels it fills."""
    return min(most, (number & -number).bit_length() - 1)


class Law(NamedTuple):
    """The law of a kind, for operands in caches (`hot`) and in memory (`cold`).

    `points` are the proportions of the operations that it was fitted to, over `scales`;
    `lowest` and `highest` the range of their proportions.
    """

    hot: Counts
    cold: Counts
    scales: Proportions
    points: tuple[Proportions, ...]
    hot_weights: tuple[float, ...]
    cold_weights: tuple[float, ...]
    lowest: Proportions
    highest: Proportions

    def seconds(self, counts: Counts, proportions: Proportions) -> tuple[float, float]:
        """The time with operands in caches, and in memory."""
        scaled = tuple(map(_quotient, proportions, self.scales))
        hot = cold = 0.0
        for point, hot_weight, cold_weight in zip(
            self.points, self.hot_weights, self.cold_weights, strict=True
        ):
            near = matern(dist(scaled, point))
            hot += hot_weight * near
            cold += cold_weight * near
        return _dot(self.hot, counts) * _factor(hot), _dot(self.cold, counts) * _factor(cold)

    def covers(self, proportions: Proportions) -> bool:
        """Whether the proportions are within the range of those that were measured."""
        return all(
            low <= value <= high
            for low, value, high in zip(self.lowest, proportions, self.highest, strict=True)
        )


def matern(distance: float) -> float:
    """Matérn's kernel of order 3/2 (Rasmussen & Williams 2006, Eqn. 4.17)."""
    scaled = sqrt(3) * distance
    return (1 + scaled) * exp(-scaled)


def _factor(logarithm: float) -> float:
    return exp(min(_MOST_FACTOR, max(-_MOST_FACTOR, logarithm)))


def _quotient(value: float, scale: float) -> float:
    return value / scale


def _dot(law: Counts, counts: Counts) -> float:
    return sum(a * b for a, b in zip(law, counts, strict=True))
