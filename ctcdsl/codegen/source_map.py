"""Where the layers of a network are in its generated module: submodules, and their tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.codegen.blocks import Blocks
from ctcdsl.codegen.layers import Layers, Part
from ctcdsl.codegen.names import class_name
from ctcdsl.codegen.overrides import Overrides
from ctcdsl.codegen.stages import stage_codes
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
        self._layers = Layers(network)
        self._blocks = Blocks(network.nodes, self._layers, class_name(architecture.name))
        self._classes = {code.name: code for code in self._blocks.classes}
        self._submodules: list[Submodule] = []

    def map(self) -> SourceMap:
        chains: dict[str, list[tuple[Node, tuple[str, ...]]]] = {}
        overrides = Overrides.of(self._network)
        for stage in stage_codes(self._network, self._layers, self._blocks.calls, overrides):
            paths = self._chain(stage.parts, stage.name, alone=stage.alone)
            placed = list(zip((node for node, _ in stage.parts), paths, strict=True))
            chains[stage.name] = [
                (node, tuple(path for owner, path in placed if owner is node))
                for node in stage.nodes
            ]
        return SourceMap(chains, tuple(self._submodules))

    def _chain(
        self, parts: Sequence[tuple[Node, Part]], prefix: str, *, alone: bool = False
    ) -> list[str]:
        """The paths of a chain: by their names in it, or one layer `alone` in its attribute."""
        paths: list[str] = []
        for node, part in parts:
            path = prefix if alone else f"{prefix}.{part.call.name}"
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
                for owner, part in self._layers.chain(chain, self._blocks.calls)
                if part.call.function != "nn.Identity"
            ]
            place = path if is_chain else f"{path}.{branch.attribute}"
            self._chain(parts, place, alone=not is_chain and branch.lone)
        if code.activation is not None and node.activation is not None:
            builder = Builder(node.output, node.name)
            node.activation.add(builder, builder.input)
            attribute = code.activation.attribute
            self._submodules.append(Submodule(f"{path}.{attribute}", builder.nodes[0]))
