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

        Such a module applies its stages one after another, each one submodule, mostly a chain of
        them in `nn.Sequential`. A convolution may be one submodule with its norm and activation,
        or one with the activation behind it.
        """
        chains = source_map(network).chains
        if [name for name, _ in model.named_children()] != list(chains):
            return None
        trunk: list[nn.Module] = []
        head: list[nn.Module] = []
        ends = [0]
        for name, chain in chains.items():
            paths = [path for _, paths in chain for path in paths]
            links = _links(model.get_submodule(name))
            if len(links) != len(paths):
                return None
            if chain[0][0].stage is None:
                head = links
                continue
            for _, submodules in chain:
                ends.append(ends[-1] + len(submodules))
            trunk += links
        return cls(tuple(trunk), tuple(head), tuple(ends))


def run(modules: Sequence[nn.Module], maps: Tensor) -> Tensor:
    """What leaves the last of `modules` when `maps` enter the first."""
    for module in modules:
        maps = module(maps)
    return maps


def _links(module: nn.Module) -> list[nn.Module]:
    # exactly nn.Sequential: a subclass may do more than call its parts
    return list(module.children()) if type(module) is nn.Sequential else [module]
