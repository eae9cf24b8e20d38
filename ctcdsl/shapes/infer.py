"""Every layer and block in its place: names, maps, paddings, shortcuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ctcdsl.ir import (
    Block,
    Branch,
    Conv,
    GlobalPool,
    Join,
    Layer,
    Linear,
    Network,
    Node,
    PadRule,
    Pool,
    Shape,
    Shuffle,
    Sides,
    SpatialPyramid,
    VectorLayer,
)
from ctcdsl.ir.network import CheckedNetwork, Placed
from ctcdsl.shapes.blocks import Chain, after, agree, end_activation, shortcut, without_end
from ctcdsl.shapes.messages import no_rule, too_large
from ctcdsl.shapes.names import names
from ctcdsl.shapes.padding import PaddingRule, covers_map, slide
from ctcdsl.text.sink import Problems


class Placer:
    """Places the nodes of one network and reports those that have no place.

    `paddings` replaces the rule's for some layers of the trunk, by (stage, index). A stage
    that is one of `like`, sees the same map and is padded as there is not placed again.
    """

    def __init__(
        self,
        network: Network,
        problems: Problems,
        paddings: Mapping[tuple[int, int], Sides],
        like: CheckedNetwork | None = None,
    ) -> None:
        self._network = network
        self._problems = problems
        self._paddings = paddings
        self._like: dict[int | None, list[Placed]] = {}
        self._old = like.network if like is not None else network
        if like is not None and (self._old.pad, self._old.style) == (network.pad, network.style):
            for placed in like.nodes:
                self._like.setdefault(placed.stage, []).append(placed)

    def place(self) -> Chain | None:
        """Place trunk and head; None where an error was found."""
        network = self._network
        before = self._problems.errors
        shape = network.input
        nodes: list[Placed] = []
        for index, (name, stage) in enumerate(
            zip(network.stage_names, network.stages, strict=True)
        ):
            chain = self._kept(index, shape) or self._chain(name, index, stage.nodes, shape)
            if chain is None:
                return None
            nodes += chain
            shape = chain[-1].output
        if self._problems.errors > before or not self._head(shape, nodes):
            return None
        return tuple(nodes)

    def _kept(self, index: int, shape: Shape) -> Sequence[Placed] | None:
        """A stage as it was placed in another network; None where it is another, or elsewhere."""
        chain = self._like.get(index)
        stage = self._network.stages[index]
        if not chain or self._old.stages[index] is not stage or chain[0].input != shape:
            return None
        rule = PaddingRule(self._network.pad)
        for k, (node, placed) in enumerate(zip(stage.nodes, chain, strict=True)):
            if not isinstance(node, Block):
                padding = self._padding(rule, node, placed.input, (index, k))
                if padding != (placed.padding, placed.map_dependent):
                    return None
        return chain

    def _padding(
        self, rule: PaddingRule, layer: Layer, shape: Shape, place: tuple[int | None, int] | None
    ) -> tuple[Sides | None, bool]:
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
        nodes: Sequence[Node],
        shape: Shape,
        *,
        inner: bool = False,
    ) -> Chain | None:
        """Place nodes one after another; None, reported, where a window does not fit.

        The head, whose `stage` is None, is padded by the rule as a stage is.
        """
        rule = PaddingRule(self._network.pad)
        placed: list[Placed] = []
        vector = False
        for index, (name, node) in enumerate(zip(names(prefix, nodes), nodes, strict=True)):
            if isinstance(node, Block):
                block = self.block(name, stage, node, shape)
                if block is None:
                    return None
                placed.append(block)
            elif isinstance(node, VectorLayer):
                output = self._vector(node, shape)
                if output is None:
                    return None
                vector = True
                placed.append(Placed(name, stage, node, shape, output, vector=True))
            else:
                place = None if inner else (stage, index)
                padding, by_map = self._padding(rule, node, shape, place)
                output = self._slide(node, padding, shape)
                if padding is None or output is None:
                    return None
                placed.append(
                    Placed(name, stage, node, shape, output, padding, vector, map_dependent=by_map)
                )
            shape = placed[-1].output
        return tuple(placed)

    def _slide(self, layer: Layer, padding: Sides | None, shape: Shape) -> Shape | None:
        if isinstance(layer, Conv | Pool) and padding is None:
            no_rule(layer, self._problems)
            return None
        output = slide(shape, layer, padding or (0, 0))
        if isinstance(layer, Conv | Pool) and (output.height < 1 or output.width < 1):
            too_large(layer, padding or (0, 0), shape, self._problems)
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
            self._problems.error(
                "CTC207",
                f"{groups} groups do not divide the {channels} {what}",
                layer.origin,
                hint=f"{' or '.join(map(str, [fewer, *more]))} would",
            )

    # ----------------------------------------------------------------- blocks

    def block(self, name: str, stage: int | None, block: Block, shape: Shape) -> Placed | None:
        """Place a block that `shape` enters; None, reported, where its branches do not fit."""
        several = len(block.branches) > 1
        adds = block.join is Join.ADD
        activation = end_activation(block, self._problems) if adds else None
        chains: list[Chain] = []
        kept: list[Branch] = []
        fine = True
        for index, branch in enumerate(block.branches, start=1):
            prefix = f"{name}.branch{index}" if several else name
            nodes = without_end(branch.nodes, activation)
            chain = self._chain(prefix, stage, nodes, shape, inner=True)
            if chain is None:
                fine = False
            elif not branch.optional or not fine or after(chain, shape) == after(chains[0], shape):
                chains.append(chain)
                kept.append(branch)
        rule = self._network.pad
        if not fine or not agree(block, kept, chains, shape, rule, self._problems):
            return None
        alone = adds and not several
        if alone:
            style = self._network.style
            chain = shortcut(name, stage, block, chains[0], shape, style, self._problems)
            if chain is None:
                return None
            chains.append(chain)
        output = after(chains[0], shape)
        if not adds:
            channels = sum(after(chain, shape).channels for chain in chains)
            output = output._replace(channels=channels)
        return Placed(
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

    def _head(self, shape: Shape, nodes: list[Placed]) -> bool:
        head = self._network.head
        kept = self._like.get(None)
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
                    self._problems.error(
                        "CTC202",
                        f"the pyramid level {largest}x{largest} needs a map of at least that"
                        f" size, and gets {shape.height}x{shape.width}",
                        layer.origin,
                        f"`{self._network.name}` takes the paper's head" if implied else "",
                        hint="use smaller levels, fewer strides, or a larger input",
                    )
                    return None
                return Shape(shape.channels * sum(level * level for level in levels), 1, 1)
