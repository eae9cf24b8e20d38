"""Layers as calls: which module of PyTorch, or of the generated text, each one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ctcdsl.checking import Node
from ctcdsl.ir import Block, Conv, Join, Layer, Style
from ctcdsl.lowering import layer_ops
from ctcdsl.ops.calls import Argument, Call
from ctcdsl.ops.convolution import Conv2d, ZeroPad2d
from ctcdsl.ops.graph import OpNode
from ctcdsl.ops.op import Op, Overwrite
from ctcdsl.ops.shapes import Shape
from ctcdsl.text.diagnostic import InternalError


class Part(NamedTuple):
    """A call, and the operations that its module computes, each with its path in the module."""

    call: Call
    ops: tuple[tuple[str, OpNode], ...]


class Layers:
    """Writes the layers of one network as calls.

    Args:
        style: The network's.
        use_helpers: Whether convolutions without a norm have a helper class too, where they
            are in the network's style.
    """

    def __init__(self, style: Style, *, use_helpers: bool) -> None:
        self._style = style
        self._use_helpers = use_helpers
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
        if conv.preactivation and node.far != (0, 0):
            return None  # it is padded between its activation and itself
        parts = (conv.norm, conv.activation, conv.preactivation, conv.standardisation)
        if conv.norm is None:
            in_style = parts == self._style[:4]
            if not self._use_helpers or conv.activation is None or not in_style:
                return None
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
        ops = layer_ops(node, vector=vector)
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
            return [*_parts(before, may_overwrite), Part(_conv_helper(name, layer, ops), paths)]
        return _parts(ops, may_overwrite)


def _parts(ops: Sequence[OpNode], may_overwrite: bool) -> list[Part]:
    calls = op_calls(ops, may_overwrite)
    return [Part(call, (("", op),)) for call, op in zip(calls, ops, strict=True)]


def _conv_helper(name: str, conv: Conv, ops: Sequence[OpNode]) -> Call:
    """The call of a convolution's helper class, which by default has a bias or a norm."""
    ((op, output),) = ((n.op, n.output.shape) for n in ops if isinstance(n.op, Conv2d))
    *arguments, bias = Conv2d.arguments(op)
    default = str(conv.norm is None)
    return Call(name, (*arguments, bias._replace(default=default)), op.note(output))


def op_calls(ops: Sequence[OpNode], may_overwrite: bool) -> list[Call]:
    """The calls of operations one after another; activations work in place where they may."""
    calls: list[Call] = []
    for node in ops:
        if not node.op.module:
            raise InternalError(f"{node.layer}: {node.op} is no module, and its layer no class")
        calls.append(op_call(node.op, node.output.shape, in_place=may_overwrite))
        may_overwrite = _overwritable(node.op, may_overwrite)
    return calls


def op_call(op: Op, output: Shape, *, in_place: bool) -> Call:
    """The call of an operation; in place where it can and may be."""
    arguments = op.arguments()
    if op.in_place and in_place:
        arguments = (*arguments, Argument("True", "inplace"))
    return Call(op.module, arguments, op.note(output))


def may_be_inplace(node: Node, may_overwrite: bool) -> bool:
    """Whether an activation may overwrite the output of a layer.

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
    for op_node in layer_ops(node):
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
