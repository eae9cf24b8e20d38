"""Ways of doing the same work, taken in turns, and the rate of matrix products meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import NamedTuple

import torch

from ctcdsl.recipe import Precision

Turn = Callable[[], None]
"""Goes through the images once, from files or packs to updated weights or probabilities."""

_SIDES = {"cpu": 3072, "cuda": 8192}  # of matrices large enough for the full rate
_TYPES: dict[Precision, torch.dtype] = {"float32": torch.float32, "bf16": torch.bfloat16}


class Way(NamedTuple):
    """A way to do the work, by the name in the table."""

    name: str
    precision: Precision
    turn: Turn | None
    missing: str = ""
    """Why there is no turn."""


class Rounds(NamedTuple):
    """What each round found."""

    rates: dict[str, list[float]]
    """Images a second of each way."""
    peaks: dict[Precision, list[float]]
    """FLOPs a second of matrix products."""

    def rate(self, way: Way) -> float:
        """Images a second, median."""
        return median(self.rates[way.name])

    def ratio(self, way: Way, base: Way) -> float:
        """Of the rate of `base` in the same round, median."""
        return _ratio(self.rates[way.name], self.rates[base.name])

    def share(self, way: Way, flops: float) -> float:
        """Of the rate of matrix products in the same round where an image takes `flops`, median."""
        return flops * _ratio(self.rates[way.name], self.peaks[way.precision])


def take(ways: Sequence[Way], images: int, rounds: int, device: torch.device) -> Rounds:
    """Let each way have a turn of so many images in each round; none of them is the first."""
    found = Rounds({}, {})
    for _ in range(rounds):
        for precision in dict.fromkeys(way.precision for way in ways):
            found.peaks.setdefault(precision, []).append(matrix_rate(precision, device))
        for way in ways:
            if way.turn is not None:
                rate = images / seconds(way.turn, device)
                found.rates.setdefault(way.name, []).append(rate)
    return found


def seconds(turn: Turn, device: torch.device) -> float:
    """How long it takes by the clock, until the device has done all of it."""
    _settle(device)
    began = perf_counter()
    turn()
    _settle(device)
    return perf_counter() - began


def matrix_rate(precision: Precision, device: torch.device) -> float:
    """FLOPs a second of a matrix product, best of five.

    In float32 a GPU may use TF32 for it, as torch lets it do in convolutions unless set otherwise.
    """
    side = _SIDES[device.type]
    one, other = torch.randn(2, side, side, device=device).to(_TYPES[precision])
    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        torch.mm(one, other)
        best = min(seconds(lambda: _product(one, other), device) for _ in range(5))
    finally:
        torch.set_float32_matmul_precision(before)
    return 2.0 * side**3 / best


def _product(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.mm(one, other)


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _ratio(these: list[float], those: list[float]) -> float:
    return median(one / other for one, other in zip(these, those, strict=True))
