"""Two networks layer by layer: what changed, and what it costs."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from ctcdsl.checking import Node
from ctcdsl.ir import Block
from ctcdsl.metrics.complexity import Cost, Figures, LayerCost
from ctcdsl.metrics.metric import Metric, plain
from ctcdsl.metrics.pairing import Pair, pair_layers


class Change(StrEnum):
    """What happened to a layer."""

    SAME = "same"
    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"


class LayerChange(NamedTuple):
    """A layer or block of one network, and the other's that corresponds; None where none does.

    A block that only one network has, or that is the same in both, counts with all inside of it.
    Of one that is in both, but not the same, the layers inside are changes of their own, and it
    counts alone: what joins its branches.
    """

    change: Change
    before: LayerCost | None
    after: LayerCost | None

    def delta(self, metric: Metric[Any]) -> float | None:
        """How much more the second costs; None for values that cannot be subtracted.

        A layer that is missing costs nothing; what does not add up, such as MACs per byte, it has
        not.
        """
        if not metric.adds_up and (self.before is None or self.after is None):
            return None
        return _delta(self.before, self.after, metric)


class Difference:
    """How a network differs from another: `before` and `after` are their costs.

    `names` is what the two are called. `layers` has every layer of both in order, those that
    correspond together.
    """

    def __init__(self, before: Cost, after: Cost, names: tuple[str, str] | None = None) -> None:
        self.before = before
        self.after = after
        own = (before.network.name, after.network.name)
        self.names = names or (own if own[0] != own[1] else ("before", "after"))

    @cached_property
    def layers(self) -> tuple[LayerChange, ...]:
        """The layers of both networks, aligned."""
        return tuple(
            self._change(pair) for pair in pair_layers(self.before.network, self.after.network)
        )

    def _change(self, pair: Pair) -> LayerChange:
        before = None if pair.before is None else self.before.part(pair.before)
        after = None if pair.after is None else self.after.part(pair.after)
        if before is None or after is None:
            change = Change.REMOVED if after is None else Change.ADDED
        elif pair.equal:
            change = Change.SAME
        else:
            before, after = before.alone, after.alone
            change = Change.SAME if _join(before.node) == _join(after.node) else Change.CHANGED
        return LayerChange(change, before, after)

    @property
    def equal(self) -> bool:
        """Whether the networks have the same layers on the same maps, whatever they are called."""
        return self.before.network.input == self.after.network.input and all(
            layer.change is Change.SAME for layer in self.layers
        )

    @property
    def headers(self) -> dict[str, tuple[str, str]]:
        """What differs of the specs' headers: input, classes, style, padding rule."""
        one, other = self.before.network.architecture, self.after.network.architecture
        headers = {
            "input": (str(one.input), str(other.input)),
            "classes": (str(one.classes), str(other.classes)),
            "style": (one.style.name, other.style.name),
            "pad": (str(one.pad), str(other.pad)),
        }
        return {name: pair for name, pair in headers.items() if pair[0] != pair[1]}

    def delta(self, metric: Metric[Any]) -> float | None:
        """How much more the second network costs; None for values that cannot be subtracted."""
        return _delta(self.before, self.after, metric)

    def ratio(self, metric: Metric[Any]) -> float | None:
        """The second network's value over the first's; None where that is no number."""
        before, after = (plain(cost.value(metric)) for cost in (self.before, self.after))
        return None if isinstance(before, list) or not before else float(after / before)

    def __repr__(self) -> str:
        names = " and ".join(self.names)
        if self.equal:
            return f"<Difference of {names}: equal>"
        changes = [layer.change for layer in self.layers]
        counts = (f"{changes.count(change)} {change}" for change in Change if change in changes)
        return f"<Difference of {names}: layers {', '.join(counts)}>"

    def _repr_html_(self) -> str:
        """The table of changes that a notebook shows."""
        from ctcdsl.metrics.difference_tables import changes
        from ctcdsl.metrics.html import as_html

        return as_html(changes(self), caption=" → ".join(self.names))


def _delta(before: Figures | None, after: Figures | None, metric: Metric[Any]) -> float | None:
    values = [0 if cost is None else plain(cost.value(metric)) for cost in (before, after)]
    if list in map(type, values):
        return None
    less, more = values
    delta: float = more - less
    return delta


def _join(node: Node) -> tuple[object, ...]:
    """What a block does beside its branches; all of a layer."""
    block = node.layer
    if isinstance(block, Block):
        return block.join, block.share, node.activation, node.input, node.output
    return node.layer, node.input, node.output, node.padded
