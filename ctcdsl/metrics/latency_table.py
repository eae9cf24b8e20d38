"""Tables of latencies: what `ctcdsl bench --table` writes, read and checked.

A table holds for one device, version of PyTorch, number of threads and batch. It has the law of
each kind of operation, the device's peaks, and how well it predicted networks that it was not
fitted to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

from ctcdsl.metrics.operation_time import Law
from ctcdsl.text import UserError, error, reason
from ctcdsl.text.plural import plural

FORMAT = "ctcdsl latency table 1"
MOST_ERROR = 0.12
"""The mean error on held-out networks up to which a table may be used."""


class HeldOut(NamedTuple):
    """A network that the table was not fitted to: seconds measured and predicted."""

    name: str
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """Predicted over measured, less 1."""
        return self.predicted / self.measured - 1


class Peaks(NamedTuple):
    """The most that the device does in a second, measured: a roofline's two roofs."""

    macs: float
    """Multiply-accumulates of a large matrix product."""
    bytes: float
    """Bytes read and written by a copy that no cache holds."""


class LatencyTable(NamedTuple):
    """How long operations take on a device; see `ctcdsl.metrics.latency.predict`.

    `cache` are the bytes of the cache that one core has to itself.
    """

    processor: str
    torch: str
    threads: int
    batch: int
    clock: str
    cache: int
    peaks: Peaks
    laws: Mapping[str, Law]
    held_out: tuple[HeldOut, ...]
    repeat: float
    """The median difference of operations that were timed once more at the end, as a share."""
    path: str = ""

    @property
    def mean_error(self) -> float:
        """The mean of the held-out networks' errors, each without its sign."""
        return sum(abs(network.error) for network in self.held_out) / len(self.held_out)

    @property
    def within_tenth(self) -> float:
        """The share of the held-out networks whose error is at most 10 %."""
        return sum(abs(network.error) <= 0.1 for network in self.held_out) / len(self.held_out)

    @property
    def summary(self) -> str:
        """The device in a line: `AMD EPYC, 1 thread, torch 2.13.0, batch 8`."""
        return (
            f"{self.processor}, {plural(self.threads, 'thread')}, torch {self.torch},"
            f" batch {self.batch}"
        )

    @property
    def accuracy(self) -> str:
        """What was found on networks that the table was not fitted to."""
        return (
            f"on {plural(len(self.held_out), 'network')} that the table was not fitted to the mean"
            f" error is {100 * self.mean_error:.1f}%, and {100 * self.within_tenth:.0f}% of them"
            " are within 10%"
        )

    def as_json(self) -> dict[str, Any]:
        """The content of the file."""
        return {
            "format": FORMAT,
            "processor": self.processor,
            "torch": self.torch,
            "threads": self.threads,
            "batch": self.batch,
            "clock": self.clock,
            "cache": self.cache,
            "peaks": self.peaks._asdict(),
            "repeat": self.repeat,
            "held_out": [network._asdict() for network in self.held_out],
            "laws": {kind: _rounded(law) for kind, law in self.laws.items()},
        }


def _rounded(law: Law) -> dict[str, Any]:
    """A law by its fields, with as many digits as it is good for."""

    def short(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.5g}")
        return [short(each) for each in value]

    return {name: short(value) for name, value in law._asdict().items()}


def read_table(path: str | os.PathLike[str]) -> LatencyTable:
    """Read a table that may be used.

    Raises:
        UserError: CTC731 the file is not a table, or damaged; CTC733 it predicts too badly.
    """
    file = os.fspath(path)
    try:
        with open(file, encoding="utf-8") as stream:
            content = json.load(stream)
    except OSError as cause:
        raise error(
            "CTC731",
            f"cannot read the latency table: {reason(cause)}",
            path=file,
            hint=f"ctcdsl bench --table -o {file} makes one on the device",
        ) from None
    except (ValueError, RecursionError) as cause:
        raise damaged(file, f"it is not JSON: {cause}") from None
    try:
        table = _table(content, file)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as cause:
        raise damaged(file, _problem(content, cause)) from None
    require_accurate(table)
    return table


def require_accurate(table: LatencyTable) -> None:
    """Refuse a table that predicted its held-out networks badly.

    Raises:
        UserError: CTC733.
    """
    if table.held_out and table.mean_error <= MOST_ERROR:
        return
    found = (
        f"it is wrong by {100 * table.mean_error:.0f}% in the mean, on"
        f" {plural(len(table.held_out), 'network')} that it was not fitted to"
        if table.held_out
        else "it was not compared with any network"
    )
    raise error(
        "CTC733",
        f"the latency table is not good enough to predict by: {found}",
        path=table.path or None,
        notes=(f"up to {100 * MOST_ERROR:.0f}% are accepted",),
        hint="make it once more while nothing else runs: ctcdsl bench --table",
    )


def damaged(file: str, problem: str) -> UserError:
    """CTC731 for a file that is no table."""
    return error(
        "CTC731",
        "this is not a latency table",
        path=file,
        notes=(problem,),
        hint=f"ctcdsl bench --table -o {file} makes one on the device",
    )


def _problem(content: Any, cause: Exception) -> str:
    if not isinstance(content, dict) or "format" not in content:
        return "it has no `format`"
    if content["format"] != FORMAT:
        return f"its format is {content['format']!r}, not {FORMAT!r}"
    if isinstance(cause, KeyError):
        return f"it has no {cause}"
    return f"a value is wrong: {cause}"


def _table(content: Any, path: str) -> LatencyTable:
    if content["format"] != FORMAT:
        raise ValueError
    return LatencyTable(
        processor=_text(content["processor"]),
        torch=_text(content["torch"]),
        threads=_count(content["threads"]),
        batch=_count(content["batch"]),
        clock=_text(content["clock"]),
        cache=_count(content["cache"]),
        peaks=Peaks(_positive(content["peaks"]["macs"]), _positive(content["peaks"]["bytes"])),
        laws={_text(kind): _law(law) for kind, law in content["laws"].items()},
        held_out=tuple(
            HeldOut(
                _text(network["name"]),
                _positive(network["measured"]),
                _positive(network["predicted"]),
            )
            for network in content["held_out"]
        ),
        repeat=_finite(content["repeat"]),
        path=path,
    )


def _law(content: Any) -> Law:
    law = Law(
        hot=_coefficients(content["hot"]),
        cold=_coefficients(content["cold"]),
        scales=tuple(map(_positive, content["scales"])),
        points=tuple(tuple(map(_finite, point)) for point in content["points"]),
        hot_weights=tuple(map(_finite, content["hot_weights"])),
        cold_weights=tuple(map(_finite, content["cold_weights"])),
        lowest=tuple(map(_finite, content["lowest"])),
        highest=tuple(map(_finite, content["highest"])),
    )
    sizes = {len(law.scales), len(law.lowest), len(law.highest), *map(len, law.points)}
    points = {len(law.points), len(law.hot_weights), len(law.cold_weights)}
    if len(sizes) > 1 or len(points) > 1:
        raise ValueError("a law has lists of different lengths")
    return law


def _coefficients(values: Sequence[Any]) -> tuple[float, float, float, float, float]:
    a, b, c, d, e = map(_finite, values)
    if min(a, b, c, d, e) < 0 or a == b == c == d == e == 0:
        raise ValueError("a coefficient is negative, or all are 0")
    return a, b, c, d, e


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _positive(value: Any) -> float:
    number = _finite(value)
    if number <= 0:
        raise ValueError(f"{value!r} is not above 0")
    return number


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise TypeError(f"{value!r} is not a whole number from 1 on")
    return value
