"""Widths in proportion: one factor for the numbers of a text, found for a cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from fractions import Fraction
from math import floor
from typing import NamedTuple

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.elaborate.networks import read_networks
from ctcdsl.ir.network import Node
from ctcdsl.layers.base import MAX_WIDTH
from ctcdsl.passes.text_widths import WidthLiteral, width_literals, with_values
from ctcdsl.syntax.nodes import File
from ctcdsl.text.sink import Diagnostics

Keeps = Callable[[Network], bool]
"""Whether a network has everything that a rewrite must not change."""
Measure = Callable[[Network], int]

_LARGEST = 64
"""The largest factor tried."""
_MAX_STEPS = 64
"""Multiples tried for a width that groups must divide."""


class Wrong(Enum):
    """What is wrong with a network of other widths."""

    DIVISION = "groups, or an expression, do not divide a width"
    FIT = "branches do not fit, or something changed that must stay"


class Scaled(NamedTuple):
    """A network with other widths, what it costs, the factor, and each width before and after."""

    network: Network
    cost: int
    factor: Fraction
    widths: tuple[tuple[int, int], ...]


class Scaler:
    """Multiplies the widths of a text by one factor.

    Each number becomes the nearest multiple of `multiple`, at least one, and never moves
    against the factor; where groups must divide it, of the multiple that they need. Equal
    numbers stay equal, so what is added together fits. A factor whose network does not check,
    or where `keeps` fails, is passed over.

    Args:
        tree: The text, of one network.
        network: That network.
        multiple: Of what widths are multiples.
        keeps: What must stay, in addition to the structure: which branches and projections
            blocks have.
    """

    def __init__(self, tree: File, network: Network, multiple: int, keeps: Keeps) -> None:
        self._tree = tree
        self._network = network
        self._keeps = keeps
        self._structure = _structure(network.nodes)
        self._known: dict[tuple[tuple[int, int], ...], Network | None] = {}
        literals = [item for item in width_literals(tree) if item.value >= multiple]
        self.free = self._free(literals, multiple)
        """The widths that may change: the others give what must stay."""
        self._multiples = self._divisible(multiple)

    def _free(self, literals: Sequence[WidthLiteral], multiple: int) -> tuple[WidthLiteral, ...]:
        """The widths without an influence on what must stay, tried all, by value, and alone."""
        if literals and self._may_move(literals, multiple):
            return tuple(literals)
        free: list[WidthLiteral] = []
        by_value: dict[int, list[WidthLiteral]] = {}
        for literal in literals:
            by_value.setdefault(literal.value, []).append(literal)
        for group in by_value.values():
            if self._may_move(group, multiple):
                free += group
            else:
                free += [literal for literal in group if self._may_move([literal], multiple)]
        return tuple(sorted(free, key=lambda literal: literal.place))

    def _may_move(self, literals: Sequence[WidthLiteral], multiple: int) -> int | None:
        """By how much widths move at least, so that the network checks and has what must stay.

        A multiple of `multiple` where groups must divide them; None if they cannot.
        """
        most = min(_MAX_STEPS, max((item.value for item in literals), default=0))
        for step in range(multiple, (most + 1) * multiple, multiple):
            values = {
                item.place: item.value - step if item.value > step else item.value + step
                for item in literals
            }
            network = self._evaluate(values)
            if isinstance(network, Network):
                return step
            if network is not Wrong.DIVISION:
                break
        return None

    def _divisible(self, multiple: int) -> dict[int, int]:
        """Of what each width is a multiple: of more where groups must divide it."""
        multiples: dict[int, int] = {}
        for value in {literal.value for literal in self.free}:
            group = [literal for literal in self.free if literal.value == value]
            # Some move with others alone.
            multiples[value] = self._may_move(group, multiple) or multiple
        return multiples

    def _evaluate(self, values: dict[tuple[int, int], int]) -> Network | Wrong:
        """The network with other widths, or what is wrong with it."""
        tree = with_values(self._tree, values)
        diagnostics = Diagnostics()
        architectures = read_networks(tree, diagnostics)
        if diagnostics.num_errors or len(architectures) != 1:
            # Only expressions without a whole value can be wrong here.
            return Wrong.DIVISION
        report = infer_shapes(architectures[0])
        if not report.ok:
            divides = any(error.code == "CTC207" for error in report.errors)
            return Wrong.DIVISION if divides else Wrong.FIT
        (network,) = report.networks
        same = _structure(network.nodes) == self._structure and self._keeps(network)
        return network if same else Wrong.FIT

    def _with(self, widths: Mapping[int, int]) -> Network | None:
        """The network in which the widths of each value are others; None where it is wrong."""
        key = _sorted(widths)
        if key not in self._known:
            network = self._evaluate({item.place: widths[item.value] for item in self.free})
            self._known[key] = network if isinstance(network, Network) else None
        return self._known[key]

    def _width(self, value: int, factor: Fraction) -> int:
        multiple = self._multiples[value]
        width = max(multiple, floor(value * factor / multiple + Fraction(1, 2)) * multiple)
        return min(value, width) if factor <= 1 else max(value, width)

    # ------------------------------------------------------------------ search

    def at_most(self, target: float, measure: Measure) -> Scaled | None:
        """The network of the largest factor that costs `target` at most; None if none does.

        What is left of `target` goes to the widths one after another, the widest first: one
        multiple more where that still costs no more than `target`.
        """
        below, _ = self._search(target, measure)
        return self._filled(below, target, measure) if below is not None else None

    def nearest(self, target: float, measure: Measure) -> Scaled | None:
        """The network whose cost is nearest to `target`, above it or not."""
        below, above = self._search(target, measure)
        if below is not None:
            below = self._filled(below, target, measure)
        found = [scaled for scaled in (below, above) if scaled is not None]
        return min(found, key=lambda scaled: abs(scaled.cost - target), default=None)

    def _filled(self, scaled: Scaled, target: float, measure: Measure) -> Scaled:
        widths = {value: self._width(value, scaled.factor) for value in self._multiples}
        for value in sorted(widths, reverse=True):
            more = widths[value] + self._multiples[value]
            if scaled.factor <= 1 and more > value:
                continue
            network = self._with({**widths, value: more})
            if network is not None and measure(network) <= target:
                widths[value] = more
                scaled = Scaled(network, measure(network), scaled.factor, _sorted(widths))
        return scaled

    def least(self, measure: Measure) -> int:
        """What the network costs with the smallest widths that check."""
        costs = (self._scaled(factor, measure) for factor in self._factors(Fraction(1)))
        return next((scaled.cost for scaled in costs if scaled), measure(self._network))

    def _search(self, target: float, measure: Measure) -> tuple[Scaled | None, Scaled | None]:
        """The networks next to a cost: one that costs it at most, one that costs more."""
        bound = Fraction(1)
        while bound < _LARGEST:
            scaled = self._scaled(bound, measure)
            if scaled is not None and scaled.cost > target:
                break
            bound *= 2
        factors = self._factors(bound)
        below = above = None
        low, high = 0, len(factors) - 1
        while low <= high:
            middle = (low + high) // 2
            index, scaled = middle, self._scaled(factors[middle], measure)
            while scaled is None and index > low:
                index -= 1
                scaled = self._scaled(factors[index], measure)
            if scaled is None:
                low = middle + 1
            elif scaled.cost <= target:
                below, low = scaled, middle + 1
            else:
                above, high = scaled, index - 1
        return below, above

    def _scaled(self, factor: Fraction, measure: Measure) -> Scaled | None:
        widths = {value: self._width(value, factor) for value in self._multiples}
        network = self._with(widths)
        if network is None:
            return None
        return Scaled(network, measure(network), factor, _sorted(widths))

    def _factors(self, bound: Fraction) -> list[Fraction]:
        """Every factor up to a bound at which some width changes, in order."""
        factors = {Fraction(0), bound}
        for value, multiple in self._multiples.items():
            count = min(floor(value * bound / multiple + Fraction(1, 2)), MAX_WIDTH // multiple)
            factors |= {Fraction((2 * k - 1) * multiple, 2 * value) for k in range(1, count + 1)}
        return sorted(factor for factor in factors if factor <= bound)


def keeps_output(network: Network) -> Keeps:
    """Whether another network has the output of this one."""
    return lambda other: other.output == network.output


def keeps_outside(network: Network, stage: int) -> Keeps:
    """Whether another network differs inside of a stage alone, whose output stays."""
    old = network.architecture

    def keeps(other: Network) -> bool:
        new = other.architecture
        return (
            len(new.stages) == len(old.stages)
            and new.head.layers == old.head.layers
            and all(
                index == stage or part.elements == was.elements
                for index, (part, was) in enumerate(zip(new.stages, old.stages, strict=True))
            )
            and other.stage(stage)[-1].output == network.stage(stage)[-1].output
        )

    return keeps


def _sorted(widths: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(widths.items()))


def _structure(nodes: Iterable[Node]) -> tuple[object, ...]:
    """What a chain is made of, without numbers: kinds, branches, projections."""
    return tuple(
        (type(node.layer).__name__, node.shortcut, *map(_structure, node.branches))
        for node in nodes
    )
