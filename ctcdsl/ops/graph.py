"""The graph of operations: one node a tensor operation, in order of execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ctcdsl.ops.op import Op, Overwrite, TensorSpec
from ctcdsl.ops.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import networkx as nx

INPUT = "input"


class Value(NamedTuple):
    """The input of a graph, or the output of an operation; a `vector` of features or a map."""

    number: int
    shape: Shape
    vector: bool = False

    def moved(self, shift: int) -> Value:
        """The value that is as many further on."""
        return Value(self.number + shift, self.shape, self.vector)


class OpNode(NamedTuple):
    """An operation, what it takes and gives, and the layer that it comes from.

    `layer` is `Node.name`; `role` tells the operations of one layer apart where they have tensors:
    `norm`, `reduce`. One that works `in_place` writes its output over its first input.
    """

    op: Op
    inputs: tuple[Value, ...]
    output: Value
    layer: str
    role: str
    in_place: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image."""
        return self.op.macs(self.output.shape)

    @property
    def tensors(self) -> Iterator[TensorSpec]:
        """Its tensors, with roles that are unique in their layer: `norm.weight`."""
        for spec in self.op.tensors():
            yield spec._replace(role=f"{self.role}.{spec.role}") if self.role else spec


class Hold(NamedTuple):
    """A call of a module, which holds its argument until it returns.

    `value` is the argument's number, `until` the position of the last operation in the call.
    """

    value: int
    until: int


class Recomputed(NamedTuple):
    """Operations that training computes again, from the position `first` up to `last`.

    `value` is the number of their input, which training keeps.
    """

    value: int
    first: int
    last: int


class OpGraph(NamedTuple):
    """A network as operations: every value has a shape, every operation its layer.

    `holds` are the calls that take longer than one operation: those of stages, blocks and classes.
    `recomputed` are the operations that training computes again in the backward pass.
    """

    name: str
    input: Value
    nodes: tuple[OpNode, ...]
    output: Value
    holds: tuple[Hold, ...] = ()
    recomputed: tuple[Recomputed, ...] = ()

    def to_networkx(self) -> nx.DiGraph[str]:
        """The graph for what works on graphs: a node an operation, a value an edge.

        Nodes are named `layer` or `layer.number` in order, and carry their `OpNode` as `node`;
        the node `input` begins the graph. Edges carry the `shape` of the value that flows.
        """
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph(name=self.name)
        graph.add_node(INPUT, node=None)
        names = {self.input.number: INPUT}
        for node, name in zip(self.nodes, self.names(), strict=True):
            graph.add_node(name, node=node)
            names[node.output.number] = name
            for value in node.inputs:
                graph.add_edge(names[value.number], name, shape=value.shape)
        return graph

    def names(self) -> list[str]:
        """A name for each operation: its layer's, with its class where the layer has several."""
        counts: dict[str, int] = {}
        for node in self.nodes:
            counts[node.layer] = counts.get(node.layer, 0) + 1
        seen: dict[str, int] = {}
        result: list[str] = []
        for node in self.nodes:
            name = node.layer
            if counts[name] > 1:
                name = f"{name}.{type(node.op).__name__}"
            seen[name] = seen.get(name, 0) + 1
            result.append(name if seen[name] == 1 else f"{name}{seen[name]}")
        return result


class Builder:
    """Collects operations in order.

    `layer` is the one whose operations are added. The next operation works in place where it can
    if it `may_overwrite` what came before.
    """

    def __init__(self, input: Shape, layer: str = "", *, may_overwrite: bool = False) -> None:
        self.input = Value(0, input)
        self.nodes: list[OpNode] = []
        self.layer = layer
        self.may_overwrite = may_overwrite
        self._count = 0
        self._holds: list[Hold] = []
        self._recomputed: list[Recomputed] = []

    def add(self, op: Op, *inputs: Value, role: str = "") -> Value:
        """Add an operation on values; return what it gives."""
        self._count += 1
        shape = op.infer(*[value.shape for value in inputs])
        output = Value(self._count, shape, op.makes_vector or inputs[0].vector)
        in_place = self.may_overwrite and op.in_place
        self.nodes.append(OpNode(op, inputs, output, self.layer, role, in_place))
        if op.overwrite is not Overwrite.AS_INPUT:
            self.may_overwrite = op.overwrite is Overwrite.MAY
        return output

    def repeat(self, nodes: Sequence[OpNode], taken: Value, x: Value) -> None:
        """Add operations as they were added before, on `x` instead of `taken`, which is alike."""
        shift = self._count + 1 - nodes[0].output.number
        for op, inputs, output, _, role, in_place in nodes:
            given = tuple(
                [x if v.number == taken.number else v.moved(shift) for v in inputs],
            )
            moved = output.moved(shift)
            self.nodes.append(OpNode(op, given, moved, self.layer, role, in_place))
        self._count += len(nodes)

    def hold(self, x: Value, *, before_last: bool = False) -> None:
        """A call that `x` was the argument of returns here, or before the last operation."""
        self._holds.append(Hold(x.number, len(self.nodes) - 1 - before_last))

    def recompute(self, x: Value, first: int, *, before_last: bool = False) -> None:
        """What was added from the position `first` on is computed again, from `x`.

        Without the last operation where it is `before_last`.
        """
        last = len(self.nodes) - 1 - before_last
        if last >= first:
            self._recomputed.append(Recomputed(x.number, first, last))

    def graph(self, name: str, output: Value) -> OpGraph:
        """The graph of all that was added."""
        return OpGraph(
            name,
            self.input,
            tuple(self.nodes),
            output,
            tuple(self._holds),
            tuple(self._recomputed),
        )
