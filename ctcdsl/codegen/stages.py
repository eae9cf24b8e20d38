"""The attributes of a module: stages, head and classifier, each with its layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.codegen.layers import Layers, Part
from ctcdsl.codegen.names import attribute_name
from ctcdsl.codegen.overrides import Overrides
from ctcdsl.ir.network import flat
from ctcdsl.lowering import lower
from ctcdsl.metrics.receptive_field import Field, receptive_fields
from ctcdsl.ops.calls import Call

CLASSIFIER = "classifier"


class StageCode(NamedTuple):
    """An attribute: a chain of parts, or with `alone` one layer itself; `nodes` are its layers."""

    name: str
    nodes: tuple[Node, ...]
    parts: tuple[tuple[Node, Part], ...]
    alone: bool = False

    @property
    def in_head(self) -> bool:
        """Whether it follows the trunk."""
        return self.nodes[0].stage is None


def stage_codes(
    network: Network, layers: Layers, blocks: Mapping[str, Call], overrides: Overrides
) -> Iterator[StageCode]:
    """The attributes in the order of `forward`.

    None overwrites what it takes: that may be a map that was asked for, or one to compute from
    again.
    """
    vector = False
    for stage, nodes in network.stages.items():
        parts = [
            (node, overrides.applied(node, part))
            for node, part in layers.chain(nodes, blocks, vector=vector)
        ]
        vector = nodes[-1].vector
        name = attribute_name(stage)
        if overrides.last and nodes[-1] is overrides.classifier:
            chain = tuple(parts[:-1])
            if chain:
                yield StageCode(name, nodes if chain[-1][0] is nodes[-1] else nodes[:-1], chain)
            yield StageCode(CLASSIFIER, nodes[-1:], tuple(parts[-1:]), alone=True)
        else:
            yield StageCode(name, nodes, tuple(parts))


def stage_strides(network: Network) -> list[int]:
    """How many pixels apart the positions of each stage's last map are."""
    graph = lower(network)
    fields = receptive_fields(graph)
    last = {op.layer: op.output.number for op in graph.nodes}
    numbers: list[int] = []
    number = graph.input.number
    for index, _ in enumerate(network.architecture.stages):
        for node in flat(network.stage(index)):
            number = last.get(node.name, number)
        numbers.append(number)
    return [_step(fields[number]) for number in numbers]


def _step(field: Field) -> int:
    steps = [k * prod(a / g for a, _, g in chain) for k, chain in field.height.first]
    return max(1, round(max(steps)))
