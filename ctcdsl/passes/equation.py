"""The paper's equation of a rewrite: the layers touched, before and after, with numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import prod
from typing import Any, NamedTuple

from ctcdsl.checking import Network
from ctcdsl.ir import Block, ConvLayer, SlidingWindow
from ctcdsl.ir.network import Node
from ctcdsl.passes.manager import Step
from ctcdsl.passes.registry import format_pass

_MOST = 12
"""Terms of an equation that still read as one."""


Stride = tuple[float, float]
"""Those of height and width; fractions, exact in binary, after up-sampling."""


class Term(NamedTuple):
    """One factor of Eqn. 1 without its map: n_in, the filter, n_out, and the stride so far."""

    in_channels: int
    kernel: tuple[int, int]
    filters: int
    stride: Stride

    @property
    def complexity(self) -> int:
        """n_in * s^2 * n_out."""
        return self.in_channels * self.kernel[0] * self.kernel[1] * self.filters

    def __str__(self) -> str:
        height, width = self.kernel
        size = f"{height}²" if height == width else f"{height}·{width}"
        return f"{self.in_channels}·{size}·{self.filters}"


class Equation(NamedTuple):
    """The layers that a rewrite touched, before and after.

    `ratio` is theirs, map sizes taken by their strides; None where it touched none.
    """

    before: tuple[Term, ...]
    after: tuple[Term, ...]

    @property
    def ratio(self) -> float | None:
        """Complexity after over before."""
        base = self._stride
        before, after = (_total(side, base) for side in (self.before, self.after))
        return after / before if before else None

    @property
    def _stride(self) -> Stride:
        strides = (term.stride for term in (*self.before, *self.after))
        return min(strides, key=prod, default=(1, 1))

    def __str__(self) -> str:
        if not self.before and not self.after:
            return "every convolution keeps its complexity"
        sides = [_side(side, self._stride) or "0" for side in (self.before, self.after)]
        ratio = self.ratio
        sign = "=" if ratio == 1 else "≈" if ratio and 0.8 < ratio < 1.25 else "→"
        shown = f"   (×{ratio:.3f})" if ratio else ""
        return f"{sides[0]}  {sign}  {sides[1]}{shown}"


def equation(before: Network, after: Network) -> Equation:
    """Return the equation of a rewrite."""
    old, new = _terms(before), _terms(after)
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return Equation(tuple(old[start : len(old) - end]), tuple(new[start : len(new) - end]))


def report_line(step: Step, start: Network) -> str:
    """One line on a step: the pass, its equation, and the network's share of the start."""
    share = step.after.macs / start.macs
    text = str(equation(step.before, step.after))
    network = f"network {share:.3f} of {start.name}"
    text = f"{text[:-1]}; {network})" if text.endswith(")") else f"{text}   ({network})"
    return f"{format_pass(step.applied)}: {text}"


def as_json(steps: Sequence[Step], start: Network) -> list[dict[str, Any]]:
    """The steps of a chain as plain data."""
    base = start.macs
    data: list[dict[str, Any]] = []
    for step in steps:
        touched = equation(step.before, step.after)
        macs = step.after.macs
        data.append(
            {
                "pass": format_pass(step.applied),
                "section": step.applied.section,
                "preserves": str(step.applied.preserves),
                "before": [_data(term) for term in touched.before],
                "after": [_data(term) for term in touched.after],
                "ratio": touched.ratio,
                "macs": macs,
                "relative": macs / base,
                "notes": list(step.notes),
                **({"figures": dict(step.figures)} if step.figures else {}),
                "diagnostics": [d.message for d in step.diagnostics],
            }
        )
    return data


def _data(term: Term) -> dict[str, Any]:
    return {
        "in": term.in_channels,
        "kernel": list(term.kernel),
        "out": term.filters,
        "stride": list(term.stride),
        "complexity": term.complexity,
    }


def _terms(network: Network) -> list[Term]:
    terms: list[Term] = []
    _collect(network.nodes, (1, 1), terms)
    return terms


def _collect(nodes: Iterable[Node], stride: Stride, into: list[Term]) -> Stride:
    """Add the convolutions of a chain; return the stride after it."""
    for node in nodes:
        layer = node.layer
        if isinstance(layer, Block):
            stride = max((_collect(branch, stride, into) for branch in node.branches), key=prod)
            continue
        if isinstance(layer, SlidingWindow):
            stride = (stride[0] * layer.stride[0], stride[1] * layer.stride[1])
        if isinstance(layer, ConvLayer):  # what grows is counted by the positions before
            conv = layer.conv
            in_channels = node.input.channels // conv.groups
            into.append(Term(in_channels, conv.kernel, conv.filters, stride))
        if layer.growth > 1:
            stride = (stride[0] / layer.growth, stride[1] / layer.growth)
    return stride


def _total(terms: Iterable[Term], base: Stride) -> float:
    return sum(term.complexity / (prod(term.stride) / prod(base)) for term in terms)


def _side(layers: Sequence[Term], base: Stride) -> str:
    """One side: equal neighbours counted, layers on smaller maps over their stride squared.

    Of a side of more than `_MOST` different terms, the number of layers and their sum.
    """
    if sum(1 for _ in groupby(layers)) > _MOST:
        return f"{len(layers)} layers of {_total(layers, base):,.0f}"
    parts: list[str] = []
    for stride, run in groupby(layers, key=lambda layer: layer.stride):
        terms: list[str] = []
        for layer, equal in groupby(run):
            count = sum(1 for _ in equal)
            terms.append(f"({layer})×{count}" if count > 1 else str(layer))
        text = " + ".join(terms)
        height, width = stride[0] / base[0], stride[1] / base[1]
        smaller = f"{height:g}²" if height == width else f"({height:g}·{width:g})"
        parts.append(f"({text})/{smaller}" if (height, width) != (1, 1) else text)
    return " + ".join(parts)
