"""Networks to graphs of operations."""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.ir import Block, Conv, Join, Linear, Style
from ctcdsl.ir.network import Network, Node
from ctcdsl.layers.base import Context
from ctcdsl.ops.convolution import ZeroPad2d
from ctcdsl.ops.graph import Builder, OpGraph, OpNode, Value
from ctcdsl.ops.op import Op, Overwrite
from ctcdsl.ops.operators import Add, Concat, Maximum, Multiply, Slice

_ELEMENTWISE: dict[Join, type[Op]] = {
    Join.ADD: Add,
    Join.MULTIPLY: Multiply,
    Join.MAXIMUM: Maximum,
}


def lower(network: Network) -> OpGraph:
    """The operations of a network, in the order in which its module computes them."""
    return _Lowering(network).graph()


def layer_ops(node: Node, *, vector: bool = False, may_overwrite: bool = False) -> list[OpNode]:
    """The operations of one layer.

    Args:
        node: The layer.
        vector: Whether its input is a vector.
        may_overwrite: Whether its first operation may overwrite its input.
    """
    builder = Builder(node.input)
    _layer(node, builder.input._replace(vector=vector), builder, may_overwrite)
    return builder.nodes


def has_classifier(network: Network) -> bool:
    """Whether the module's last attribute is its classifier, a matrix that nothing follows."""
    node = network.nodes[-1]
    last = isinstance(node.layer, Linear) and node.layer.activation is None
    return last and node.output.channels == network.classes


def has_class(node: Node, conv: Conv, style: Style, *, series: bool) -> bool:
    """Whether generated code has a class for a convolution with its norm and activation.

    Args:
        node: Where the convolution is.
        conv: The convolution.
        style: The network's.
        series: Whether the network is one chain: then those without a norm stand apart.
    """
    if conv.preactivation and node.far != (0, 0):
        return False  # it is padded between its activation and itself
    if conv.norm is not None:
        return True
    parts = (conv.norm, conv.activation, conv.preactivation, conv.standardisation)
    in_style = parts == style[:4]
    return not series and conv.activation is not None and in_style


def may_be_inplace(node: Node, may_overwrite: bool) -> bool:
    """Whether an activation may overwrite the output of a layer or block.

    It may not where another branch still needs it, nor where the layer needs its own
    output for its gradient, as activations do.

    Args:
        node: The layer.
        may_overwrite: Whether the layer may overwrite its input.
    """
    if isinstance(node.layer, Block):
        if node.layer.join is not Join.ADD:
            return True
        return len(node.branches) > 1 and node.activation is None
    # of a norm, as its input
    return _end_overwritable(layer_ops(node, vector=node.vector), may_overwrite)


def may_overwrite_end(chain: Sequence[Node], *, may_overwrite: bool = False) -> bool:
    """Whether an activation may overwrite the output of a chain.

    Args:
        chain: Layers and blocks.
        may_overwrite: Whether the first may overwrite its input.
    """
    for node in chain:
        may_overwrite = may_be_inplace(node, may_overwrite)
    return may_overwrite


def _end_overwritable(ops: Sequence[OpNode], may_overwrite: bool) -> bool:
    for op_node in ops:
        may_overwrite = _overwritable(op_node.op, may_overwrite)
    return may_overwrite


def _overwritable(op: Op, may_overwrite: bool) -> bool:
    match op.overwrite:
        case Overwrite.MAY:
            return True
        case Overwrite.NEVER:
            return False
        case Overwrite.AS_INPUT:
            return may_overwrite


def _layer(node: Node, x: Value, builder: Builder, may_overwrite: bool) -> Value:
    assert not isinstance(node.layer, Block)
    builder.layer = node.name
    start = len(builder.nodes)
    # The output of the classifier is known by now.
    context = Context(node.padding, node.far, node.uncounted, classes=node.output.channels)
    output = node.layer.lower(builder, x, context)
    for at, op_node in enumerate(builder.nodes[start:], start=start):
        builder.nodes[at] = op_node.when(may_overwrite=may_overwrite)
        may_overwrite = _overwritable(op_node.op, may_overwrite)
    return output


class _Lowering:
    """Follows the calls of a network's module."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._builder = Builder(network.input)

    def graph(self) -> OpGraph:
        x = self._builder.input
        last = self._network.nodes[-1] if has_classifier(self._network) else None
        for stage, chain in self._network.stages.items():
            argument, may_overwrite = x, False
            for run in self._network.runs(stage):
                value, first = x, len(self._builder.nodes)
                x, may_overwrite = self._chain(run.nodes, x, may_overwrite and not run.recomputed)
                if run.recomputed:  # the classifier keeps its input alone anyway
                    self._builder.recompute(value, first, before_last=run.nodes[-1] is last)
            self._builder.hold(argument, before_last=chain[-1] is last)
        return self._builder.graph(self._network.name, x)

    def _chain(
        self, chain: Sequence[Node], x: Value, may_overwrite: bool = False
    ) -> tuple[Value, bool]:
        """What a chain gives, and whether what follows may overwrite it."""
        nodes = self._builder.nodes
        for node in chain:
            if isinstance(node.layer, Block):
                x = self._block(node, x)
                may_overwrite = may_be_inplace(node, may_overwrite)
            else:
                start = len(nodes)
                x = self._layer(node, x, may_overwrite)
                may_overwrite = _end_overwritable(nodes[start:], may_overwrite)
        return x, may_overwrite

    def _layer(self, node: Node, x: Value, may_overwrite: bool) -> Value:
        layer, builder = node.layer, self._builder
        assert not isinstance(layer, Block)
        in_class = isinstance(layer, Conv) and has_class(
            node, layer, self._network.architecture.style, series=self._network.series
        )
        start = len(builder.nodes)
        output = _layer(node, x, builder, may_overwrite and not in_class)
        if in_class or layer.helper(node.input.channels) is not None:
            padded = isinstance(builder.nodes[start].op, ZeroPad2d)  # before the class
            builder.hold(builder.nodes[start].output if padded else x)
        return output

    def _slices(self, node: Node, x: Value) -> list[Value]:
        """The share of each branch of a split, all before the branches."""
        self._builder.layer = node.name
        assert isinstance(node.layer, Block)
        even = node.layer.share is None
        slices: list[Value] = []
        start = 0
        for shape in node.branch_inputs:
            share = Slice(start=start, length=shape.channels, even=even)
            slices.append(self._builder.add(share, x))
            start += shape.channels
        return slices

    def _block(self, node: Node, x: Value) -> Value:
        """The branches one after another, what joins them, and the activation after a sum."""
        assert isinstance(node.layer, Block)
        builder = self._builder
        inputs = [x] * len(node.branches)
        if node.layer.join is Join.SPLIT:
            inputs = self._slices(node, x)
        first, *others = zip(node.branches, inputs, strict=True)
        output, free = self._chain(*first)
        if not node.layer.join.concatenates:
            op = _ELEMENTWISE[node.layer.join]()
            for branch in others:  # each is added before the next is computed
                other, _ = self._chain(*branch)
                builder.layer = node.name
                output = builder.add(op, output, other)
        elif others:
            outputs = [output, *(self._chain(*branch)[0] for branch in others)]
            builder.layer = node.name
            output = builder.add(Concat(), *outputs)
        builder.layer = node.name
        if node.activation is not None:
            output = node.activation.add(builder, output)
            if len(node.branches) == 1 and free:
                builder.nodes[-1] = builder.nodes[-1].when(may_overwrite=True)
        builder.hold(x)
        return output
