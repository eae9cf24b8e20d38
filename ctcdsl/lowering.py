"""Networks to graphs of operations."""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.ir import Block, Join
from ctcdsl.ir.network import Network, Node
from ctcdsl.layers.base import Context
from ctcdsl.ops.graph import Builder, OpGraph, OpNode, Value
from ctcdsl.ops.op import Op
from ctcdsl.ops.operators import Add, Concat, Maximum, Multiply, Slice

_ELEMENTWISE: dict[Join, type[Op]] = {
    Join.ADD: Add,
    Join.MULTIPLY: Multiply,
    Join.MAXIMUM: Maximum,
}


def lower(network: Network) -> OpGraph:
    """The operations of a network, in the order in which its module computes them."""
    builder = Builder(network.input)
    output = _chain(network.nodes, builder.input, builder)
    return builder.graph(network.name, output)


def layer_ops(node: Node, *, vector: bool = False) -> list[OpNode]:
    """The operations of one layer; `vector` where its input is one."""
    builder = Builder(node.input)
    _layer(node, builder.input._replace(vector=vector), builder)
    return builder.nodes


def _chain(chain: Sequence[Node], x: Value, builder: Builder) -> Value:
    for node in chain:
        x = _block(node, x, builder) if isinstance(node.layer, Block) else _layer(node, x, builder)
    return x


def _layer(node: Node, x: Value, builder: Builder) -> Value:
    assert not isinstance(node.layer, Block)
    builder.layer = node.name
    # The output of the classifier is known by now.
    context = Context(node.padding, node.far, node.uncounted, classes=node.output.channels)
    return node.layer.lower(builder, x, context)


def _slices(node: Node, x: Value, builder: Builder) -> list[Value]:
    """The share of each branch of a split, all before the branches."""
    builder.layer = node.name
    slices: list[Value] = []
    start = 0
    for shape in node.branch_inputs:
        slices.append(builder.add(Slice(start=start, length=shape.channels), x))
        start += shape.channels
    return slices


def _block(node: Node, x: Value, builder: Builder) -> Value:
    """The branches one after another, what joins them, and the activation after a sum."""
    assert isinstance(node.layer, Block)
    inputs = [x] * len(node.branches)
    if node.layer.join is Join.SPLIT:
        inputs = _slices(node, x, builder)
    first, *others = zip(node.branches, inputs, strict=True)
    output = _chain(*first, builder)
    if not node.layer.join.concatenates:
        op = _ELEMENTWISE[node.layer.join]()
        for branch in others:  # each is added before the next is computed
            other = _chain(*branch, builder)
            builder.layer = node.name
            output = builder.add(op, output, other)
    elif others:
        outputs = [output, *(_chain(*branch, builder) for branch in others)]
        builder.layer = node.name
        output = builder.add(Concat(), *outputs)
    builder.layer = node.name
    x = output
    return node.activation.add(builder, x) if node.activation is not None else x
