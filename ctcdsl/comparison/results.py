"""What a comparison found: errors with their spread, beside what the networks cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from ctcdsl.comparison.compare import Comparison
from ctcdsl.comparison.seed_runs import ComparedNetwork, Result
from ctcdsl.metrics import network_cost
from ctcdsl.metrics.tables import Table
from ctcdsl.text.plural import plural

SPREAD = "the standard deviation over the seeds (n - 1 in the denominator)"


@dataclass(frozen=True, slots=True)
class MeanStd:
    """The mean of some numbers, and how far they lie apart."""

    mean: float
    deviation: float | None
    """Their standard deviation, with n - 1 in the denominator; None for a single number."""

    @classmethod
    def of(cls, numbers: Sequence[float]) -> MeanStd | None:
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
    """A network in the comparison."""

    contestant: ComparedNetwork
    depth: int
    macs: int
    relative: float
    """MACs as a share of the first network's."""
    params: int
    results: tuple[Result, ...]
    """One for each seed."""

    @property
    def finished(self) -> tuple[Result, ...]:
        """The results that are none of failures."""
        return tuple(each for each in self.results if each.failure is None)

    @property
    def top1(self) -> MeanStd | None:
        """Top-1 error over the seeds that were finished."""
        return MeanStd.of([e.top1_error for e in self.finished if e.top1_error is not None])

    @property
    def top5(self) -> MeanStd | None:
        """Top-5 error over the seeds that were finished."""
        return MeanStd.of([e.top5_error for e in self.finished if e.top5_error is not None])

    @property
    def seconds_per_epoch(self) -> float | None:
        """Training and test of an epoch: the mean over the epochs of all finished seeds."""
        rows = [row.seconds for each in self.finished for row in each.rows]
        return fmean(rows) if rows else None

    @property
    def seconds(self) -> float | None:
        """All epochs of a seed: the mean over the finished seeds."""
        sums = [sum(row.seconds for row in each.rows) for each in self.finished]
        return fmean(sums) if sums else None

    @property
    def images_per_second(self) -> float | None:
        """Training: the mean over the epochs of all finished seeds."""
        speeds = [row.images_per_second for each in self.finished for row in each.rows]
        return fmean(speeds) if speeds else None

    def curve(self) -> tuple[tuple[int, MeanStd], ...]:
        """Test top-1 error (centre view) after each epoch that any seed reached."""
        by_epoch: dict[int, list[float]] = {}
        for each in self.results:
            for row in each.rows:
                if math.isfinite(row.test_top1_error):
                    by_epoch.setdefault(row.epoch, []).append(row.test_top1_error)
        return tuple(
            (epoch, spread)
            for epoch, errors in sorted(by_epoch.items())
            if (spread := MeanStd.of(errors)) is not None
        )


def network_results(
    contestants: Sequence[ComparedNetwork], results: Callable[[ComparedNetwork], Sequence[Result]]
) -> tuple[NetworkResult, ...]:
    """The networks in the order given, with the `results` of each."""
    costs = [network_cost(each.network) for each in contestants]
    return tuple(
        NetworkResult(
            contestant=each,
            depth=cost.depth,
            macs=cost.macs,
            relative=cost.macs / costs[0].macs if costs[0].macs else math.nan,
            params=cost.params,
            results=tuple(results(each)),
        )
        for each, cost in zip(contestants, costs, strict=True)
    )


def table(found: Sequence[NetworkResult], k: int) -> Table:
    """A row a network; `k` is the k of top-k, which is left out where there are only k classes."""
    partly = any(0 < len(each.finished) < len(each.results) for each in found)
    first = found[0].contestant.name
    telling = k < len(found[0].contestant.identity.classes)  # else every image is among the k
    return Table(
        titles=(
            *("network", "depth", "MACs", f"of {first}", "parameters"),
            *("top-1 %", *([f"top-{k} %"] if telling else []), "s/epoch", "s in all", "images/s"),
            *(["seeds"] if partly else []),
        ),
        rows=tuple(
            (
                each.contestant.name,
                str(each.depth),
                f"{each.macs:,}",
                f"{each.relative:.3f}",
                f"{each.params:,}",
                each.top1.percent() if each.top1 else "failed",
                *([each.top5.percent() if each.top5 else "failed"] if telling else []),
                _number(each.seconds_per_epoch, 1),
                _number(each.seconds, 0),
                _number(each.images_per_second, 0),
                *([f"{len(each.finished)} of {len(each.results)}"] if partly else []),
            )
            for each in found
        ),
        left=frozenset({"network"}),
    )


def caption(comparison: Comparison) -> str:
    """What the numbers of the table are, in a sentence or two."""
    first, count = comparison.recipe.seed, comparison.seeds
    spread = f"mean ± {SPREAD}" if count > 1 else "of one seed, so nothing tells their spread"
    seeds = f"seeds {first} to {first + count - 1}" if count > 1 else f"seed {first}"
    views = "10 views" if comparison.views == 10 else "the centre view"
    test = plural(len(comparison.test_set), f"{comparison.tested_on} image")
    train = plural(len(comparison.train_set), "train image")
    return (
        f"Errors in percent by {views} on {test}"
        f" after {plural(comparison.recipe.last_epoch, 'epoch')} of {train};"
        f" {seeds}: {spread}."
        " An epoch's time is that of its training and of its test by one view."
    )


def as_json(comparison: Comparison, found: Sequence[NetworkResult], k: int) -> dict[str, Any]:
    """All of it as plain data; errors are shares."""
    recipe = {name: value for name, value in comparison.recipe.as_dict().items() if name != "seed"}
    return {
        "relative_to": found[0].contestant.name,
        "spread": SPREAD,
        "views": comparison.views,
        "data": comparison.data,
        "training_images": len(comparison.train_set),
        "test_images": len(comparison.test_set),
        "split": comparison.tested_on,
        "classes": len(comparison.test_set.classes),
        "device": str(comparison.device),
        "seeds": list(range(comparison.recipe.seed, comparison.recipe.seed + comparison.seeds)),
        "recipe": recipe,
        "networks": [_network(each, k) for each in found],
    }


def _network(standing: NetworkResult, k: int) -> dict[str, Any]:
    return {
        "name": standing.contestant.name,
        "file": standing.contestant.file,
        "input": list(standing.contestant.identity.input),
        "depth": standing.depth,
        "macs": standing.macs,
        "relative": standing.relative,
        "parameters": standing.params,
        "top1_error": asdict(standing.top1) if standing.top1 else None,
        f"top{k}_error": asdict(standing.top5) if standing.top5 else None,
        "seconds_per_epoch": standing.seconds_per_epoch,
        "seconds": standing.seconds,
        "images_per_second": standing.images_per_second,
        "runs": [_run(each, k) for each in standing.results],
    }


def _run(result: Result, k: int) -> dict[str, Any]:
    failure = result.failure
    return {
        "seed": result.seed,
        "run": str(result.run),
        "top1_error": result.top1_error,
        f"top{k}_error": result.top5_error,
        "failure": {"code": failure.code, "message": failure.message} if failure else None,
        "log": [asdict(row) for row in result.rows],
    }


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
