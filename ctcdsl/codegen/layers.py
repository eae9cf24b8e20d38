"""Layers as calls: which module of PyTorch, or of the generated text, each one is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.codegen.conv_class import Kind, conv_classes, op_call, part_name
from ctcdsl.codegen.expansions import Expansions
from ctcdsl.ir import Block, Conv, Layer
from ctcdsl.lowering import has_class, layer_ops, may_be_inplace
from ctcdsl.ops.activation import Activate
from ctcdsl.ops.calls import Call
from ctcdsl.ops.convolution import ZeroPad2d
from ctcdsl.ops.graph import OpNode
from ctcdsl.ops.norm import NormOp
from ctcdsl.ops.operators import Flatten


class Part(NamedTuple):
    """A call, and the operations that its module computes, each with its path in the module."""

    call: Call
    ops: tuple[tuple[str, OpNode], ...]


class Layers:
    """Writes the layers of one network as calls."""

    def __init__(self, network: Network) -> None:
        self._style = network.architecture.style
        self._series = network.series
        self.expansions = Expansions(network)
        layers = (*network.layers, *self.expansions.probes)
        self.convs = conv_classes(layers, self._style, series=self._series)
        self._starts = {
            run.nodes[0].name
            for stage in network.stages
            for run in network.runs(stage)
            if run.recomputed
        }

    def chain(
        self,
        chain: Sequence[Node],
        blocks: Mapping[str, Call],
        *,
        may_overwrite: bool = False,
        vector: bool = False,
    ) -> list[tuple[Node, Part]]:
        """The parts of a chain, each with its layer or block.

        Their names in the chain are made of the words of their layers, and numbered by word where
        they have tensors: so tensors keep their names whatever else comes into the chain.

        Args:
            chain: Its layers and blocks.
            blocks: The calls of its blocks, by name.
            may_overwrite: Whether its first layer may overwrite its input.
            vector: Whether its input is a vector.
        """
        totals = Counter(_word(node) for node in chain)
        counts: Counter[str] = Counter()
        named: list[tuple[Node, Part]] = []
        for node in chain:
            word = _word(node)
            counts[word] += 1
            if node.name in self._starts:  # its input is kept for another time
                may_overwrite = False
            if isinstance(node.layer, Block):
                call = blocks[node.name]._replace(name=f"{word}{counts[word]}")
                named.append((node, Part(call, ())))
            else:
                parts = self._parts(node, node.layer, may_overwrite, vector=vector)
                learned = any(any(op.tensors) for part in parts for _, op in part.ops)
                number = str(counts[word]) if learned or totals[word] > 1 else ""
                named += [(node, part) for part in _named(parts, f"{word}{number}")]
            may_overwrite = may_be_inplace(node, may_overwrite)
            vector = node.vector
        return named

    def _parts(
        self, node: Node, layer: Layer, may_overwrite: bool = False, *, vector: bool = False
    ) -> list[Part]:
        ops = layer_ops(node, vector=vector, may_overwrite=may_overwrite)
        helper = layer.helper(node.input.channels)
        if helper is not None:
            modules = [op for op in ops if op.op.module]
            call = Call(helper.name, helper.arguments)
            return [Part(call, tuple(zip(helper.paths, modules, strict=True)))]
        if isinstance(layer, Conv) and has_class(node, layer, self._style, series=self._series):
            ops = layer_ops(node, vector=vector)
            before = [op for op in ops[:1] if isinstance(op.op, ZeroPad2d)]
            ops = ops[len(before) :]
            call = self.convs[Kind.of(layer)].call(layer, ops)
            return [*_modules(before), Part(call, tuple((part_name(op), op) for op in ops))]
        return _modules(ops)


def calls(parts: Sequence[tuple[Node, Part]]) -> list[Call]:
    """The calls of parts."""
    return [part.call for _, part in parts]


def _word(node: Node) -> str:
    return "block" if isinstance(node.layer, Block) else node.layer.keyword


def _modules(ops: Sequence[OpNode]) -> list[Part]:
    return [Part(op_call(op), (("", op),)) for op in ops]


def _named(parts: Sequence[Part], name: str) -> Iterator[Part]:
    """Parts of a layer with their names: its own for what it is, `conv1_act` for what it adds."""
    main = next((p for p in parts if any(any(op.tensors) and not op.role for _, op in p.ops)), None)
    if main is None:
        main = next(p for p in reversed(parts) if not isinstance(p.ops[-1][1].op, Flatten))
    for part in parts:
        own = name if part is main or len(parts) == 1 else _added(name, part.ops[0][1])
        yield part._replace(call=part.call._replace(name=own))


def _added(name: str, node: OpNode) -> str:
    match node.op:
        case Flatten():
            return "flatten"
        case Activate():
            return f"{name}_act"
        case NormOp():
            return f"{name}_norm"
        case ZeroPad2d():
            return f"{name}_pad"
        case _:
            return f"{name}_{type(node.op).__name__.lower()}"
