"""A table of latencies that nobody measured: its laws are linear, so times follow by hand."""

from __future__ import annotations

from functools import cache

from ctcdsl.metrics.latency_table import HeldOut, LatencyTable, Peaks
from ctcdsl.metrics.operation_time import Counts, Law, kind_of, proportions_of
from ctcdsl.timing.random_operations import random_operations

HOT: Counts = (1e-5, 2e-5, 1e-4, 1e-4, 1e-3)
"""10 µs, 50 GMACs/s, and so on; all twice as much cold."""
COLD: Counts = (2e-5, 4e-5, 2e-4, 2e-4, 2e-3)


@cache
def _laws() -> dict[str, Law]:
    laws: dict[str, Law] = {}
    for node in random_operations(share=0.01):
        size = len(proportions_of(node, 1))
        flat = (1.0,) * size
        wide = tuple(100.0 * one for one in flat)
        narrow = tuple(-one for one in wide)
        laws[kind_of(node)] = Law(HOT, COLD, flat, (), (), (), narrow, wide)
    return laws


def linear_table(**changes: object) -> LatencyTable:
    """A table of this machine for one image, with some values changed."""
    from ctcdsl.metrics.machine import processor_name, torch_version

    table = LatencyTable(
        processor=processor_name(),
        torch=torch_version() or "",
        threads=1,
        batch=1,
        clock="processor time",
        cache=1 << 20,
        peaks=Peaks(macs=50e9, bytes=10e9),
        laws=_laws(),
        held_out=(HeldOut("One", 0.010, 0.0105), HeldOut("Other", 0.020, 0.017)),
        repeat=0.02,
    )
    return table._replace(**changes)  # type: ignore[arg-type]
