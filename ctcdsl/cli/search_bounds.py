"""The options of `ctcdsl search` that bound metrics, and the budget that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ctcdsl.budgets import Budget

BOUNDS = {
    "macs": '"<=1.0*A", "0.98..1.02*A"',
    "params": '"<=60M"',
    "depth": '">=8"',
    "activation-bytes": '"<=1.5*A"',
    "memory": '"<=256KB", of --device',
    "latency": '"<=5ms", of --table',
}
"""The options that bound a metric, each with an example; a budget has the other keys too."""


def bound_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each metric that searches bound most."""
    for name, example in reversed(BOUNDS.items()):
        option = click.option(
            f"--{name}", metavar="BOUND", multiple=True, help=f"Bound {name}: {example}."
        )
        command = option(command)
    return command


def budget_of(
    file: str | None, bounds: Mapping[str, Sequence[str]], table: str | None, device: str
) -> Budget:
    """The bounds of a file and of options together; `table` and `device` say what they are of.

    Raises:
        UserError: A bound, the file or the table is wrong.
    """
    from ctcdsl.budgets import Budget

    conditions: dict[str, Any] = {}
    if table is not None:
        from ctcdsl.metrics.latency_table import read_table

        conditions["latencies"] = read_table(table)
    named = dict(bounds)
    if device == "mcu" and "memory" in named:
        named["mcu-memory"] = named.pop("memory")
    start = Budget(conditions=conditions) if file is None else Budget.read(file, conditions)
    return start.with_bounds(named)
