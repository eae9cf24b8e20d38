"""What layers of one place cost by each measure of a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ctcdsl.ir import Architecture, Element, Head, Stage, replace
from ctcdsl.ir.network import Node
from ctcdsl.spaces.held import Memory, is_kept
from ctcdsl.spaces.measures import Measure, Part
from ctcdsl.spaces.place import Costs, Outcome, Place


class Costing:
    """Measures layers as parts of a network that is theirs alone."""

    def __init__(
        self,
        architecture: Architecture,
        measures: Sequence[Measure],
        conditions: Mapping[str, Any],
    ) -> None:
        """Layers are in the style of an architecture; `conditions` say how a network is run."""
        self._architecture = architecture
        self._measures = measures
        self._conditions = conditions
        self.memory = Memory(measures)

    def layers(
        self,
        place: Place,
        elements: Sequence[Element],
        nodes: Sequence[Node],
        *,
        head: bool = False,
    ) -> Outcome:
        """Layers of a line, or those of the head: what they cost, and the buffer they end in."""
        return self._of(place, elements, nodes, head=head)

    def branch(self, place: Place, nodes: Sequence[Node]) -> Outcome:
        """The same of layers of a branch."""
        return self._of(place, [node.layer for node in nodes], nodes, inside=True)

    def join(self, place: Place, node: Node) -> Costs:
        """What a block costs without its branches."""
        return self._of(place, [node.layer], [node], inside=True, join=True).costs

    def _of(
        self,
        place: Place,
        elements: Sequence[Element],
        nodes: Sequence[Node],
        *,
        head: bool = False,
        inside: bool = False,
        join: bool = False,
    ) -> Outcome:
        def architecture() -> Architecture:
            stages = () if head else (Stage(name=None, elements=tuple(elements)),)
            layers = tuple(elements) if head else ()
            return replace(
                self._architecture, input=place.shape, stages=stages, head=Head(layers=layers)
            )

        part = Part(
            nodes,
            architecture,
            self._conditions,
            after_one=place.one,
            inside=inside,
            join=join,
            entering=place.bytes,
            kept=is_kept(place),
        )
        costs = tuple([measure.of(part) for measure in self._measures])
        after = place._replace(shape=nodes[-1].output) if nodes else place
        if self.memory.counts and nodes and not join:
            shared = place.shared and part.memory.in_input
            after = after.in_buffer(part.memory.buffer, shared=shared)
        return Outcome(after, costs)
