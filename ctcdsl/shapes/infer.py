"""Every layer and block in its place: names, maps, paddings, shortcuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ctcdsl.ir import (
    Architecture,
    Block,
    Branch,
    Conv,
    Element,
    GlobalPool,
    Join,
    Layer,
    Linear,
    PadRule,
    Pair,
    Pool,
    Shape,
    Shuffle,
    SpatialPyramid,
    VectorLayer,
)
from ctcdsl.ir.network import Network, Node
from ctcdsl.shapes.blocks import (
    Chain,
    after,
    check_shapes_match,
    final_activation,
    shortcut,
    without_final_activation,
)
from ctcdsl.shapes.messages import no_rule, too_large
from ctcdsl.shapes.names import names
from ctcdsl.shapes.padding import PaddingRule, covers_map, window_output
from ctcdsl.text import Label
from ctcdsl.text.sink import Diagnostics


class ShapeInference:
    """Places the nodes of one network and reports those that have no place.

    `paddings` replaces the rule's for some layers of the trunk, by (stage, index). A stage
    that is one of `previous`, sees the same map and is padded as there is not placed again.
    """

    def __init__(
        self,
        architecture: Architecture,
        diagnostics: Diagnostics,
        paddings: Mapping[tuple[int, int], Pair],
        previous: Network | None = None,
    ) -> None:
        self._network = architecture
        self._diagnostics = diagnostics
        self._paddings = paddings
        self._previous: dict[int | None, list[Node]] = {}
        self._old = previous.architecture if previous is not None else architecture
        if previous is not None and (self._old.pad, self._old.style) == (
            architecture.pad,
            architecture.style,
        ):
            for node in previous.nodes:
                self._previous.setdefault(node.stage, []).append(node)

    def place(self) -> Chain | None:
        """Place trunk and head; None where an error was found."""
        network = self._network
        before = self._diagnostics.num_errors
        shape = network.input
        nodes: list[Node] = []
        for index, (name, stage) in enumerate(
            zip(network.stage_names, network.stages, strict=True)
        ):
            chain = self._kept(index, shape) or self._chain(name, index, stage.elements, shape)
            if chain is None:
                return None
            nodes += chain
            shape = chain[-1].output
        if self._diagnostics.num_errors > before or not self._head(shape, nodes):
            return None
        return tuple(nodes)

    def _kept(self, index: int, shape: Shape) -> Sequence[Node] | None:
        """A stage as it was placed in another network; None where it is another, or elsewhere."""
        chain = self._previous.get(index)
        stage = self._network.stages[index]
        if not chain or self._old.stages[index] is not stage or chain[0].input != shape:
            return None
        rule = PaddingRule(self._network.pad)
        for k, (element, node) in enumerate(zip(stage.elements, chain, strict=True)):
            if not isinstance(element, Block):
                padding = self._padding(rule, element, node.input, (index, k))
                if padding != (node.padding, node.map_dependent):
                    return None
        return chain

    def _padding(
        self, rule: PaddingRule, layer: Layer, shape: Shape, place: tuple[int | None, int] | None
    ) -> tuple[Pair | None, bool]:
        """A layer's padding, and whether the size of the map decided it.

        `place` is its stage, None in the head, and index there; None inside of a block.
        """
        padding = rule.next(layer)
        if place is None:
            return padding, False
        stage, index = place
        if stage is not None and (stage, index) in self._paddings:
            return self._paddings[stage, index], True
        same = self._network.pad is PadRule.SAME
        if same and padding != (0, 0) and covers_map(layer, shape):
            return (0, 0), True
        return padding, False

    # ----------------------------------------------------------------- chains

    def _chain(
        self,
        prefix: str,
        stage: int | None,
        nodes: Sequence[Element],
        shape: Shape,
        *,
        inner: bool = False,
    ) -> Chain | None:
        """Place nodes one after another; None, reported, where a window does not fit.

        The head, whose `stage` is None, is padded by the rule as a stage is.
        """
        rule = PaddingRule(self._network.pad)
        chain: list[Node] = []
        vector = False
        for index, (name, element) in enumerate(zip(names(prefix, nodes), nodes, strict=True)):
            if isinstance(element, Block):
                block = self.block(name, stage, element, shape)
                if block is None:
                    return None
                chain.append(block)
            elif isinstance(element, VectorLayer):
                output = self._vector(element, shape)
                if output is None:
                    return None
                vector = True
                chain.append(Node(name, stage, element, shape, output, vector=True))
            else:
                place = None if inner else (stage, index)
                padding, by_map = self._padding(rule, element, shape, place)
                output = self._slide(element, padding, shape)
                if padding is None or output is None:
                    return None
                chain.append(
                    Node(name, stage, element, shape, output, padding, vector, map_dependent=by_map)
                )
            shape = chain[-1].output
        return tuple(chain)

    def _slide(self, layer: Layer, padding: Pair | None, shape: Shape) -> Shape | None:
        if isinstance(layer, Conv | Pool) and padding is None:
            no_rule(layer, self._diagnostics)
            return None
        output = window_output(shape, layer, padding or (0, 0))
        if isinstance(layer, Conv | Pool) and (output.height < 1 or output.width < 1):
            too_large(layer, padding or (0, 0), shape, self._diagnostics)
            return None
        if isinstance(layer, Conv) and layer.groups > 1:
            self._divides(layer.groups, shape.channels, "channels that enter", layer)
            self._divides(layer.groups, layer.filters, "filters", layer)
        elif isinstance(layer, Shuffle):
            self._divides(layer.groups, shape.channels, "channels that enter", layer)
        return output

    def _divides(self, groups: int, channels: int, what: str, layer: Layer) -> None:
        if channels % groups:
            fewer = max(n for n in range(1, min(groups, channels) + 1) if channels % n == 0)
            more = [n for n in range(groups, channels + 1) if channels % n == 0][:1]
            self._diagnostics.error(
                "CTC207",
                f"{groups} groups do not divide the {channels} {what}",
                layer.origin,
                hint=f"{' or '.join(map(str, [fewer, *more]))} would",
            )

    # ----------------------------------------------------------------- blocks

    def block(self, name: str, stage: int | None, block: Block, shape: Shape) -> Node | None:
        """Place a block that `shape` enters; None, reported, where its branches do not fit."""
        several = len(block.branches) > 1
        adds = block.join is Join.ADD
        activation = final_activation(block, self._diagnostics) if adds else None
        chains: list[Chain] = []
        kept: list[Branch] = []
        fine = True
        for index, branch in enumerate(block.branches, start=1):
            prefix = f"{name}.branch{index}" if several else name
            nodes = without_final_activation(branch.elements, activation)
            chain = self._chain(prefix, stage, nodes, shape, inner=True)
            if chain is None:
                fine = False
            elif not branch.optional or not fine or after(chain, shape) == after(chains[0], shape):
                chains.append(chain)
                kept.append(branch)
        rule = self._network.pad
        if not fine or not check_shapes_match(block, kept, chains, shape, rule, self._diagnostics):
            return None
        alone = adds and not several
        if alone:
            style = self._network.style
            chain = shortcut(name, stage, block, chains[0], shape, style, self._diagnostics)
            if chain is None:
                return None
            chains.append(chain)
        output = after(chains[0], shape)
        if not adds:
            channels = sum(after(chain, shape).channels for chain in chains)
            output = output._replace(channels=channels)
        return Node(
            name,
            stage,
            block,
            shape,
            output,
            branches=tuple(chains),
            shortcut=alone,
            activation=activation,
        )

    # ------------------------------------------------------------------- head

    def _head(self, shape: Shape, nodes: list[Node]) -> bool:
        head = self._network.head
        kept = self._previous.get(None)
        same = self._old.head is head and self._old.classes == self._network.classes
        if kept and same and kept[0].input == shape:
            nodes += kept
            return True
        chain = self._chain(head.name, None, head.layers, shape)
        nodes += chain or ()
        return chain is not None

    def _vector(self, layer: VectorLayer, shape: Shape) -> Shape | None:
        """The features that leave the layer of a head; None, reported, where its map is small."""
        match layer:
            case GlobalPool():
                return Shape(shape.channels, 1, 1)
            case Linear(features=features):
                return Shape(features if features is not None else self._network.classes, 1, 1)
            case SpatialPyramid(levels=levels):
                largest = max(levels)
                if largest > min(shape.height, shape.width):
                    implied = self._network.head.implied
                    self._diagnostics.error(
                        "CTC202",
                        f"the pyramid level {largest}x{largest} needs a map of at least that"
                        f" size, and gets {shape.height}x{shape.width}",
                        Label(
                            layer.origin,
                            f"`{self._network.name}` takes the paper's head" if implied else "",
                        ),
                        hint="use smaller levels, fewer strides, or a larger input",
                    )
                    return None
                return Shape(shape.channels * sum(level * level for level in levels), 1, 1)
