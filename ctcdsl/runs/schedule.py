"""When a checkpoint is due inside an epoch."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from ctcdsl.text.plural import plural

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Interval:
    """A number of seconds, or of steps; the other is None."""

    seconds: float | None = None
    steps: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``10min``, ``600s``, ``1.5h``, or ``500``, which are steps.

        Raises:
            ValueError: for anything else, an empty text included.
        """
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|steps?)?", text.strip())
        if match is None:
            raise ValueError(text)
        number, unit = match[1], match[2] or "steps"
        if unit in _UNITS:
            interval = cls(seconds=float(number) * _UNITS[unit])
        else:
            interval = cls(steps=int(number) if number.isdecimal() else 0)
        if not (interval.seconds or interval.steps):
            raise ValueError(text)
        return interval

    def __str__(self) -> str:
        if self.steps is not None:
            return plural(self.steps, "step")
        return f"{self.seconds:g}s"


TEN_MINUTES = Interval(seconds=600.0)


class CheckpointSchedule:
    """Whether a checkpoint is due after a step; `clock` returns seconds."""

    def __init__(self, interval: Interval, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval, self._clock = interval, clock
        self.reset()

    def reset(self) -> None:
        """A checkpoint was written: count from now."""
        self._start, self._steps = self._clock(), 0

    def is_due(self) -> bool:
        """Called after each step: whether to save now."""
        self._steps += 1
        if self._interval.steps is not None:
            return self._steps >= self._interval.steps
        seconds = self._interval.seconds
        return seconds is not None and self._clock() - self._start >= seconds
