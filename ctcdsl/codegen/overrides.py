"""What the constructor of a module replaces: input channels, classes, the rate of dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

from ctcdsl.checking import Network, Node
from ctcdsl.codegen.layers import Part
from ctcdsl.ir import Conv, Linear
from ctcdsl.layers.dropout import Dropout
from ctcdsl.lowering import has_classifier, layer_ops
from ctcdsl.ops.calls import Argument, Number


class Overrides(NamedTuple):
    """The layers of the trunk and the head that follow the constructor's arguments.

    `stem` is the convolution that sees the images; None where that is in a block, or depthwise.
    `classifier` gives the scores; it is `last` where it is a matrix that nothing follows, and then
    an attribute of the module. `dropouts` are the layers that have the `rate` of the last one.
    """

    input_channels: int
    classes: int
    stem: Node | None
    classifier: Node | None
    last: bool
    dropouts: tuple[str, ...]
    rate: float

    @classmethod
    def of(cls, network: Network) -> Self:
        """Those of a network."""
        nodes = network.nodes
        classifier = _classifier(network)
        last = has_classifier(network)
        rates = [
            (node.name, node.layer.probability) for node in nodes if isinstance(node.layer, Dropout)
        ]
        rate = rates[-1][1] if rates else 0.0
        dropouts = tuple(name for name, own in rates if own == rate)
        channels = network.input.channels
        return cls(channels, network.classes, _stem(nodes), classifier, last, dropouts, rate)

    @property
    def drops(self) -> bool:
        """Whether there is a rate of dropout: of layers, or before a classifier that is last."""
        return self.last or bool(self.dropouts)

    @property
    def adds_dropout(self) -> bool:
        """Whether the network has no dropout before its classifier, so that the module adds it."""
        return self.last and not self.dropouts

    def applied(self, node: Node, part: Part) -> Part:
        """A layer's part with the constructor's parameters for its numbers."""
        arguments = list(part.call.arguments)
        if node is self.stem and _channels(arguments, 0) == self.input_channels:
            arguments[0] = Argument("in_chans")
        if node is self.classifier and _channels(arguments, 1) == self.classes:
            arguments[1] = Argument("num_classes")
        if node.name in self.dropouts:
            arguments = [Argument("drop_rate", "p")]
        return part._replace(call=part.call._replace(arguments=tuple(arguments)))


def _channels(arguments: Sequence[Argument], at: int) -> int | None:
    value = arguments[at].value if at < len(arguments) else None
    return value.value if isinstance(value, Number) else None


def _stem(nodes: Sequence[Node]) -> Node | None:
    """The first layer with channels of its own, where it is a convolution of all of them."""
    for node in nodes:
        if isinstance(node.layer, Conv):
            norm = node.layer.preactivation and node.layer.norm is not None
            return None if node.layer.groups > 1 or norm else node
        if _has_channels(node):
            return None
    return None


def _classifier(network: Network) -> Node | None:
    """The last layer with channels of its own, where its outputs are the classes."""
    node = next((node for node in reversed(network.nodes) if _has_channels(node)), None)
    if node is None or node.output.channels != network.classes:
        return None
    if isinstance(node.layer, Linear):
        return node if node.layer.activation is None else None
    if isinstance(node.layer, Conv) and node.layer.groups == 1:
        activation = node.layer.activation
        return None if activation and activation.function.learned else node
    return None


def _has_channels(node: Node) -> bool:
    """Whether a layer's modules are made for its channels."""
    if node.branches:
        return True
    return any(
        op.op.module and (any(op.tensors) or any(a.numbers for a in _wide(op.op.arguments())))
        for op in layer_ops(node, vector=node.vector)
    )


def _wide(arguments: Sequence[Argument]) -> list[Argument]:
    return [a for a in arguments if isinstance(a.value, Number) and not a.keyword]
