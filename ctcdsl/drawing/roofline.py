"""The roofline of a device: its roofs, and the layers of networks under them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import NamedTuple

from ctcdsl.drawing.axes import SMALL, Scale, horizontal, number, scale, vertical, widest
from ctcdsl.drawing.svg import HUES, Line, Part, Picture, Rect, Text
from ctcdsl.drawing.text import text_width
from ctcdsl.metrics.catalog import INTENSITY
from ctcdsl.metrics.complexity import Cost
from ctcdsl.metrics.latency_metrics import LATENCY
from ctcdsl.metrics.latency_table import LatencyTable, Peaks
from ctcdsl.metrics.metric import time_text

_LEAST, _MOST = 3.0, 16.0
"""Radii of the dots: their areas are shares of the time."""
_OPACITY = 0.5
_TOP, _BELOW = 58.0, 62.0


class _Dot(NamedTuple):
    """A layer with multiply-accumulates."""

    network: str
    layer: str
    intensity: float
    rate: float
    seconds: float
    share: float

    @property
    def note(self) -> str:
        return (
            f"{self.network}, {self.layer}: {time_text(self.seconds)},"
            f" {100 * self.share:.1f}% of the time, {self.rate / 1e9:.1f} GMACs/s,"
            f" {self.intensity:.1f} MACs/byte"
        )


def draw_roofline(costs: Sequence[Cost], *, width: int = 840) -> str:
    """The picture of networks that were costed with the table of one device, as SVG."""
    return roofline_picture(costs, width=width).svg()


def roofline_picture(costs: Sequence[Cost], *, width: int) -> Picture:
    """The picture, `width` pixels wide: MACs for each byte to the right, MACs a second upwards.

    A dot is a layer, its area the share of its network's time.
    """
    table = costs[0].workload.latency.table
    dots = [dot for cost in costs for dot in _dots(cost)]
    height = min(520.0, 0.7 * width + 70)
    peaks = table.peaks
    ridge = peaks.macs / peaks.bytes
    intensities = [*(dot.intensity for dot in dots), ridge / 4, 4 * ridge]
    rates = [*(dot.rate for dot in dots), peaks.macs, peaks.macs / 16]
    along = scale(rates, height - _BELOW, _TOP, most=7, logarithmic=True)
    left = widest([number(tick) for tick in along.ticks]) + 22
    across = scale(intensities, left, width - 26.0, most=3 + width // 120, logarithmic=True)
    hues = {cost.network.name: HUES[k % len(HUES)] for k, cost in enumerate(costs)}
    parts: list[Part] = [
        Text(left - 7, 20, "MACs a second", SMALL, "soft"),
        Text(width - 26.0, height - 26, "MACs for each byte of traffic", SMALL, "soft", "end"),
        *horizontal(across, along, number),
        *vertical(across, along, number),
        *_roofs(peaks, across, along),
    ]
    for dot in sorted(dots, key=lambda dot: -dot.share):
        radius = max(_LEAST, _MOST * sqrt(dot.share))
        x, y = across(dot.intensity), along(dot.rate)
        box = (x - radius, y - radius, 2 * radius, 2 * radius)
        parts.append(Rect(*box, hues[dot.network], radius, _OPACITY, dot.note))
    parts += _legend(costs, dots, hues, left, width)
    return Picture(
        width=width,
        height=height,
        title=f"Roofline of {table.summary}",
        description=_words(costs, dots, table),
        parts=tuple(parts),
    )


def _dots(cost: Cost) -> Iterator[_Dot]:
    total = cost.latency
    for layer in cost.layers:
        macs = layer.macs + layer.macs_fc
        seconds = layer.value(LATENCY)
        if macs and seconds:
            intensity = float(layer.value(INTENSITY))
            share = seconds / total
            yield _Dot(
                cost.network.name, layer.node.name, intensity, macs / seconds, seconds, share
            )


def _roofs(peaks: Peaks, across: Scale, along: Scale) -> Iterator[Part]:
    """Memory's roof rises to the ridge, arithmetic's is level from there on."""
    ridge = peaks.macs / peaks.bytes
    left = max(across.low, along.low / peaks.bytes)
    start = across(left), along(left * peaks.bytes)
    corner = across(ridge), along(peaks.macs)
    end = across(across.high), along(peaks.macs)
    yield Line((start, corner), "flow")
    yield Line((corner, end), "flow")
    arithmetic = f"arithmetic: {peaks.macs / 1e9:.3g} GMACs/s"
    x = min(corner[0], end[0] - text_width(arithmetic, SMALL))
    yield Text(x, corner[1] - 8, arithmetic, SMALL, "ink")
    memory = f"memory: {peaks.bytes / 1e9:.3g} GB/s"
    x, y = (start[0] + 2 * corner[0]) / 3, (start[1] + 2 * corner[1]) / 3
    yield Text(x - 8, y - 6, memory, SMALL, "ink", "end")


def _legend(
    costs: Sequence[Cost], dots: Sequence[_Dot], hues: dict[str, str], left: float, width: int
) -> Iterator[Part]:
    """Each network with its time, and how much of that the dots are."""
    x = left
    for cost in costs:
        name = cost.network.name
        shown = sum(dot.share for dot in dots if dot.network == name)
        text = f"{name}: {100 * shown:.0f}% of {time_text(cost.latency)}"
        if x > left and x + 20 + text_width(text, SMALL) > width - 26:
            return  # the description has all
        yield Rect(x, 30, 10, 10, hues[name], 5)
        yield Text(x + 15, 39, text, SMALL, "soft")
        x += 15 + text_width(text, SMALL) + 22


def _words(costs: Sequence[Cost], dots: Sequence[_Dot], table: LatencyTable) -> str:
    """The picture for those who cannot see it."""
    peaks = table.peaks
    ridge = peaks.macs / peaks.bytes
    sentences = [
        f"At most {peaks.macs / 1e9:.3g} GMACs/s and {peaks.bytes / 1e9:.3g} GB/s, so memory binds"
        f" below {ridge:.2g} MACs for each byte"
    ]
    for cost in costs:
        own = [dot for dot in dots if dot.network == cost.network.name]
        bound = sum(dot.share for dot in own if dot.intensity < ridge)
        sentences.append(
            f"Of {time_text(cost.latency)} of {cost.network.name}, layers with MACs take"
            f" {100 * sum(dot.share for dot in own):.0f}%, those under the roof of memory"
            f" {100 * bound:.0f}%"
        )
    return ". ".join(sentences) + "."
