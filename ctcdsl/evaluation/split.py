"""A generated module taken apart again: which of its submodules compute which layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.codegen.source_map import source_map


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

        Such a module applies its stages one after another, each a chain of submodules by name. A
        convolution may be one submodule with its norm and activation, or several.
        """
        chains = source_map(network).chains
        if [name for name, _ in model.named_children()] != list(chains):
            return None
        trunk: list[nn.Module] = []
        head: list[nn.Module] = []
        ends = [0]
        for name, chain in chains.items():
            module = model.get_submodule(name)
            links = [f"{name}.{child}" for child, _ in module.named_children()] or [name]
            if links != [path for _, paths in chain for path in paths]:
                return None
            for node, paths in chain:
                parts = [model.get_submodule(path) for path in paths]
                if node.stage is None:
                    head += parts
                else:
                    trunk += parts
                    ends.append(ends[-1] + len(parts))
        return cls(tuple(trunk), tuple(head), tuple(ends))


def run(modules: Sequence[nn.Module], maps: Tensor) -> Tensor:
    """What leaves the last of `modules` when `maps` enter the first."""
    for module in modules:
        maps = module(maps)
    return maps
