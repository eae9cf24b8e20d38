"""Families of blocks: those of the same structure, which share a class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ctcdsl.checking import Placed
from ctcdsl.codegen.calls import Call
from ctcdsl.codegen.layers import Layers
from ctcdsl.ir import Activate, Block, Conv, Join, Sides

Chain = tuple[Call, ...]


@dataclass(slots=True)
class Instance:
    """A block in its place, each branch as calls: none for the identity.

    A branch that was left out is None. Behind the author's branches stands the projection
    of the implied shortcut; None where that is the identity.
    """

    placed: Placed
    branches: tuple[Chain | None, ...]

    @property
    def block(self) -> Block:
        """The block of the network."""
        assert isinstance(self.placed.layer, Block)
        return self.placed.layer


@dataclass(slots=True)
class Family:
    """The instances of one structure, in order."""

    instances: list[Instance] = field(default_factory=list)
    forms: list[tuple[object, ...] | None] = field(default_factory=list)

    @property
    def first(self) -> Instance:
        """The instance that stands for all."""
        return self.instances[0]

    def takes(self, instance: Instance) -> bool:
        """Add an instance if it has the structure of the others."""
        forms: list[tuple[object, ...] | None] = [
            None if chain is None else tuple(call.form for call in chain)
            for chain in instance.branches
        ]
        if self.instances:
            if _kind(self.first) != _kind(instance) or any(
                a != b and a is not None and b is not None
                for a, b in zip(self.forms, forms, strict=True)
            ):
                return False
            forms = [a if a is not None else b for a, b in zip(self.forms, forms, strict=True)]
        self.forms = forms
        self.instances.append(instance)
        return True

    @property
    def wanted_name(self) -> str:
        """What the class would be called: the author's word, else what is usual."""
        block, placed = self.first.block, self.first.placed
        if block.call is not None:
            return block.call.name
        if block.join is Join.CONCAT:
            return "Concat"
        if not placed.shortcut:
            there = [form for form in self.forms if form is not None]
            if len(there) == 1:
                return "Chain"
            if () not in there:
                return "Sum"
        convs = [node for node in block.branches[0].nodes if isinstance(node, Conv)]
        kernels: list[Sides] = [conv.kernel for conv in convs]
        if len(convs) == 3 and kernels[0] == kernels[2] == (1, 1) and kernels[1] != (1, 1):
            depthwise = convs[1].groups == convs[1].filters > 1
            return "InvertedResidual" if depthwise else "Bottleneck"
        return "Residual"


def families(placed: Iterable[Placed], layers: Layers, inner: Mapping[str, Call]) -> list[Family]:
    """Sort blocks into families.

    Args:
        placed: The blocks.
        layers: Writes their layers.
        inner: The calls of the blocks within them, by name.
    """
    found: list[Family] = []
    for block in placed:
        instance = _instance(block, layers, inner)
        if not any(family.takes(instance) for family in found):
            family = Family()
            family.takes(instance)
            found.append(family)
    return found


def height(placed: Placed) -> int:
    """How deep blocks are nested in a block; 0 for a layer."""
    if not isinstance(placed.layer, Block):
        return 0
    return 1 + max((height(p) for branch in placed.branches for p in branch), default=0)


def _kind(instance: Instance) -> tuple[object, ...]:
    """What instances of a family have in common beside their branches."""
    block, placed = instance.block, instance.placed
    return (
        block.call.name if block.call else None,
        block.join,
        placed.activation,
        placed.shortcut,
        # Of a branch that was left out nothing but the author's layers is known.
        tuple(
            tuple(type(node) for node in branch.nodes) if branch.optional else None
            for branch in block.branches
        ),
    )


def _instance(placed: Placed, layers: Layers, inner: Mapping[str, Call]) -> Instance:
    chains: list[Chain | None] = []
    for branch in _kept(placed):
        calls = None if branch is None else tuple(layers.chain(branch, inner))
        if calls is not None:
            calls = tuple(call for call in calls if call.function != "nn.Identity")
        chains.append(calls)
    if placed.shortcut:
        chains.append(tuple(layers.chain(placed.branches[-1], inner)) or None)
    return Instance(placed, tuple(chains))


def _kept(placed: Placed) -> list[Sequence[Placed] | None]:
    """The chain of each of the author's branches; None for those that were left out."""
    assert isinstance(placed.layer, Block)
    branches = placed.layer.branches
    if len(branches) == 1:
        return [placed.branches[0]]
    kept: list[Sequence[Placed] | None] = []
    chains = iter(placed.branches)
    chain = next(chains, None)
    for index, branch in enumerate(branches, start=1):
        if chain is None:
            kept.append(None)
            continue
        if chain:
            here = chain[0].name.startswith(f"{placed.name}.branch{index}.")
        else:  # nothing is left of a branch whose only layer acts after the addition
            here = len(branch.nodes) == 1 and isinstance(branch.nodes[0], Activate)
        kept.append(chain if here else None)
        if here:
            chain = next(chains, None)
    return kept
