"""What layers of one place cost by each measure of a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ctcdsl.ir import Architecture, Element, Head, Stage, replace
from ctcdsl.ir.network import Node
from ctcdsl.spaces.measures import Measure, Part
from ctcdsl.spaces.place import Costs, Place


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

    def layers(
        self,
        place: Place,
        elements: Sequence[Element],
        nodes: Sequence[Node],
        *,
        head: bool = False,
    ) -> Costs:
        """What layers of a line cost, or those of the head."""
        return self._of(place, elements, nodes, head=head)

    def branch(self, place: Place, nodes: Sequence[Node]) -> Costs:
        """What layers of a branch cost."""
        return self._of(place, [node.layer for node in nodes], nodes, inside=True)

    def join(self, place: Place, node: Node) -> Costs:
        """What a block costs without its branches."""
        return self._of(place, [node.layer], [node], inside=True, join=True)

    def _of(
        self,
        place: Place,
        elements: Sequence[Element],
        nodes: Sequence[Node],
        *,
        head: bool = False,
        inside: bool = False,
        join: bool = False,
    ) -> Costs:
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
        )
        return tuple([measure.of(part) for measure in self._measures])
