"""The metrics of time on a device: how long, and which roof binds."""

from __future__ import annotations

from ctcdsl.metrics.counts import op_macs
from ctcdsl.metrics.metric import Metric, added, time_text
from ctcdsl.metrics.roofline import Roof, roof, roof_text, together
from ctcdsl.metrics.workload import Workload


def _latency(workload: Workload) -> list[float]:
    return [times.seconds for times in workload.latency.by_layer.values()]


def _latency_low(workload: Workload) -> list[float]:
    return [times.low for times in workload.latency.by_layer.values()]


def _latency_high(workload: Workload) -> list[float]:
    return [times.high for times in workload.latency.by_layer.values()]


def _roof(workload: Workload) -> list[Roof]:
    peaks = workload.latency.table.peaks
    macs = (workload.batch * sum(op_macs(ops)) for ops in workload.layer_ops)
    rows = zip(macs, workload.traffic, _latency(workload), strict=True)
    return [roof(*row, peaks) for row in rows]


LATENCY = Metric(
    key="latency",
    title="latency",
    unit="seconds",
    convention="Latency: a forward pass of {images}, predicted for {device}.",
    by_layer=_latency,
    total=added,
    text=time_text,
    on_request=True,
)
LATENCY_LOW = Metric(
    key="latency_low",
    title="at least",
    unit="seconds",
    convention="At least: 0.95 of the time with all operands in caches.",
    by_layer=_latency_low,
    total=added,
    text=time_text,
    on_request=True,
)
LATENCY_HIGH = Metric(
    key="latency_high",
    title="at most",
    unit="seconds",
    convention="At most: 1.1 times the time with all operands in memory.",
    by_layer=_latency_high,
    total=added,
    text=time_text,
    on_request=True,
)
ROOF = Metric[Roof](
    key="roof",
    title="roof",
    unit="share",
    convention="Roof: what binds at the device's peaks, its arithmetic or the memory that traffic"
    " goes to, and how much of that the latency reaches; caches allow more than memory.",
    by_layer=_roof,
    total=together,
    text=roof_text,
    on_request=True,
    number=False,
)
