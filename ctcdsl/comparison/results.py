"""The result of a comparison: errors with their spread, beside the networks' costs."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal, Self

from ctcdsl.checking import Network
from ctcdsl.comparison.seed_runs import SeedResult
from ctcdsl.metrics.complexity import Cost
from ctcdsl.metrics.html import as_html
from ctcdsl.metrics.tables import Table
from ctcdsl.recipe import Recipe
from ctcdsl.runs.identity import ModelIdentity
from ctcdsl.runs.info import ImagesInfo
from ctcdsl.text.plural import plural

SPREAD = "the standard deviation over the seeds (n - 1 in the denominator)"


@dataclass(frozen=True, slots=True)
class MeanStd:
    """The mean of some numbers, and how much they differ."""

    mean: float
    deviation: float | None
    """Their standard deviation, with n - 1 in the denominator; None for a single number."""

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Self | None:
        """That of `numbers`; None where there are none."""
        if not numbers:
            return None
        return cls(fmean(numbers), stdev(numbers) if len(numbers) > 1 else None)

    def percent(self) -> str:
        """As in ``37.4 ± 0.2``, in percent."""
        text = f"{100 * self.mean:.1f}"
        return text if self.deviation is None else f"{text} ± {100 * self.deviation:.1f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    """A network of the comparison, its cost, and the results of its seeds."""

    network: Network
    identity: ModelIdentity
    cost: Cost
    relative: float
    """MACs as a share of the first network's."""
    results: tuple[SeedResult, ...]
    """One for each seed."""

    @property
    def name(self) -> str:
        """The network's name."""
        return self.network.name

    @property
    def finished(self) -> tuple[SeedResult, ...]:
        """The results of the seeds that did not fail."""
        return tuple(result for result in self.results if result.failure is None)

    @property
    def top1(self) -> MeanStd | None:
        """Top-1 error over the finished seeds, a share of the images."""
        return MeanStd.of([r.top1_error for r in self.finished if r.top1_error is not None])

    @property
    def top5(self) -> MeanStd | None:
        """Top-5 error over the finished seeds, a share of the images."""
        return MeanStd.of([r.top5_error for r in self.finished if r.top5_error is not None])

    @property
    def seconds_per_epoch(self) -> float | None:
        """Training and test of an epoch: the mean over the epochs of all finished seeds."""
        seconds = [row.seconds for result in self.finished for row in result.rows]
        return fmean(seconds) if seconds else None

    @property
    def seconds(self) -> float | None:
        """All epochs of a seed: the mean over the finished seeds."""
        sums = [sum(row.seconds for row in result.rows) for result in self.finished]
        return fmean(sums) if sums else None

    @property
    def images_per_second(self) -> float | None:
        """Training: the mean over the epochs of all finished seeds."""
        speeds = [row.images_per_second for result in self.finished for row in result.rows]
        return fmean(speeds) if speeds else None

    def curve(self) -> tuple[tuple[int, MeanStd], ...]:
        """Test top-1 error (centre view) after each epoch that any seed reached."""
        by_epoch: dict[int, list[float]] = {}
        for result in self.results:
            for row in result.rows:
                if math.isfinite(row.test_top1_error):
                    by_epoch.setdefault(row.epoch, []).append(row.test_top1_error)
        return tuple(
            (epoch, spread)
            for epoch, errors in sorted(by_epoch.items())
            if (spread := MeanStd.of(errors)) is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison:
    """Networks trained by one recipe with the same seeds, in the given order."""

    networks: tuple[NetworkResult, ...]
    recipe: Recipe
    """Its seed is the first one's."""
    seeds: int
    folder: Path
    views: Literal[1, 10]
    data: str | None
    """The path of the images; None for the sample."""
    images: ImagesInfo
    classes: tuple[str, ...]
    device: str

    @property
    def failed(self) -> tuple[tuple[NetworkResult, SeedResult], ...]:
        """The runs without a result."""
        return tuple(
            (network, result)
            for network in self.networks
            for result in network.results
            if result.failure is not None
        )

    @property
    def k(self) -> int:
        """The k of top-k: 5, or the number of classes if that is smaller."""
        return min(5, len(self.classes))

    def table(self) -> Table:
        """One row per network; without top-k if there are only k classes."""
        partly = any(0 < len(net.finished) < len(net.results) for net in self.networks)
        with_top5 = self.k < len(self.classes)  # else every image is among the k
        return Table(
            titles=(
                *("network", "depth", "MACs", "relative", "parameters"),
                *("top-1 %", *([f"top-{self.k} %"] if with_top5 else [])),
                *("s/epoch", "s in all", "images/s", *(["seeds"] if partly else [])),
            ),
            rows=tuple(
                (
                    net.name,
                    str(net.cost.depth),
                    f"{net.cost.macs:,}",
                    f"{net.relative:.3f}",
                    f"{net.cost.params:,}",
                    net.top1.percent() if net.top1 else "failed",
                    *([net.top5.percent() if net.top5 else "failed"] if with_top5 else []),
                    _number(net.seconds_per_epoch, 1),
                    _number(net.seconds, 0),
                    _number(net.images_per_second, 0),
                    *([f"{len(net.finished)} of {len(net.results)}"] if partly else []),
                )
                for net in self.networks
            ),
            left=frozenset({"network"}),
        )

    def records(self) -> Table:
        """The table for programs: full precision, deviations apart, nothing where none is known."""
        return Table(
            titles=(
                *("network", "depth", "MACs", "relative", "parameters"),
                *("top-1 %", "top-1 ±", f"top-{self.k} %", f"top-{self.k} ±"),
                *("s/epoch", "s in all", "images/s", "seeds"),
            ),
            rows=tuple(
                (
                    *(net.name, str(net.cost.depth), str(net.cost.macs), f"{net.relative:.4f}"),
                    *(str(net.cost.params), *_percent(net.top1), *_percent(net.top5)),
                    _number(net.seconds_per_epoch, 3, separator=""),
                    _number(net.seconds, 3, separator=""),
                    _number(net.images_per_second, 1, separator=""),
                    str(len(net.finished)),
                )
                for net in self.networks
            ),
            left=frozenset({"network"}),
        )

    def caption(self) -> str:
        """An explanation of the table's numbers, in a sentence or two."""
        first, count = self.recipe.seed, self.seeds
        spread = f"mean ± {SPREAD}" if count > 1 else "of one seed, so nothing tells their spread"
        seeds = f"seeds {first} to {first + count - 1}" if count > 1 else f"seed {first}"
        views = "10 views" if self.views == 10 else "the centre view"
        test = plural(self.images.test, f"{self.images.tested_on} image")
        train = plural(self.images.training, "train image")
        return (
            f"Errors in percent by {views} on {test}"
            f" after {plural(self.recipe.last_epoch, 'epoch')} of {train};"
            f" {seeds}: {spread}."
            " An epoch's time is that of its training and of its test by one view."
        )

    def as_json(self) -> dict[str, Any]:
        """All of it as plain data; errors are shares."""
        recipe = {name: value for name, value in self.recipe.as_dict().items() if name != "seed"}
        return {
            "relative_to": self.networks[0].name,
            "spread": SPREAD,
            "views": self.views,
            "data": self.data,
            "training_images": self.images.training,
            "test_images": self.images.test,
            "split": self.images.tested_on,
            "classes": len(self.classes),
            "device": self.device,
            "seeds": list(range(self.recipe.seed, self.recipe.seed + self.seeds)),
            "recipe": recipe,
            "networks": [_network_json(network, self.k) for network in self.networks],
        }

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw errors and learning curves as PNG. Raises `UserError` CTC608."""
        from ctcdsl.comparison.plot import draw_comparison

        draw_comparison(Path(path), self)

    def __repr__(self) -> str:
        names = ", ".join(network.name for network in self.networks)
        return f"<Comparison of {names}: {plural(self.seeds, 'seed')} in {self.folder}>"

    def _repr_html_(self) -> str:
        return as_html(self.table(), caption=self.caption())


def _network_json(net: NetworkResult, k: int) -> dict[str, Any]:
    return {
        "name": net.name,
        "file": net.network.architecture.origin.source.name,
        "input": list(net.identity.input),
        "depth": net.cost.depth,
        "macs": net.cost.macs,
        "relative": net.relative,
        "parameters": net.cost.params,
        "top1_error": asdict(net.top1) if net.top1 else None,
        f"top{k}_error": asdict(net.top5) if net.top5 else None,
        "seconds_per_epoch": net.seconds_per_epoch,
        "seconds": net.seconds,
        "images_per_second": net.images_per_second,
        "runs": [_run_json(result, k) for result in net.results],
    }


def _run_json(result: SeedResult, k: int) -> dict[str, Any]:
    failure = result.failure
    return {
        "seed": result.seed,
        "run": str(result.run),
        "top1_error": result.top1_error,
        f"top{k}_error": result.top5_error,
        "failure": {"code": failure.code, "message": failure.message} if failure else None,
        "log": [asdict(row) for row in result.rows],
    }


def _percent(spread: MeanStd | None) -> tuple[str, str]:
    """Mean and deviation in percent, each blank where it is unknown."""
    if spread is None:
        return "", ""
    deviation = spread.deviation
    return f"{100 * spread.mean:.4g}", "" if deviation is None else f"{100 * deviation:.4g}"


def _number(value: float | None, digits: int, separator: str = ",") -> str:
    return "" if value is None else f"{value:{separator}.{digits}f}"
