"""What operations count: multiply-accumulates of each pass, parameters, buffers, traffic."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from ctcdsl.ops.convolution import Linear
from ctcdsl.ops.graph import OpGraph, OpNode
from ctcdsl.ops.operators import Flatten, Identity, Slice


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
    """The MACs of the gradients by inputs, for one image.

    Nobody needs that by the image, nor by a map made of it without weights.
    """
    trained = trained_values(graph)
    return sum(op.macs for op in graph.nodes if needs_input_gradient(op, trained))


def training_macs(graph: OpGraph) -> int:
    """The MACs of one training step for one image, fully connected layers included.

    A group of a convolution sees its own channels in all three; counters that take the gradient
    by the weights for one of full width count more.
    """
    forward = sum(op.macs for op in graph.nodes)
    return forward + weight_gradient_macs(graph) + input_gradient_macs(graph)


def trained_values(graph: OpGraph) -> frozenset[int]:
    """The numbers of the values that depend on trained tensors."""
    trained: set[int] = set()
    for op in graph.nodes:
        if needs_input_gradient(op, trained) or any(spec.trained for spec in op.op.tensors()):
            trained.add(op.output.number)
    return frozenset(trained)


def needs_input_gradient(op: OpNode, trained: Iterable[int]) -> bool:
    """Whether the backward pass computes the gradient by an input of an operation."""
    return any(value.number in trained for value in op.inputs)


def parameters(ops: Iterable[OpNode]) -> int:
    """The trained numbers of operations: weights, biases, scales and shifts of norms."""
    return sum(prod(spec.shape) for op in ops for spec in op.op.tensors() if spec.trained)


def buffers(ops: Iterable[OpNode]) -> int:
    """The numbers that operations hold and do not train: statistics of norms, counts of batches."""
    return sum(prod(spec.shape) for op in ops for spec in op.op.tensors() if not spec.trained)


def values_moved(op: OpNode) -> int:
    """The values of maps that an operation reads and writes for one image; none for a view."""
    if isinstance(op.op, Slice | Flatten | Identity):
        return 0
    return sum(value.shape.numel for value in op.inputs) + op.output.shape.numel
