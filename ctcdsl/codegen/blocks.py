"""Blocks as classes: their parameters, and the call that makes each block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ctcdsl.checking import Node
from ctcdsl.codegen.class_code import ClassCode
from ctcdsl.codegen.class_writer import ClassWriter, def_arguments
from ctcdsl.codegen.expansions import DefBlock
from ctcdsl.codegen.layers import Layers
from ctcdsl.codegen.names import block_name
from ctcdsl.codegen.structures import BlockClass, Instance, block_classes, height, instance
from ctcdsl.ir import Block
from ctcdsl.ir.network import flat
from ctcdsl.ops.calls import Argument, Call, Number, map_note

_MAX_PLAIN = 2
"""Arguments that a call gives without their names."""


class Blocks:
    """The blocks of a network.

    `calls` makes each block, by its name; `classes` are in the order in which they are
    first needed, inner ones before those that use them. `functions` are those of the language
    that classes call.
    """

    def __init__(self, nodes: Sequence[Node], layers: Layers, network: str) -> None:
        self.calls: dict[str, Call] = {}
        self.classes: list[ClassCode] = []
        self.functions: set[str] = set()
        self._layers = layers
        self._made: dict[str, tuple[ClassCode, int]] = {}
        self._nodes = blocks = [node for node in flat(nodes) if isinstance(node.layer, Block)]
        taken = {network}
        for level in range(1, 1 + max(map(height, blocks), default=0)):
            here = [self._instance(node) for node in blocks if height(node) == level]
            for block_class in self._classes(here):
                writer = ClassWriter(block_class, taken)
                code = writer.code(block_name(block_class.usual_name, taken))
                taken.add(code.name)
                self.functions |= writer.functions
                self.classes.append(code)
                for index, each in enumerate(block_class.instances):
                    self._made[each.node.name] = code, index
                    self.calls[each.node.name] = _call(code, each.node, index)
        order = {node.name: index for index, node in enumerate(blocks)}
        self.classes.sort(key=lambda code: order[code.block_class.first.node.name])
        self._number()

    def _number(self) -> None:
        """Number classes of one name in the order of the text: inner ones were named first."""
        several: dict[str, list[str]] = {}
        for code in self.classes:
            several.setdefault(block_name(code.block_class.usual_name, ()), []).append(code.name)
        names: dict[str, str] = {}
        for used in several.values():
            names.update(zip(used, sorted(used, key=lambda name: (len(name), name)), strict=True))
        self.classes = [code.renamed(names) for code in self.classes]
        self.calls = {
            node: call._replace(function=names[call.function]) for node, call in self.calls.items()
        }

    def _instance(self, node: Node, *, folds: bool = True) -> Instance:
        """A block: as its `def` has it, where all blocks in it are of `def`s, too."""
        source = self._layers.expansions.get(node.name)
        if source is None or not all(self._is_of_def(inner) for inner in _inner(node)):
            return instance(node, self._layers, self.calls)
        inner = self._calls_in(source.node)
        return instance(source.node, self._layers, inner, source, folds=folds)

    def _is_of_def(self, node: Node) -> bool:
        code, _ = self._made[node.name]
        # A flag is of one call, and says nothing of others.
        return code.block_class.first.source is not None and not code.flags

    def _calls_in(self, node: Node) -> dict[str, Call]:
        """The calls of the blocks within a block of a `def`, in its terms."""
        calls: dict[str, Call] = {}
        for inner in _inner(node):
            code, index = self._made[inner.name]
            calls[inner.name] = _call(code, inner, index, symbolic=True)
        return calls

    def _classes(self, instances: Sequence[Instance]) -> Iterator[BlockClass]:
        """The classes of instances, those of `def`s with their probes.

        Where a parameter says how many layers there are that are not equal in a row, it is none of
        a class; where it says something else, too, the class has the numbers of its instances
        instead.
        """
        nodes = {node.name: node for node in self._nodes}
        classes = block_classes(instances)
        for block_class in classes:
            source, folds = block_class.first.source, block_class.first.folds
            if source is None:
                yield block_class
                continue
            like = [other for other in classes if _key(other) == source.key]
            probes = self._probes(source, folds=folds)
            fixed = {name for name, probe in probes if not _taken(like, probe)}
            writer = ClassWriter(block_class, ())
            if writer.counts_follow and not fixed & writer.def_parameters:
                yield block_class
                continue
            plain = [nodes[each.node.name] for each in block_class.instances]
            if folds:
                yield from self._classes([self._instance(node, folds=False) for node in plain])
            else:
                yield from block_classes(instance(n, self._layers, self.calls) for n in plain)

    def _probes(self, source: DefBlock, *, folds: bool) -> Iterator[tuple[str, Instance]]:
        """The probes of a block of a `def`, those with blocks that the network has."""
        for name, node in source.probes:
            if all(inner.name in self._made for inner in _inner(node)):
                inner = self._calls_in(node)
                yield name, instance(node, self._layers, inner, source, folds=folds)


def _key(block_class: BlockClass) -> tuple[str, str] | None:
    source = block_class.first.source
    return source.key if source is not None else None


def _taken(classes: Sequence[BlockClass], probe: Instance) -> bool:
    """Whether a probe has the structure of some class, which then has it once."""
    takers = [each for each in classes if probe in each.probes or each.takes(probe, probe=True)]
    return bool(takers)


def _inner(node: Node) -> Iterator[Node]:
    """The blocks in the branches of one."""
    return (inner for branch in node.branches for inner in branch if inner.branches)


def _call(code: ClassCode, node: Node, index: int, *, symbolic: bool = False) -> Call:
    """The call that makes the `index`th instance of a class.

    Args:
        code: The class.
        node: The block.
        index: Its index.
        symbolic: Whether the call is in the block of a `def`, in whose terms `node` is.
    """
    arguments: list[Argument] = []
    # Of more than two numbers in a row nobody knows which is which.
    plain = sum(not parameter.keyword_only for parameter in code.parameters) <= _MAX_PLAIN
    given = def_arguments(node) if symbolic else {}
    for number, parameter in enumerate(code.parameters):
        value = parameter.values[index]
        if symbolic and parameter is code.in_channels:
            value = node.input.channels
        elif symbolic and parameter.def_parameter:
            value = given[parameter.def_parameter]
        assert value is not None
        named = parameter.keyword_only or (number > 0 and not plain)
        keyword = parameter.name if named else ""
        arguments.append(Argument(Number(value, parameter.role), keyword, parameter.default))
    for flag, values in code.flags.items():
        arguments.append(Argument(str(values[index]), flag))
    return Call(code.name, tuple(arguments), map_note(node.output))
