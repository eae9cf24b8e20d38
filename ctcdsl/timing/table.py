"""Builds this device's table of latencies: measures operations, fits laws, tests them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import median

import torch

from ctcdsl.metrics.latency_table import LatencyTable
from ctcdsl.metrics.machine import processor_name
from ctcdsl.metrics.metric import time_text
from ctcdsl.metrics.tables import Table
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text import error
from ctcdsl.timing.bench import Progress, steady
from ctcdsl.timing.clock import Clock, clock_for
from ctcdsl.timing.fit import fit_laws
from ctcdsl.timing.held_out import NAMES, compare, held_out_networks, time_held_out
from ctcdsl.timing.operations import OperationTime, time_operations
from ctcdsl.timing.peaks import measure_peaks
from ctcdsl.timing.random_operations import random_operations

_CPU = torch.device("cpu")
_USUAL_CACHE = 1 << 20
"""Bytes of a core's own cache where the system does not tell."""
_REPEATED = 40
_MOST_DIFFERENCE = 0.1
"""How much half of the repeated operations may differ, for a table to be worth anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableConfig:
    """What a table is made for; `share` is that of the usual number of operations."""

    batch: int = 1
    threads: int = 1
    held_out: Sequence[str] = NAMES
    share: float = 1.0


def build_table(config: TableConfig, progress: Progress = lambda _: None) -> LatencyTable:
    """Measure this device's table, in about a minute for one image.

    Raises:
        UserError: CTC735 where the same operations took different times at beginning and end.
    """
    clock = clock_for(_CPU, config.threads)
    with steady(_CPU, config.threads):
        progress("peaks of arithmetic and memory")
        peaks = measure_peaks(clock)
        times = time_operations(
            random_operations(share=config.share), config.batch, clock, progress
        )
        networks = held_out_networks(config.held_out)
        measured = time_held_out(networks, config.batch, clock, progress)
        repeat = _repeat(times, config.batch, clock)
    laws = fit_laws(times, config.batch, progress)
    table = LatencyTable(
        processor=processor_name(),
        torch=torch.__version__,
        threads=config.threads,
        batch=config.batch,
        clock=clock.title,
        cache=_core_cache(),
        peaks=peaks,
        laws=laws,
        held_out=(),
        repeat=repeat,
    )
    return table._replace(held_out=compare(networks, measured, table))


def write_table(table: LatencyTable, path: str | os.PathLike[str]) -> None:
    """Write a table as JSON.

    Raises:
        UserError: CTC608 where the file cannot be written.
    """
    content = table.as_json()
    laws = content.pop("laws")
    # A line for each law: the file is to be looked at, and not to be longer than it must.
    head = json.dumps(content, indent=1, ensure_ascii=False)[:-2]
    lines = (
        f"  {json.dumps(kind)}: {json.dumps(law, separators=(',', ':'))}"
        for kind, law in laws.items()
    )
    text = f'{head},\n "laws": {{\n' + ",\n".join(lines) + "\n }\n}\n"
    write_atomic(path, text.encode())


def held_out_rows(table: LatencyTable) -> Table:
    """One row for each network that the table was tested on."""
    return Table(
        titles=("network", "measured", "predicted", "error"),
        rows=tuple(
            (
                network.name,
                time_text(network.measured),
                time_text(network.predicted),
                f"{100 * network.error:+.1f}%",
            )
            for network in table.held_out
        ),
        left=frozenset({"network"}),
    )


def _repeat(times: Sequence[OperationTime], batch: int, clock: Clock) -> float:
    """How much operations that are spread over the table differ when they are timed once more."""
    some = times[:: max(1, len(times) // _REPEATED)]
    again = time_operations([one.node for one in some], batch, clock, lambda _: None)
    difference = median(
        abs(log(after.hot / before.hot)) for before, after in zip(some, again, strict=True)
    )
    if difference > _MOST_DIFFERENCE:
        raise error(
            "CTC735",
            f"this machine is too busy to be measured: the same operations took"
            f" {100 * difference:.0f}% more or less time a minute later",
            notes=(f"a median of up to {100 * _MOST_DIFFERENCE:.0f}% is accepted",),
            hint="end other programs, and try again",
        )
    return difference


def _core_cache() -> int:
    """Bytes of the second-level cache."""
    try:
        size = os.sysconf("SC_LEVEL2_CACHE_SIZE")
    except (ValueError, OSError):
        size = 0
    return size if size > 0 else _USUAL_CACHE
