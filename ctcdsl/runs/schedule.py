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
    """So many seconds, or so many steps; the other is None."""

    seconds: float | None = None
    steps: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``10min``, ``600s``, ``1.5h``, or ``500``, which are steps.

        Raises:
            ValueError: for anything else, and for nothing at all.
        """
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|steps?)?", text.strip())
        if match is None:
            raise ValueError(text)
        number, unit = match[1], match[2] or "steps"
        if unit in _UNITS:
            every = cls(seconds=float(number) * _UNITS[unit])
        else:
            every = cls(steps=int(number) if number.isdecimal() else 0)
        if not (every.seconds or every.steps):
            raise ValueError(text)
        return every

    def __str__(self) -> str:
        if self.steps is not None:
            return plural(self.steps, "step")
        return f"{self.seconds:g}s"


TEN_MINUTES = Interval(seconds=600.0)


class CheckpointSchedule:
    """Tells after each step whether a checkpoint is due; `clock` gives seconds."""

    def __init__(self, every: Interval, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._clock = every, clock
        self.reset()

    def reset(self) -> None:
        """A checkpoint was written: count from now."""
        self._since, self._steps = self._clock(), 0

    def is_due(self) -> bool:
        """A step is done: whether to save now."""
        self._steps += 1
        if self._every.steps is not None:
            return self._steps >= self._every.steps
        return self._every.seconds is not None and (
            self._clock() - self._since >= self._every.seconds
        )
