"""What a sweep has found: how far each design came, and the picture of error against complexity."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctcdsl.checking import Network
from ctcdsl.drawing.png import write_picture
from ctcdsl.drawing.svg import Picture
from ctcdsl.metrics.complexity import Cost
from ctcdsl.metrics.tables import Table
from ctcdsl.recipe import Recipe
from ctcdsl.reporting.results import ERROR, NETWORK, Measured
from ctcdsl.reporting.tradeoff import Point, pareto_front, relations, tradeoff_picture
from ctcdsl.sweeps.rungs import Judged, Rungs

WIDTH = 840
"""Pixels of the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignResult:
    """A design, its cost, its run, and what it reached at each rung that it came to."""

    network: Network
    cost: Cost
    relative: float
    """MACs as a share of the first design's."""
    run: Path
    judged: tuple[Judged, ...]

    @property
    def name(self) -> str:
        """The network's name."""
        return self.network.name

    @property
    def last(self) -> Judged:
        """What it reached at its last rung."""
        return self.judged[-1]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sweep:
    """Designs trained by successive halving, in the given order."""

    designs: tuple[DesignResult, ...]
    rungs: Rungs
    recipe: Recipe
    folder: Path
    storage: str

    @property
    def finished(self) -> tuple[DesignResult, ...]:
        """The designs that came to the last rung and have an error there, best first."""
        count = len(self.rungs.budgets)
        found = (each for each in self.designs if len(each.judged) == count)
        fine = [each for each in found if not each.last.failure]
        return tuple(sorted(fine, key=lambda each: (each.last.top1_error, each.last.loss)))

    @property
    def failed(self) -> tuple[DesignResult, ...]:
        """The designs whose training failed."""
        return tuple(each for each in self.designs if each.last.failure)

    @property
    def front(self) -> tuple[str, ...]:
        """The names of finished designs that no other beats in both error and MACs, by MACs."""
        return tuple(point.name for point in pareto_front(self._points(self.finished)))

    def table(self) -> Table:
        """One row for each design: those that came farthest first, then the better ones."""
        front = self.front
        return Table(
            titles=(
                *("network", "depth", "MACs", "relative", "parameters", self.rungs.unit),
                *(ERROR, "result"),
            ),
            rows=tuple(
                (
                    *(each.name, str(each.cost.depth), f"{each.cost.macs:,}"),
                    *(f"{each.relative:.3f}", f"{each.cost.params:,}"),
                    str(self.rungs.budgets[len(each.judged) - 1]),
                    "failed" if each.last.failure else f"{100 * each.last.top1_error:.1f}",
                    self._result(each, front),
                )
                for each in self._ranked()
            ),
            left=frozenset({"network", "result"}),
        )

    def records(self) -> Table:
        """The table for programs, and for `ctcdsl report --results`: errors of the last rung apart.

        Errors after different numbers of epochs cannot be compared: `top-1 %` has those of the
        last rung alone.
        """
        finished = {each.name for each in self.finished}
        return Table(
            titles=(
                *(NETWORK, "depth", "MACs", "relative", "parameters", self.rungs.unit, ERROR),
                *("top-1 % when stopped", "run"),
            ),
            rows=tuple(
                (
                    *(each.name, str(each.cost.depth), str(each.cost.macs)),
                    *(
                        f"{each.relative:.4f}",
                        str(each.cost.params),
                        str(self.rungs.budgets[len(each.judged) - 1]),
                    ),
                    *_errors(each, each.name in finished),
                    str(each.run),
                )
                for each in self._ranked()
            ),
            left=frozenset({NETWORK, "run"}),
        )

    def caption(self) -> str:
        """What the table's numbers are."""
        unit, budgets = self.rungs.unit, ", ".join(map(str, self.rungs.budgets))
        halving = (
            f"Successive halving after {unit} {budgets}: one of {self.rungs.eta} designs goes on."
            if len(self.rungs.budgets) > 1
            else f"Every design was trained up to {self.rungs.budget(0)}."
        )
        text = (
            f"{halving} top-1 %: error on the centre view after so many {unit}; errors after"
            f" different numbers of {unit} cannot be compared."
        )
        if self.finished:
            text += f" On the front of error and MACs: {', '.join(self.front)}."
        return text

    def picture(self) -> Picture:
        """Error against complexity; the front is that of the designs at the last rung.

        Designs that were stopped are grey, at their error then; labels say when.
        """
        done = self._points(self.finished)
        stopped = [
            each for each in self.designs if each not in self.finished and not each.last.failure
        ]
        rewrites = relations([each.network for each in self.finished])
        others = [
            point._replace(name=f"{point.name}, {self.rungs.budget(len(design.judged) - 1)}")
            for point, design in zip(self._points(stopped), stopped, strict=True)
        ]
        return tradeoff_picture(done, rewrites, width=WIDTH, others=others)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Write the picture as SVG, or as PNG where the file's name ends in `.png`."""
        write_picture(self.picture(), path)

    def as_json(self) -> dict[str, Any]:
        """The sweep as plain data."""
        front = self.front
        return {
            "folder": str(self.folder),
            "rungs": list(self.rungs.budgets),
            "unit": self.rungs.unit,
            "eta": self.rungs.eta,
            "recipe": self.recipe.as_dict(),
            "designs": [
                {
                    "name": each.name,
                    "run": str(each.run),
                    "depth": each.cost.depth,
                    "macs": each.cost.macs,
                    "relative": each.relative,
                    "params": each.cost.params,
                    "on_front": each.name in front,
                    "rungs": [
                        {self.rungs.unit: budget, **judged._asdict()}
                        for budget, judged in zip(self.rungs.budgets, each.judged, strict=False)
                    ],
                }
                for each in self._ranked()
            ],
        }

    def __repr__(self) -> str:
        names = ", ".join(each.name for each in self.designs)
        return f"<Sweep of {names}: best {', '.join(e.name for e in self.finished[:1]) or 'none'}>"

    def _ranked(self) -> list[DesignResult]:
        return sorted(
            self.designs,
            key=lambda each: (
                bool(each.last.failure),
                -len(each.judged),
                each.last.top1_error,
                each.last.loss,
            ),
        )

    def _result(self, design: DesignResult, front: Sequence[str]) -> str:
        if design.last.failure:
            return design.last.failure
        if len(design.judged) < len(self.rungs.budgets):
            return f"stopped at rung {len(design.judged)} of {len(self.rungs.budgets)}"
        best = self.finished[:1] == (design,)
        return " ".join(["best"] * best + ["on the front"] * (design.name in front)) or "finished"

    def _points(self, designs: Sequence[DesignResult]) -> list[Point]:
        return [
            Point(each.name, each.cost.macs, Measured(100 * each.last.top1_error))
            for each in designs
        ]


def _errors(design: DesignResult, finished: bool) -> tuple[str, str]:
    if design.last.failure:
        return "failed", ""
    text = f"{100 * design.last.top1_error:.4f}"
    return (text, "") if finished else ("", text)
