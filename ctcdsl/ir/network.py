"""A network whose every map size is known: what cost, code and training work from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from ctcdsl.ir import Activation, Architecture, Block, Conv, Join, Layer, Pair, Shape
from ctcdsl.ir.printer import unparse


class Padded(NamedTuple):
    """The padding of a window, as a node has it; `near` is None where a rule has none."""

    near: Pair | None
    far: Pair = (0, 0)
    uncounted: bool = False
    map_dependent: bool = False


class Node(NamedTuple):
    """A layer or a block of a network, with the shapes of its input and output.

    `stage` counts from 0; None in the head. `name` is unique in the network, such as
    `stage2.conv1` or `conv2_x.block1.conv3`. `padding` is that of both sides; 0 for what
    has no window. `far` is what there is more of it below and on the right, and `uncounted` says
    that an average leaves it out: both under `pad tf` alone. It is `map_dependent` where the size
    of the map decided it: under `pad tf`, solved for `maps`, or none since a pool covers its whole
    map. The output is a `vector` of
    features, not a map, from the head's first gap, gmp, spp or fc on.

    A block has its `branches`, each a chain; an optional branch that was left out is not
    among them, the implied shortcut is (`shortcut` then says that the last branch is
    one: an empty chain for the identity, or one 1x1 convolution). `activation` is what an
    adding block applies to the sum; the layers at the end of its branches come without it.
    """

    name: str
    stage: int | None
    layer: Layer | Block
    input: Shape
    output: Shape
    padding: Pair = (0, 0)
    vector: bool = False
    branches: tuple[tuple[Node, ...], ...] = ()
    shortcut: bool = False
    activation: Activation | None = None
    map_dependent: bool = False
    far: Pair = (0, 0)
    uncounted: bool = False

    @property
    def padded(self) -> Padded:
        """Its padding."""
        return Padded(self.padding, self.far, self.uncounted, self.map_dependent)

    @property
    def branch_inputs(self) -> tuple[Shape, ...]:
        """The input of each of a block's branches: of a split its share of the channels."""
        block = self.layer
        if isinstance(block, Block) and block.join is Join.SPLIT:
            return tuple(
                self.input._replace(channels=share)
                for share in block.in_channels(self.input.channels)
            )
        return (self.input,) * len(self.branches)

    @property
    def branch_outputs(self) -> tuple[Shape, ...]:
        """The output of each of a block's branches."""
        return tuple(
            chain[-1].output if chain else input
            for chain, input in zip(self.branches, self.branch_inputs, strict=True)
        )


class Run(NamedTuple):
    """Layers and blocks of a stage from the one at `start` on, all `recomputed` or none."""

    nodes: tuple[Node, ...]
    start: int
    recomputed: bool


@dataclass(frozen=True)
class Network:
    """A network whose every map is known: what `check` returns and everything else takes.

    `nodes` are its layers and blocks, in dataflow order. Two networks are equal if their
    architectures are: names, layers, maps; their texts and the names of their `def`s do not
    matter. `str()` is the canonical text, which loads as an equal network.
    """

    architecture: Architecture
    nodes: tuple[Node, ...] = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """The network's name."""
        return self.architecture.name

    @property
    def input(self) -> Shape:
        """The shape of an image: channels, height, width."""
        return self.architecture.input

    @property
    def classes(self) -> int:
        """The outputs of the classifier."""
        return self.architecture.classes

    @property
    def stages(self) -> dict[str, tuple[Node, ...]]:
        """The layers and blocks of each stage by its name, the head's last."""
        names = self.architecture.stage_names
        chains: list[list[Node]] = [[] for _ in names]
        head: list[Node] = []
        for node in self.nodes:
            (head if node.stage is None else chains[node.stage]).append(node)
        stages = {name: tuple(chain) for name, chain in zip(names, chains, strict=True)}
        return {**stages, self.architecture.head.name: tuple(head)} if head else stages

    def runs(self, stage: str) -> tuple[Run, ...]:
        """What of a stage is computed at once: the parts that are recomputed, and what is between.

        Args:
            stage: Its name.
        """
        before = 0
        for name, nodes in self.stages.items():
            if name == stage:
                break
            before += len(nodes)
        parts = [(part.start - before, part.stop - before) for part in self.architecture.recomputed]
        ends = {0, len(nodes), *(end for part in parts for end in part)}
        cuts = sorted(end for end in ends if 0 <= end <= len(nodes))
        return tuple(
            Run(nodes[start:stop], start, (start, stop) in parts) for start, stop in pairwise(cuts)
        )

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of the convolutions for one image, Eqn. 1 of He & Sun 2015."""
        from ctcdsl.metrics import macs

        return macs(self.nodes)

    @property
    def params(self) -> int:
        """Weights and biases of all layers."""
        from ctcdsl.metrics import network_cost

        return network_cost(self).params

    def draw(self, *, width: int = 840) -> str:
        """The picture of the network as SVG; stages wrap at `width` pixels."""
        from ctcdsl.drawing import draw_network

        return draw_network(self, width=width)

    def __str__(self) -> str:
        return unparse(self.architecture)

    def __repr__(self) -> str:
        return f"<Network {self.name}: {self.input} -> {self.output}, {self.macs:,} MACs>"

    def _repr_html_(self) -> str:
        """What a notebook shows: costs, diagram, and the layers with bars."""
        from ctcdsl.reporting.build import network_fragment

        return network_fragment(self)

    @property
    def output(self) -> Shape:
        """The output of the last layer."""
        return self.nodes[-1].output

    @property
    def layers(self) -> tuple[Node, ...]:
        """Every layer in the order of execution; a block comes after its branches."""
        return tuple(flat(self.nodes))

    @property
    def series(self) -> bool:
        """Whether the network is one chain, without blocks."""
        return not any(node.branches for node in self.nodes)

    def convolutions(self) -> Iterator[tuple[Node, Conv]]:
        """The convolutions in order, each with its place."""
        for node in flat(self.nodes):
            if isinstance(node.layer, Conv):
                yield node, node.layer

    def stage(self, index: int | None) -> tuple[Node, ...]:
        """The layers and blocks of a stage (from 0), or of the head (None)."""
        return tuple(node for node in self.nodes if node.stage == index)


def flat(nodes: Iterable[Node]) -> Iterator[Node]:
    """The nodes of a chain in the order of execution, blocks after their branches."""
    for node in nodes:
        for branch in node.branches:
            yield from flat(branch)
        yield node
