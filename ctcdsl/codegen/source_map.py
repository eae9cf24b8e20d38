"""Where the layers of a network are in its generated module: submodules, and their tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.codegen.blocks import Blocks
from ctcdsl.codegen.layers import Layers, Part
from ctcdsl.codegen.names import attribute_name, class_name
from ctcdsl.codegen.structures import kept_branches
from ctcdsl.ir import Block
from ctcdsl.ops.graph import Builder, OpNode
from ctcdsl.ops.op import TensorSpec


class Submodule(NamedTuple):
    """The module of one operation: its dotted path, as `Module.get_submodule` takes it."""

    path: str
    op: OpNode

    @property
    def tensors(self) -> Iterator[tuple[str, TensorSpec]]:
        """Its tensors by their names in the state dict of the network's module."""
        for spec in self.op.tensors:
            yield f"{self.path}.{spec.name}", spec


class SourceMap(NamedTuple):
    """The submodules that compute the layers of a network.

    `chains` has each stage, then the head, and for each of their layers and blocks the paths of
    the submodules that `forward` applies one after another. `submodules` has those of all
    operations, inside of blocks, too, in the order in which the module registers them.
    """

    chains: dict[str, list[tuple[Node, tuple[str, ...]]]]
    submodules: tuple[Submodule, ...]


def source_map(network: Network) -> SourceMap:
    """Where the layers of a network are in the module that `generate` writes."""
    return _Walk(network).map()


class _Walk:
    """Follows the text of a module as the code generator lays it out."""

    def __init__(self, network: Network) -> None:
        architecture = network.architecture
        self._network = network
        self._layers = Layers(architecture.style, series=network.series)
        self._blocks = Blocks(network.nodes, self._layers, class_name(architecture.name))
        self._classes = {code.name: code for code in self._blocks.classes}
        self._submodules: list[Submodule] = []

    def map(self) -> SourceMap:
        chains: dict[str, list[tuple[Node, tuple[str, ...]]]] = {}
        vector = False
        for stage, nodes in self._network.stages.items():
            name = attribute_name(stage)
            parts = self._parts(nodes, vector=vector)
            chains[name] = []
            paths = iter(self._chain(parts, name, alone=_is_class(parts[0][1])))
            for node in nodes:
                count = sum(1 for owner, _ in parts if owner is node)
                chains[name].append((node, tuple(next(paths) for _ in range(count))))
            vector = nodes[-1].vector
        return SourceMap(chains, tuple(self._submodules))

    def _parts(self, chain: Sequence[Node], *, vector: bool) -> list[tuple[Node, Part]]:
        parts: list[tuple[Node, Part]] = []
        for node in chain:
            if isinstance(node.layer, Block):
                parts.append((node, Part(self._blocks.calls[node.name], ())))
            else:
                parts += [
                    (node, part) for part in self._layers.parts(node, node.layer, vector=vector)
                ]
            vector = node.vector
        return parts

    def _chain(self, parts: Sequence[tuple[Node, Part]], prefix: str, *, alone: bool) -> list[str]:
        """The paths of a chain: an attribute itself where it is `alone` in it, else numbered."""
        paths: list[str] = []
        for index, (node, part) in enumerate(parts):
            path = prefix if alone and len(parts) == 1 else f"{prefix}.{index}"
            paths.append(path)
            if isinstance(node.layer, Block):
                self._block(node, path)
            self._submodules += [
                Submodule(f"{path}.{inner}" if inner else path, op) for inner, op in part.ops
            ]
        return paths

    def _block(self, node: Node, path: str) -> None:
        code = self._classes[self._blocks.calls[node.name].function]
        branches = list(kept_branches(node))
        if node.shortcut:
            branches.append(node.branches[-1] or None)
        is_chain = len(code.branches) == 1
        for branch in code.branches:
            chain = branches[branch.position]
            if not branch.calls or chain is None:
                continue
            parts = [
                (owner, part)
                for owner, part in self._parts(chain, vector=False)
                if part.call.function != "nn.Identity"
            ]
            if is_chain:
                self._chain(parts, path, alone=False)
            else:
                self._chain(parts, f"{path}.{branch.attribute}", alone=True)
        if code.activation is not None and node.activation is not None:
            builder = Builder(node.output, node.name)
            node.activation.add(builder, builder.input)
            last = len(code.branches[0].calls) if is_chain else code.activation.attribute
            self._submodules.append(Submodule(f"{path}.{last}", builder.nodes[0]))


def _is_class(part: Part) -> bool:
    """Whether a call makes one of the module's own classes."""
    return not part.call.function.startswith("nn.")
