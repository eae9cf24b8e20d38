"""Which networks are rewrites of which: the family tree, found by rewriting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.ir import Architecture, Conv, replace
from ctcdsl.ir.network import flat
from ctcdsl.metrics import network_cost
from ctcdsl.passes.base import Pass
from ctcdsl.passes.equation import equation
from ctcdsl.passes.manager import Step, run_pass
from ctcdsl.passes.rewrites.add_pool import AddPool
from ctcdsl.passes.rewrites.delay_subsample import DelaySubsample
from ctcdsl.passes.rewrites.depth_for_size import DepthForSize
from ctcdsl.passes.rewrites.width import DepthForWidth, WidthForSize
from ctcdsl.text import UserError

MAX_DEPTH = 12
"""The deepest stage that is tried."""


class Relation(NamedTuple):
    """One network rewritten to another by one pass.

    `ratio` is the complexity of the layers touched, after over before; None where none is.
    """

    parent: str
    child: str
    applied: Pass
    ratio: float | None


class Family(NamedTuple):
    """Networks, and which come from which; `complexity` is relative to the first.

    `repeated` networks were given more than once, under one name or several.
    """

    names: tuple[str, ...]
    complexity: dict[str, float]
    relations: tuple[Relation, ...]
    repeated: int = 0


def candidates(network: Network) -> Iterator[Pass]:
    """The paper's moves that may apply to a network, forward only: deeper, smaller, delayed."""
    for index, stage in enumerate(network.architecture.stages, start=1):
        convs = [node for node in stage.elements if isinstance(node, Conv)]
        sizes = sorted({conv.kernel[0] for conv in convs})
        name = str(index)
        for to in range(2, max(sizes, default=0)):
            yield DepthForSize(stage=name, to=to)
        if len(sizes) == 1:
            for depth in range(len(convs) + 1, MAX_DEPTH + 1):
                yield DepthForWidth(stage=name, depth=depth)
            for to in (3, 5):
                if to > sizes[0]:
                    yield WidthForSize(stage=name, to=to)
    yield AddPool()
    yield DelaySubsample()


def find_family(networks: Sequence[Network]) -> Family:
    """Rewrite every network by every candidate, and see which of the others come out.

    Equal networks are one, called by all of their names; different ones of one name are
    numbered: `A`, `A (2)`.
    """
    known = _labels(networks)
    relations: list[Relation] = []
    once: dict[str, Network] = {}
    for network in networks:
        once.setdefault(known[_nameless(network.architecture)], network)
    for parent, network in once.items():
        seen: set[str] = set()
        kin = [_depths(other) for other in once.values() if _outline(other) == _outline(network)]
        for applied in candidates(network):
            if not _may_lead(applied, _depths(network), kin):
                continue
            try:
                step = run_pass(network, applied)
            except UserError:
                continue  # the move does not apply here
            child = known.get(_nameless(step.after.architecture))
            if child is not None and child != parent and child not in seen:
                seen.add(child)
                ratio = equation(step.before, step.after).ratio
                relations.append(Relation(parent, child, applied, ratio))
    base = network_cost(networks[0]).macs
    complexity = {name: network_cost(network).macs / base for name, network in once.items()}
    return Family(tuple(once), complexity, tuple(relations), len(networks) - len(once))


def _outline(network: Network) -> tuple[object, ...]:
    """What no candidate changes."""
    architecture = network.architecture
    return architecture.input, architecture.classes, architecture.style, architecture.head


def _depths(network: Network) -> tuple[int, ...]:
    """The convolutions of each stage."""
    return tuple(
        sum(isinstance(node.layer, Conv) for node in flat(network.stage(index)))
        for index in range(len(network.architecture.stages))
    )


def _may_lead(applied: Pass, depths: tuple[int, ...], kin: Sequence[tuple[int, ...]]) -> bool:
    """Whether one of the `kin` has the depths that a pass leaves; most take long to solve widths.

    Those that make a stage deeper leave the others as deep as they are.
    """
    match applied:
        case DepthForSize() | DepthForWidth():
            stage = int(applied.stage) - 1
            return any(
                len(other) == len(depths)
                and [k for k, depth in enumerate(depths) if other[k] != depth] == [stage]
                for other in kin
            )
        case WidthForSize():
            return kin.count(depths) > 1
        case _:
            return len(kin) > 1


def _labels(networks: Sequence[Network]) -> dict[Architecture, str]:
    """What each different network is called, in the order given."""
    names: dict[Architecture, dict[str, None]] = {}
    for network in networks:
        names.setdefault(_nameless(network.architecture), {})[network.name] = None
    labels: dict[Architecture, str] = {}
    for architecture, own_names in names.items():
        label = first = " = ".join(own_names)
        count = 1
        while label in labels.values():
            count += 1
            label = f"{first} ({count})"
        labels[architecture] = label
    return labels


def chain_family(steps: Sequence[Step]) -> Family:
    """The family of one chain of rewrites: each network and the next, counted by steps."""
    networks = [steps[0].before, *(step.after for step in steps)]
    first = networks[0].name
    names = (first, *(f"{first} {k}" for k in range(1, len(networks))))
    relations = tuple(
        Relation(*pair, step.applied, equation(step.before, step.after).ratio)
        for pair, step in zip(pairwise(names), steps, strict=True)
    )
    base = network_cost(networks[0]).macs
    shares = (network_cost(network).macs / base for network in networks)
    return Family(names, dict(zip(names, shares, strict=True)), relations)


def _nameless(architecture: Architecture) -> Architecture:
    """A network by what it is, not what it is called."""
    return replace(architecture, name="")
