"""How a design comes from a baseline: passes in turn, and what the network costs after each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ctcdsl.checking import Network
from ctcdsl.ir import Stage
from ctcdsl.ir.printer import row
from ctcdsl.metrics import network_cost
from ctcdsl.metrics.catalog import MACS, PARAMS
from ctcdsl.metrics.complexity import Cost
from ctcdsl.metrics.difference import Difference
from ctcdsl.metrics.difference_tables import as_json as difference_as_json
from ctcdsl.metrics.tables import Table
from ctcdsl.passes.equation import as_json, equation
from ctcdsl.passes.lineage import Family, chain_family
from ctcdsl.passes.manager import Step
from ctcdsl.passes.registry import format_pass
from ctcdsl.passes.shortest_chain import Chain, shortest_chain

MAX_STAGES = 6
"""Stages shown of what a pass changed."""


class Explanation(NamedTuple):
    """A chain of passes from `base` to `design`, or to what is nearest to it."""

    design: Network
    base: Network
    chain: Chain

    @property
    def steps(self) -> tuple[Step, ...]:
        """The passes, with the network before and after each."""
        return self.chain.steps

    @property
    def exact(self) -> bool:
        """Whether the chain ends at the design."""
        return self.chain.exact

    @property
    def shortest(self) -> bool:
        """Whether every shorter chain of the passes that may lead there was tried."""
        return self.chain.shortest

    @property
    def passes(self) -> tuple[str, ...]:
        """The passes as `ctcdsl.rewrite` takes them."""
        return tuple(format_pass(step.applied) for step in self.steps)

    @property
    def end(self) -> Network:
        """The network at the end of the chain."""
        return self.steps[-1].after if self.steps else self.base

    @property
    def remaining(self) -> Difference:
        """What differs between the end of the chain and the design."""
        names = ("end of the chain" if self.steps else self.base.name, self.design.name)
        return Difference(network_cost(self.end), network_cost(self.design), names)

    @property
    def family(self) -> Family:
        """The chain as a lineage, for its picture."""
        if self.steps:
            return chain_family(self.steps)
        return Family((self.base.name,), {self.base.name: 1.0}, ())

    def ledger(self) -> Table:
        """Depth, MACs and parameters after each pass, and at the end those of the design."""
        costs = _costs(self)
        names = [self.base.name, *self.passes]
        if not self.exact:
            costs.append(network_cost(self.design))
            names.append(f"{self.design.name}, by an edit of the rest")
        rows = (
            (
                str(index) if index <= len(self.steps) else "",
                str(cost.depth),
                MACS.text(cost.macs),
                f"{cost.relative_to(costs[0]):.4f}" if costs[0].macs else "",
                PARAMS.text(cost.params),
                name,
            )
            for index, (cost, name) in enumerate(zip(costs, names, strict=True))
        )
        titles = ("step", "depth", "MACs", "relative", "parameters", "pass")
        return Table(titles, tuple(rows), frozenset({"pass"}))

    def details(self) -> list[tuple[str, list[str]]]:
        """For each step its pass, and lines: what changed, the equation, the pass's notes."""
        return [
            (
                format_pass(step.applied),
                [*_changed(step.before, step.after), *_equation(step), *step.notes],
            )
            for step in self.steps
        ]

    def summary(self) -> str:
        """One sentence: how many passes lead to the design, or how near they come."""
        count = len(self.steps)
        passes = f"{count} pass{'es' * (count != 1)}"
        names = f"{self.base.name} to {self.design.name}"
        if self.exact and not count:
            return f"{self.base.name} and {self.design.name} are the same network"
        if self.exact:
            least = "no shorter chain does" if self.shortest else "a shorter chain may"
            return f"{passes} lead{'s' * (count == 1)} from {names}; {least}"
        edit = f"{self.chain.remaining} layer{'s' * (self.chain.remaining != 1)}"
        if not count:
            return f"no chain of passes leads from {names} or nearer: an edit changes {edit}"
        return f"no chain of passes leads from {names}: {passes}, then an edit of {edit}"

    def as_json(self) -> dict[str, Any]:
        """The chain as plain data."""
        costs = _costs(self)
        steps = as_json(self.steps, self.base)
        for data, step, cost in zip(steps, self.steps, costs[1:], strict=True):
            data["changed"] = list(_changed(step.before, step.after))
            data |= {"depth": cost.depth, "macs_fc": cost.macs_fc, "params": cost.params}
        first = costs[0]
        files = (self.base.name, self.design.name)
        return {
            "from": {
                "name": self.base.name,
                "depth": first.depth,
                "macs": first.macs,
                "macs_fc": first.macs_fc,
                "params": first.params,
            },
            "design": self.design.name,
            "exact": self.exact,
            "shortest": self.shortest,
            "steps": steps,
            "remaining": None if self.exact else difference_as_json(self.remaining, files),
        }

    def __repr__(self) -> str:
        return f"<Explanation of {self.design.name}: {self.summary()}>"


def explain(design: Network, base: Network, max_steps: int) -> Explanation:
    """A shortest chain of passes from `base` to `design`, of at most so many."""
    return Explanation(design, base, shortest_chain(base, design, max_steps))


def _costs(explanation: Explanation) -> list[Cost]:
    networks = [explanation.base, *(step.after for step in explanation.steps)]
    return [network_cost(network) for network in networks]


def _changed(before: Network, after: Network) -> Iterator[str]:
    """The stages that differ, as a paper's table writes them: `stage3: (3,256)x3 → (2,256)x6`."""
    ours, theirs = before.architecture.stages, after.architecture.stages
    lines: list[str] = []
    for index in range(max(len(ours), len(theirs))):
        old, new = _row(before, ours, index), _row(after, theirs, index)
        if old != new:
            names = after if index < len(theirs) else before
            lines.append(f"{names.architecture.stage_names[index]}: {old} → {new}")
    if before.architecture.head.layers != after.architecture.head.layers:
        lines.append("the head")
    yield from lines[:MAX_STAGES]
    if len(lines) > MAX_STAGES:
        yield f"and {len(lines) - MAX_STAGES} more"


def _row(network: Network, stages: Sequence[Stage], index: int) -> str:
    if index >= len(stages):
        return "nothing"
    channels = network.stage(index)[0].input.channels
    return row(stages[index].elements, network.architecture.style, channels)


def _equation(step: Step) -> Iterator[str]:
    """The equation of the layers touched, where there are any."""
    touched = equation(step.before, step.after)
    if touched.before or touched.after:
        yield str(touched)
