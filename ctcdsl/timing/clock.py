"""The clocks of measurements.

One thread on a CPU is timed by the processor time that the system counts for it. That is the
elapsed time of a machine with nothing else to do: while other programs have the processor, it
stands still. They still share caches and memory with what is measured, so it is not free of them.
With more threads, or on a GPU, only elapsed time says how long something takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import NamedTuple

import torch


class Clock(NamedTuple):
    """Reads seconds; `title` says which, and `finish` waits until a device is done."""

    title: str
    now: Callable[[], float]
    finish: Callable[[], None]

    def time(self, run: Callable[[], object]) -> tuple[float, float]:
        """The seconds that `run` takes by this clock, and those that pass meanwhile."""
        self.finish()
        begin, start = time.perf_counter(), self.now()
        run()
        self.finish()
        return self.now() - start, time.perf_counter() - begin


def clock_for(device: torch.device, threads: int) -> Clock:
    """The clock for so many threads on a device."""
    if device.type == "cuda":
        return Clock("elapsed time", time.perf_counter, torch.cuda.synchronize)
    if threads > 1:
        return Clock("elapsed time", time.perf_counter, _done)
    return Clock("processor time", time.thread_time, _done)


def _done() -> None:
    """A CPU has computed what it was given when a call returns."""


class Sample(NamedTuple):
    """Repeated measurements of one thing, in seconds."""

    times: tuple[float, ...]
    elapsed: tuple[float, ...]
    """The elapsed times of the same runs."""

    @property
    def median(self) -> float:
        """Half of the runs took less."""
        return median(self.times)

    @property
    def quartiles(self) -> tuple[float, float]:
        """A quarter of the runs took less than the first, a quarter more than the second."""
        if len(self.times) == 1:
            return self.times[0], self.times[0]
        low, _, high = quantiles(self.times, n=4, method="inclusive")
        return low, high

    @property
    def spread(self) -> float:
        """The range of the middle half, as a share of the median."""
        low, high = self.quartiles
        return (high - low) / self.median
