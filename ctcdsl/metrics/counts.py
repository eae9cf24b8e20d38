"""What operations count: multiply-accumulates of each pass, parameters, buffers."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from ctcdsl.ops.convolution import Linear
from ctcdsl.ops.graph import OpGraph, OpNode


def op_macs(ops: Iterable[OpNode]) -> tuple[int, int]:
    """The MACs of operations for one image: of convolutions, and of fully connected layers."""
    macs = macs_fc = 0
    for op in ops:
        if isinstance(op.op, Linear):
            macs_fc += op.macs
        else:
            macs += op.macs
    return macs, macs_fc


def weight_gradient_macs(graph: OpGraph) -> int:
    """The MACs of the gradients by weights, for one image: as many as of the outputs."""
    return sum(op.macs for op in graph.nodes)


def input_gradient_macs(graph: OpGraph) -> int:
    """The MACs of the gradients by inputs, for one image; nobody needs that by the image."""
    return sum(op.macs for op in graph.nodes if any(value != graph.input for value in op.inputs))


def training_macs(graph: OpGraph) -> int:
    """The MACs of one training step for one image, fully connected layers included.

    A group of a convolution sees its own channels in all three; counters that take the gradient
    by the weights for one of full width count more.
    """
    forward = sum(op.macs for op in graph.nodes)
    return forward + weight_gradient_macs(graph) + input_gradient_macs(graph)


def parameters(ops: Iterable[OpNode]) -> int:
    """The trained numbers of operations: weights, biases, scales and shifts of norms."""
    return sum(prod(spec.shape) for op in ops for spec in op.op.tensors() if spec.trained)


def buffers(ops: Iterable[OpNode]) -> int:
    """The numbers that operations hold and do not train: statistics of norms, counts of batches."""
    return sum(prod(spec.shape) for op in ops for spec in op.op.tensors() if not spec.trained)
