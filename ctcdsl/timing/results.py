"""What `ctcdsl.bench` returns: the times of networks, as data and as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ctcdsl.checking import Network
from ctcdsl.metrics import network_cost
from ctcdsl.metrics.html import as_html
from ctcdsl.metrics.latency import Latency
from ctcdsl.metrics.metric import time_text
from ctcdsl.metrics.tables import Table
from ctcdsl.text import Diagnostic
from ctcdsl.text.plural import plural
from ctcdsl.timing.clock import Sample
from ctcdsl.timing.device import Device
from ctcdsl.timing.layers import LayerTiming
from ctcdsl.timing.tasks import TITLES, Task


class Timing(NamedTuple):
    """The times of one task of a network on a batch of images.

    `layers` are those of its forward pass, where they were asked for; `predicted` its time by a
    table of latencies.
    """

    network: Network
    task: Task
    batch: int
    sample: Sample
    layers: tuple[LayerTiming, ...] = ()
    predicted: Latency | None = None

    @property
    def title(self) -> str:
        """What was timed: `ResNet50, forward pass of 8 images`."""
        return f"{self.network.name}, {TITLES[self.task]} of {plural(self.batch, 'image')}"

    @property
    def seconds(self) -> float:
        """The median of the runs."""
        return self.sample.median

    @property
    def images_per_second(self) -> float:
        """The images that a second is enough for."""
        return self.batch / self.seconds

    @property
    def macs_per_second(self) -> float:
        """The multiply-accumulates of a second, those of fully connected layers included.

        Ten views are counted as ten passes, though they share their first layers.
        """
        cost = network_cost(self.network, batch=self.batch)
        forward = cost.macs + cost.macs_fc
        match self.task:
            case "forward":
                return forward / self.seconds
            case "train":
                return cost.training_macs / self.seconds
            case "views":
                return 10 * forward / self.seconds

    def as_json(self) -> dict[str, Any]:
        """The times as plain data, in seconds."""
        low, high = self.sample.quartiles
        return {
            "name": self.network.name,
            "task": self.task,
            "batch": self.batch,
            "median": self.seconds,
            "quartiles": [low, high],
            "runs": list(self.sample.times),
            "elapsed": list(self.sample.elapsed),
            "images_per_second": self.images_per_second,
            "macs_per_second": self.macs_per_second,
            **({"predicted": self.predicted.seconds} if self.predicted else {}),
            "layers": [
                {
                    "name": layer.name,
                    "median": layer.sample.median,
                    "quartiles": list(layer.sample.quartiles),
                }
                for layer in self.layers
            ],
        }


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The times of networks on a device, and what makes them doubtful."""

    device: Device
    clock: str
    timings: tuple[Timing, ...]
    warnings: tuple[Diagnostic, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The report as plain data; other tools rely on its keys."""
        return {
            "device": self.device.as_json(),
            "clock": self.clock,
            "timings": [timing.as_json() for timing in self.timings],
            "warnings": [f"{warning.code}: {warning.message}" for warning in self.warnings],
        }

    def table(self) -> Table:
        """One row for each network, task and batch; beside forward passes what was predicted."""
        compared = any(timing.predicted for timing in self.timings)
        titles = ("network", "task", "batch", "ms", "spread", "images/s", "GMACs/s")
        return Table(
            titles=(*titles, "predicted", "error") if compared else titles,
            rows=tuple(
                (
                    timing.network.name,
                    TITLES[timing.task],
                    f"{timing.batch:,}",
                    milliseconds(timing.seconds),
                    f"{100 * timing.sample.spread:.1f}%",
                    f"{timing.images_per_second:,.1f}",
                    f"{timing.macs_per_second / 1e9:,.1f}",
                    *(_compared(timing) if compared else ()),
                )
                for timing in self.timings
            ),
            left=frozenset({"network", "task"}),
        )

    def records(self) -> Table:
        """The rows of `table` for programs, in seconds."""
        return Table(
            titles=(
                *("network", "task", "batch", "seconds", "first quartile", "third quartile"),
                *("images/s", "MACs/s"),
            ),
            rows=tuple(
                (
                    timing.network.name,
                    timing.task,
                    str(timing.batch),
                    f"{timing.seconds:.6g}",
                    *(f"{quartile:.6g}" for quartile in timing.sample.quartiles),
                    f"{timing.images_per_second:.6g}",
                    f"{timing.macs_per_second:.0f}",
                )
                for timing in self.timings
            ),
            left=frozenset({"network", "task"}),
        )

    def layer_records(self) -> Table:
        """The layers of all forward passes, for programs, in seconds."""
        return Table(
            titles=("network", "batch", "layer", "seconds", "first quartile", "third quartile"),
            rows=tuple(
                (
                    timing.network.name,
                    str(timing.batch),
                    layer.name,
                    f"{layer.sample.median:.6g}",
                    *(f"{quartile:.6g}" for quartile in layer.sample.quartiles),
                )
                for timing in self.timings
                for layer in timing.layers
            ),
            left=frozenset({"network", "layer"}),
        )

    def layer_tables(self) -> tuple[tuple[Timing, Table], ...]:
        """One table for each forward pass whose layers were timed."""
        return tuple((timing, layer_table(timing)) for timing in self.timings if timing.layers)

    def __repr__(self) -> str:
        names = ", ".join(dict.fromkeys(timing.network.name for timing in self.timings))
        return f"<Benchmark of {names} on {self.device.processor}>"

    def _repr_html_(self) -> str:
        """The table that a notebook shows."""
        return as_html(self.table(), caption=self.device.summary)


def _compared(timing: Timing) -> tuple[str, str]:
    """The predicted milliseconds, and how wrong they are."""
    if timing.predicted is None:
        return "", ""
    predicted = timing.predicted.seconds
    return milliseconds(predicted), f"{100 * (predicted / timing.seconds - 1):+.1f}%"


def layer_table(timing: Timing) -> Table:
    """One row for each layer of a forward pass, with its share."""
    total = sum(layer.sample.median for layer in timing.layers)
    return Table(
        titles=("layer", "ms", "spread", "share"),
        rows=(
            *(
                (
                    layer.name,
                    milliseconds(layer.sample.median),
                    f"{100 * layer.sample.spread:.1f}%",
                    f"{100 * layer.sample.median / total:.1f}%",
                )
                for layer in timing.layers
            ),
            ("all layers", milliseconds(total), "", "100.0%"),
        ),
        left=frozenset({"layer"}),
    )


def milliseconds(seconds: float) -> str:
    """A time in milliseconds, without the unit."""
    return time_text(seconds).removesuffix(" ms")
