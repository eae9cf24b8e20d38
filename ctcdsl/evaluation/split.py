"""A generated module taken apart again: which of its submodules compute which layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.codegen.layers import Layers
from ctcdsl.codegen.names import attribute_name
from ctcdsl.ir import Block


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The submodules of a network's module, in the order in which its `forward` calls them."""

    trunk: tuple[nn.Module, ...]
    head: tuple[nn.Module, ...]
    ends: tuple[int, ...]
    """How many submodules of the trunk compute the first 0, 1, 2, … layers and blocks of it."""

    @classmethod
    def of(cls, model: nn.Module, network: Network) -> Self | None:
        """The parts of `model`; None where it is not built as generated modules are.

        Such a module applies its stages one after another, each one submodule, mostly a chain of
        them in `nn.Sequential`. A convolution may be one submodule with its norm and activation,
        or one with the activation behind it.
        """
        architecture = network.architecture
        stages = [attribute_name(name) for name in architecture.stage_names]
        heads = [attribute_name(architecture.head.name)] if architecture.head.layers else []
        children = dict(model.named_children())
        if list(children) != stages + heads:
            return None
        layers = Layers(architecture.style, use_helpers=not network.series)
        trunk: list[nn.Module] = []
        ends = [0]
        for index, name in enumerate(stages):
            for node in network.stage(index):
                layer = node.layer
                size = 1 if isinstance(layer, Block) else len(layers.layer(node, layer))
                ends.append(ends[-1] + size)
            trunk += _links(children[name])
            if len(trunk) != ends[-1]:
                return None
        head = [link for name in heads for link in _links(children[name])]
        return cls(tuple(trunk), tuple(head), tuple(ends))


def run(modules: Sequence[nn.Module], maps: Tensor) -> Tensor:
    """What leaves the last of `modules` when `maps` enter the first."""
    for module in modules:
        maps = module(maps)
    return maps


def _links(module: nn.Module) -> list[nn.Module]:
    # exactly nn.Sequential: a subclass may do more than call its parts
    return list(module.children()) if type(module) is nn.Sequential else [module]
