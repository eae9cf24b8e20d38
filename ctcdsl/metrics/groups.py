"""Operations in groups: those of a layer that are called one after another, and always together.

Networks repeat their layers, and so their groups: what the kernels of one do is found out once.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, NamedTuple

from ctcdsl.ops.graph import OpGraph, OpNode


class Group(NamedTuple):
    """Operations from the position `first` on: each but the first takes the result before it.

    `inputs` are the numbers of the values that they take from elsewhere. Groups of one `signature`
    do the same with inputs that are alike.
    """

    first: int
    nodes: list[OpNode]
    inputs: list[int]
    signature: int


def grouped(graph: OpGraph) -> list[Group]:
    """The groups of a graph; none goes on where Python lets a value from elsewhere go."""
    last_use = _last_uses(graph)
    ends = {hold.until for hold in graph.holds}
    for part in graph.recomputed:
        ends |= {part.first - 1, part.last}
    signatures: dict[tuple[Any, ...], int] = {}
    groups: list[Group] = []
    nodes: list[OpNode] = []
    inputs: list[int] = []
    signature: list[Any] = []
    before = -1  # the result that the group goes on with
    for at, (node, following) in enumerate(zip_longest(graph.nodes, graph.nodes[1:])):
        op, values, output, layer, _, in_place = node
        nodes.append(node)
        signature += (op, in_place)
        whole = at in ends or following is None or following.layer != layer
        for number, *_ in values:
            signature.append(number == before)
            if number != before:
                inputs.append(number)
                whole = whole or last_use.get(number) == at
        before = output.number
        if whole or last_use.get(before) != at + 1:
            number = signatures.setdefault(tuple(signature), len(signatures))
            groups.append(Group(at + 1 - len(nodes), nodes, inputs, number))
            nodes, inputs, signature, before = [], [], [], -1
    return groups


def _last_uses(graph: OpGraph) -> dict[int, int]:
    """By values, the last operation while which Python holds them."""
    last = {value.number: at for at, node in enumerate(graph.nodes) for value in node.inputs}
    for hold in graph.holds:
        if last.get(hold.value, -1) < hold.until:
            last[hold.value] = hold.until
    last.pop(graph.output.number, None)
    return last
