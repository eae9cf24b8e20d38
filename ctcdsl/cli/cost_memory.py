"""`ctcdsl cost --memory`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill
from typing import Any, NamedTuple

import click

from ctcdsl.cli.output import print_json, write_output
from ctcdsl.metrics.tables import Entry, Table, as_json

Writer = Callable[[Table], str]


class MemoryOptions(NamedTuple):
    """The options that are of --memory alone."""

    optimizer: str | None
    fits: str | None
    device: str | None
    timeline: str | None

    def require_memory(self) -> None:
        """Fail where one is given without --memory."""
        for name, value in self._asdict().items():
            if value is not None:
                raise click.UsageError(f"--{name} is of --memory: add it")

    def require_alone(self, others: Mapping[str, object], count: int) -> None:
        """Fail for options that --memory does not go with; `count` is the number of networks."""
        for name, value in others.items():
            if value is not None:
                raise click.UsageError(f"--memory has a table of its own: leave {name} out")
        if self.device == "mcu":
            for name, value in self._asdict().items():
                if name != "device" and value is not None:
                    raise click.UsageError(
                        f"--{name} is of training on a CPU: leave it out with --device mcu"
                    )
        if self.timeline is not None and count != 1:
            raise click.UsageError(f"--timeline draws one network, and there are {count}")


def report_memory(
    entries: Sequence[Entry], options: MemoryOptions, *, layers: bool, form: str, write: Writer
) -> None:
    """Print the memory of networks: their peaks, those of layers, or the batches that fit."""
    from ctcdsl.budgets.units import parse_bytes

    available = None if options.fits is None else parse_bytes(options.fits)
    if options.device == "mcu":
        _report_mcu(entries, layers=layers, form=form, write=write)
        return
    from ctcdsl.metrics import memory_tables as tables
    from ctcdsl.metrics.memory import network_memory

    memories = [
        network_memory(
            entry.cost.network,
            entry.cost.batch,
            precision="bf16" if entry.cost.workload.precision == "bf16" else "float32",
            optimizer="adamw" if options.optimizer == "adamw" else "sgd",
        )
        for entry in entries
    ]
    if options.timeline is not None:
        write_output(memories[0].draw(), options.timeline, "memory over time drawn in")
    if form == "json":
        _print_json(entries, [tables.memory_json(memory, available) for memory in memories])
        return
    exact = form == "csv"
    words = tables.memory_statement(memories[0], images=available is None)
    if available is not None:
        table = tables.fits_table(memories, available, exact=exact)
        words += f" Fits: in {available:,} bytes, kernels included."
        _print([("", table)], words, form, write)
    elif layers:
        _print(_each(memories, tables.memory_layers, exact=exact), words, form, write)
    else:
        _print([("", tables.memory_table(memories, exact=exact))], words, form, write)


def _report_mcu(entries: Sequence[Entry], *, layers: bool, form: str, write: Writer) -> None:
    from ctcdsl.metrics import memory_tables as tables

    memories = [entry.cost.workload.mcu for entry in entries]
    if form == "json":
        _print_json(entries, [tables.mcu_json(memory) for memory in memories])
        return
    exact = form == "csv"
    shown = [("", tables.mcu_table(memories, exact=exact))]
    if layers:
        shown = _each(memories, tables.mcu_layers, exact=exact)
    _print(shown, tables.MCU_STATEMENT, form, write)


def _each(memories: Sequence[Any], table: Any, *, exact: bool) -> list[tuple[str, Table]]:
    """A table of layers for each network under its name; for programs one of all."""
    if exact:
        return [("", table(memories, exact=True))]
    return [(memory.network.name, table([memory])) for memory in memories]


def _print(tables: Sequence[tuple[str, Table]], words: str, form: str, write: Writer) -> None:
    for title, table in tables:
        heading = f"{'### ' if form == 'markdown' else ''}{title}\n" if title else ""
        click.echo(f"{heading}{write(table)}{chr(10) if title else ''}", nl=False)
    text = fill(words, 100)
    click.echo(text if form == "csv" else f"\n{text}", err=form == "csv")


def _print_json(entries: Sequence[Entry], memories: Sequence[dict[str, Any]]) -> None:
    """The report of cost, with the memory of each network."""
    data = as_json(entries, entries[0].cost.network.name)
    for network, memory in zip(data["networks"], memories, strict=True):
        network["memory"] = memory
    print_json(data)
