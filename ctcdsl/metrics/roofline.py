"""Under which roof of its device each layer is: that of arithmetic, or that of memory.

A device that computes so many multiply-accumulates in a second, and moves so many bytes, takes at
least the longer of both times for a layer (Williams, Waterman & Patterson 2009). Bytes are those of
`traffic`: what a layer reads that a cache still holds comes faster, and may exceed the roof.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ctcdsl.metrics.latency_table import Peaks


class Roof(NamedTuple):
    """Seconds of a layer: for its arithmetic and its bytes at the device's peaks, and predicted."""

    arithmetic: float
    memory: float
    seconds: float

    @property
    def bound(self) -> str:
        """The roof above it: what takes longer at its peak."""
        return "arithmetic" if self.arithmetic > self.memory else "memory"

    @property
    def share(self) -> float:
        """How much of what the roof allows is reached."""
        return max(self.arithmetic, self.memory) / self.seconds if self.seconds else 0.0

    def __bool__(self) -> bool:
        return self.seconds > 0


def roof(macs: int, bytes: int, seconds: float, peaks: Peaks) -> Roof:
    """The roof of what computes so many multiply-accumulates on so many bytes."""
    return Roof(macs / peaks.macs, bytes / peaks.bytes, seconds)


def together(roofs: Sequence[Roof]) -> Roof:
    """The roof of several layers, one after another."""
    return Roof(
        sum(each.arithmetic for each in roofs),
        sum(each.memory for each in roofs),
        sum(each.seconds for each in roofs),
    )


def roof_text(value: Roof) -> str:
    """Roof and share: `memory 43%`."""
    return f"{value.bound} {100 * value.share:.0f}%"
