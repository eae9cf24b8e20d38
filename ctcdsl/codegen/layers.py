"""Layers as calls: which module of PyTorch, or of the generated text, each one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ctcdsl.checking import Node
from ctcdsl.ir import Block, Conv, Layer, Style
from ctcdsl.lowering import has_class, layer_ops, may_be_inplace
from ctcdsl.ops.calls import Argument, Call
from ctcdsl.ops.convolution import Conv2d, ZeroPad2d
from ctcdsl.ops.graph import OpNode
from ctcdsl.text.diagnostic import InternalError


class Part(NamedTuple):
    """A call, and the operations that its module computes, each with its path in the module."""

    call: Call
    ops: tuple[tuple[str, OpNode], ...]


class Layers:
    """Writes the layers of one network as calls.

    Args:
        style: The network's.
        series: Whether the network is one chain.
    """

    def __init__(self, style: Style, *, series: bool) -> None:
        self._style = style
        self._series = series
        self._names: dict[str, list[tuple[object, ...]]] = {}

    def chain(
        self,
        chain: Sequence[Node],
        blocks: Mapping[str, Call],
        *,
        may_overwrite: bool = False,
        vector: bool = False,
    ) -> list[Call]:
        """The calls of a chain.

        Args:
            chain: Its layers and blocks.
            blocks: The calls of its blocks, by name.
            may_overwrite: Whether its first layer may overwrite its input.
            vector: Whether its input is a vector.
        """
        calls: list[Call] = []
        for node in chain:
            if isinstance(node.layer, Block):
                calls.append(blocks[node.name])
            else:
                calls += self.layer(node, node.layer, may_overwrite, vector=vector)
            may_overwrite = may_be_inplace(node, may_overwrite)
            vector = node.vector
        return calls

    def helper(self, node: Node, conv: Conv) -> str | None:
        """The name of the helper class that makes a convolution, if one does."""
        if not has_class(node, conv, self._style, series=self._series):
            return None
        parts = (conv.norm, conv.activation, conv.preactivation, conv.standardisation)
        words = [part.word.capitalize() for part in (conv.norm, conv.activation) if part]
        own = "Conv" if conv.standardisation is None else "StdConv"
        name = "".join([*words, own] if conv.preactivation else [own, *words])
        alike = self._names.setdefault(name, [])  # they differ in constants
        if parts not in alike:
            alike.append(parts)
        number = alike.index(parts) + 1
        return name if number == 1 else f"{name}{number}"

    def layer(
        self, node: Node, layer: Layer, may_overwrite: bool = False, *, vector: bool = False
    ) -> list[Call]:
        """The calls of one layer; `may_overwrite` where it may overwrite its input."""
        return [part.call for part in self.parts(node, layer, may_overwrite, vector=vector)]

    def parts(
        self, node: Node, layer: Layer, may_overwrite: bool = False, *, vector: bool = False
    ) -> list[Part]:
        """The calls of one layer with what they compute."""
        ops = layer_ops(node, vector=vector, may_overwrite=may_overwrite)
        helper = layer.helper(node.input.channels)
        if helper is not None:
            modules = [op for op in ops if op.op.module]
            return [
                Part(
                    Call(helper.name, helper.arguments),
                    tuple(zip(helper.paths, modules, strict=True)),
                )
            ]
        if isinstance(layer, Conv) and (name := self.helper(node, layer)) is not None:
            before = [op for op in ops[:1] if isinstance(op.op, ZeroPad2d)]
            ops = ops[len(before) :]
            paths = tuple((str(index), op) for index, op in enumerate(ops))
            return [*_parts(before), Part(_conv_helper(name, layer, ops), paths)]
        return _parts(ops)


def _parts(ops: Sequence[OpNode]) -> list[Part]:
    calls = [op_call(node) for node in ops]
    return [Part(call, (("", op),)) for call, op in zip(calls, ops, strict=True)]


def _conv_helper(name: str, conv: Conv, ops: Sequence[OpNode]) -> Call:
    """The call of a convolution's helper class, which by default has a bias or a norm."""
    ((op, output),) = ((n.op, n.output.shape) for n in ops if isinstance(n.op, Conv2d))
    *arguments, bias = Conv2d.arguments(op)
    default = str(conv.norm is None)
    return Call(name, (*arguments, bias._replace(default=default)), op.note(output))


def op_call(node: OpNode) -> Call:
    """The call of an operation's module."""
    op = node.op
    if not op.module:
        raise InternalError(f"{node.layer}: {op} is no module, and its layer no class")
    arguments = op.arguments()
    if node.in_place:
        arguments = (*arguments, Argument("True", "inplace"))
    return Call(op.module, arguments, op.note(node.output.shape))
