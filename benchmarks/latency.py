"""Predicted and measured times of 40 networks that the table was not fitted to.

    ctcdsl bench --table -o build/device.json
    ctcdsl bench --table --batch 8 -o build/device8.json
    python benchmarks/latency.py build/device.json build/device8.json

Each table has measured these networks when it was made. Beside its predictions stand what
multiply-accumulates alone say, at the rate that fits these very networks best, and what a
roofline says, which adds up each layer's longer time at the device's peaks.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import ctcdsl
from ctcdsl.loading import built_in_specs
from ctcdsl.metrics.catalog import MACS, MACS_FC
from ctcdsl.metrics.latency_metrics import ROOF
from ctcdsl.metrics.latency_table import LatencyTable, read_table


class Row(NamedTuple):
    """A network: milliseconds measured, and by each way to predict."""

    name: str
    measured: float
    table: float
    roofline: float
    macs: float


def rows(table: LatencyTable) -> list[Row]:
    """The held-out networks of a table."""
    costs: dict[str, ctcdsl.Cost] = {}
    for spec in built_in_specs():
        for network in ctcdsl.load_all(spec.name):
            costs.setdefault(network.name, ctcdsl.cost(network, batch=table.batch))
    found = [(one, costs[one.name]) for one in table.held_out]
    counts = [cost.value(MACS) + cost.value(MACS_FC) for _, cost in found]
    rate = median(count / one.measured for count, (one, _) in zip(counts, found, strict=True))
    result = []
    for (one, cost), count in zip(found, counts, strict=True):
        timed = ctcdsl.cost(cost.network, batch=table.batch, latency=table)
        roofs = timed.by_layer(ROOF)
        roofline = sum(max(roof.arithmetic, roof.memory) for roof in roofs)
        times = (one.measured, one.predicted, roofline, count / rate)
        result.append(Row(one.name, *(1e3 * seconds for seconds in times)))
    return result


def print_rows(table: LatencyTable, found: Sequence[Row]) -> None:
    """Print a Markdown table, and what each way to predict is wrong by."""
    print(f"\n### {table.summary}\n")
    print("| network | measured, ms | table | roofline | MACs alone |")
    print("|---|---:|---:|---:|---:|")
    for row in sorted(found, key=lambda row: row.measured):
        shown = [
            f"{predicted / row.measured - 1:+.1%}"
            for predicted in (row.table, row.roofline, row.macs)
        ]
        print(f"| {row.name} | {row.measured:.2f} | {' | '.join(shown)} |")
    means, within = [], []
    for values in (
        [row.table for row in found],
        [row.roofline for row in found],
        [row.macs for row in found],
    ):
        errors = [abs(value / row.measured - 1) for value, row in zip(values, found, strict=True)]
        means.append(f"{sum(errors) / len(errors):.1%}")
        within.append(f"{sum(error <= 0.1 for error in errors) / len(errors):.0%}")
    print(f"| **mean error** | | {' | '.join(means)} |")
    print(f"| **within 10 %** | | {' | '.join(within)} |")
    print(f"\nOperations timed once more at the end differ by {table.repeat:.1%} (median).")


def main() -> None:
    """Print the tables of some devices."""
    parser = argparse.ArgumentParser(description="Predicted and measured times.")
    parser.add_argument("tables", nargs="+", metavar="TABLE.json")
    for path in parser.parse_args().tables:
        table = read_table(path)
        print_rows(table, rows(table))


if __name__ == "__main__":
    main()
