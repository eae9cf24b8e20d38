"""Networks to graphs of operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ctcdsl.ir import Block, Conv, Join, Linear, Style
from ctcdsl.ir.network import Network, Node
from ctcdsl.layers.base import Context
from ctcdsl.ops.convolution import ZeroPad2d
from ctcdsl.ops.graph import Builder, OpGraph, OpNode, Value
from ctcdsl.ops.op import Op
from ctcdsl.ops.operators import Add, Concat, Maximum, Multiply, Slice

_ELEMENTWISE: dict[Join, Op] = {
    Join.ADD: Add(),
    Join.MULTIPLY: Multiply(),
    Join.MAXIMUM: Maximum(),
}
_CONCAT = Concat()


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
    return _layer_builder(node, vector, may_overwrite).nodes


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
    return _layer_builder(node, node.vector, may_overwrite).may_overwrite


def may_overwrite_end(chain: Sequence[Node], *, may_overwrite: bool = False) -> bool:
    """Whether an activation may overwrite the output of a chain.

    Args:
        chain: Layers and blocks.
        may_overwrite: Whether the first may overwrite its input.
    """
    for node in chain:
        may_overwrite = may_be_inplace(node, may_overwrite)
    return may_overwrite


def _layer_builder(node: Node, vector: bool, may_overwrite: bool) -> Builder:
    builder = Builder(node.input, may_overwrite=may_overwrite)
    _add_layer(node, builder.input._replace(vector=vector), builder)
    return builder


def _add_layer(node: Node, x: Value, builder: Builder) -> Value:
    assert not isinstance(node.layer, Block)
    builder.layer = node.name
    # The output of the classifier is known by now.
    context = Context(node.padding, node.far, node.uncounted, classes=node.output.channels)
    return node.layer.lower(builder, x, context)


class _Lowered(NamedTuple):
    """The operations of a layer on the value that was `taken`.

    What follows `may_overwrite` their output. Where a class computes them its call holds its
    `argument`: what was taken, or the output of the first.
    """

    nodes: list[OpNode]
    taken: Value
    output: Value
    may_overwrite: bool
    argument: Value | None


class _Lowering:
    """Follows the calls of a network's module."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._builder = Builder(network.input)
        self._style, self._series = network.architecture.style, network.series
        self._layers: dict[tuple[Any, ...], _Lowered] = {}

    def graph(self) -> OpGraph:
        x = self._builder.input
        last = self._network.nodes[-1] if has_classifier(self._network) else None
        for stage, chain in self._network.stages.items():
            argument, self._builder.may_overwrite = x, False
            for run in self._network.runs(stage):
                value, first = x, len(self._builder.nodes)
                if run.recomputed:
                    self._builder.may_overwrite = False
                x = self._chain(run.nodes, x)
                if run.recomputed:  # the classifier keeps its input alone anyway
                    self._builder.recompute(value, first, before_last=run.nodes[-1] is last)
            self._builder.hold(argument, before_last=chain[-1] is last)
        return self._builder.graph(self._network.name, x)

    def _chain(self, chain: Sequence[Node], x: Value) -> Value:
        for node in chain:
            if isinstance(node.layer, Block):
                before = self._builder.may_overwrite
                x = self._block(node, x)
                self._builder.may_overwrite = may_be_inplace(node, before)
            else:
                x = self._layer(node, x)
        return x

    def _branch(self, chain: Sequence[Node], x: Value) -> Value:
        """A branch of a block, whose input others need, too."""
        self._builder.may_overwrite = False
        return self._chain(chain, x)

    def _layer(self, node: Node, x: Value) -> Value:
        """The operations of a layer, as they are elsewhere where an equal one takes the same."""
        builder = self._builder
        start, before = len(builder.nodes), builder.may_overwrite
        windows = node.padding, node.far, node.uncounted
        key = node.layer, x[1:], node.output, windows, before
        lowered = self._layers.get(key)
        if lowered is None:
            lowered = self._lowered(node, x)
            if len(builder.nodes) > start and lowered.output is builder.nodes[-1].output:
                self._layers[key] = lowered
            output = lowered.output
        else:
            nodes, taken, _, builder.may_overwrite, _ = lowered
            builder.layer = node.name
            builder.repeat(nodes, taken, x)
            output = builder.nodes[-1].output
        if lowered.argument is not None:
            own = lowered.argument is not lowered.taken
            builder.hold(builder.nodes[start].output if own else x)
        return output

    def _lowered(self, node: Node, x: Value) -> _Lowered:
        """Add the operations of a layer."""
        layer, builder = node.layer, self._builder
        assert not isinstance(layer, Block)
        in_class = isinstance(layer, Conv) and has_class(
            node, layer, self._style, series=self._series
        )
        if in_class:
            builder.may_overwrite = False
        start = len(builder.nodes)
        output = _add_layer(node, x, builder)
        nodes, argument = builder.nodes[start:], None
        if in_class or layer.helper(node.input.channels) is not None:
            padded = isinstance(nodes[0].op, ZeroPad2d)  # before the class
            argument = nodes[0].output if padded else x
        return _Lowered(nodes, x, output, builder.may_overwrite, argument)

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
        output = self._branch(*first)
        free = builder.may_overwrite
        if not node.layer.join.concatenates:
            op = _ELEMENTWISE[node.layer.join]
            for branch in others:  # each is added before the next is computed
                other = self._branch(*branch)
                builder.layer, builder.may_overwrite = node.name, free
                output = builder.add(op, output, other)
        elif others:
            outputs = [output, *(self._branch(*branch) for branch in others)]
            builder.layer = node.name
            output = builder.add(_CONCAT, *outputs)
        builder.layer = node.name
        if node.activation is not None:
            builder.may_overwrite = free
            output = node.activation.add(builder, output)
        builder.hold(x)
        return output
