"""The most that the device does in a second: the roofs of its roofline."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import torch
from torch.nn.functional import conv2d

from ctcdsl.metrics.latency_table import Peaks
from ctcdsl.timing.clock import Clock
from ctcdsl.timing.modules import fill_tensor, images

_SIDE = 1536
"""Of the matrices: large enough to be bound by arithmetic, 28 MB in all."""
_COPIED = 64 << 20
"""Values of the copy: 256 MB, more than caches hold."""
_RUNS = 5


def measure_peaks(clock: Clock) -> Peaks:
    """Time large products and a copy of memory, on the threads that are set.

    The peak of arithmetic is that of a matrix product or of a convolution, whichever is faster:
    they come from different libraries.
    """
    with torch.inference_mode():
        product = _rate(clock, *_product())
        convolution = _rate(clock, *_convolution())
        moved, copy = _copy()
        return Peaks(max(product, convolution), moved / _seconds(clock, copy))


def _rate(clock: Clock, macs: int, run: Callable[[], object]) -> float:
    return macs / _seconds(clock, run)


def _seconds(clock: Clock, run: Callable[[], object]) -> float:
    run()
    return median(clock.time(run)[0] for _ in range(_RUNS))


def _product() -> tuple[int, Callable[[], object]]:
    first, second = torch.empty(_SIDE, _SIDE), torch.empty(_SIDE, _SIDE)
    fill_tensor(first)
    fill_tensor(second)
    product = torch.empty(_SIDE, _SIDE)
    return _SIDE**3, lambda: torch.mm(first, second, out=product)


def _convolution() -> tuple[int, Callable[[], object]]:
    """Of 3x3 on maps of 128 channels, whose weights stay in a core's cache."""
    channels, side = 128, 112
    maps = images(1, (channels, side, side), torch.device("cpu"))
    weights = torch.empty(channels, 3, 3, channels)
    fill_tensor(weights)
    weights = weights.permute(0, 3, 1, 2)
    return (channels * side * 3) ** 2, lambda: conv2d(maps, weights, padding=1)


def _copy() -> tuple[int, Callable[[], object]]:
    source, target = torch.zeros(_COPIED), torch.zeros(_COPIED)
    moved = 2 * 4 * _COPIED  # each value is read and written
    return moved, lambda: target.copy_(source)
