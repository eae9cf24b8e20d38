"""`ctcdsl diff`."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any, NamedTuple

import click

from ctcdsl import api, designs
from ctcdsl.checking import Network
from ctcdsl.cli.inputs import LoadedNetwork, assignments, load_networks, or_stdin
from ctcdsl.cli.options import Values, format_option, input_option, values_option
from ctcdsl.cli.output import print_json
from ctcdsl.cli.tables import as_csv, as_markdown, as_text
from ctcdsl.ir import Shape
from ctcdsl.loading import select
from ctcdsl.metrics.catalog import DEFAULT, find_metrics, statement
from ctcdsl.metrics.difference import Difference
from ctcdsl.metrics.difference_tables import as_json, changes, records, totals
from ctcdsl.metrics.metric import Metric
from ctcdsl.text import error
from ctcdsl.text.files import STDIN, read_source

_ORDER = ("before", "after")
"""What the two are called where nothing else tells them apart."""


class _Side(NamedTuple):
    """One of the two networks: what it is called, and where it came from."""

    network: Network
    file: str
    name: str


@click.command("diff")
@click.argument("files", nargs=-1)
@click.option(
    "--net",
    "nets",
    multiple=True,
    metavar="NAME",
    help="Which network, where a spec holds several; twice for two of one spec.",
)
@click.option(
    "--pass",
    "passes",
    multiple=True,
    metavar="NAME[:k=v,…]",
    help="Compare one network before and after a rewrite; may be repeated.",
)
@click.option("--all", "every", is_flag=True, help="Show equal layers too.")
@click.option(
    "--metrics",
    "names",
    metavar="NAME,…",
    help="What to compare instead of MACs and parameters: as of `cost`; or all.",
)
@click.option(
    "--exit-code", is_flag=True, help="Exit with 1 where the networks differ, as `git diff` does."
)
@input_option
@values_option
@format_option("table", "markdown", "csv", "json")
def command(
    files: tuple[str, ...],
    nets: tuple[str, ...],
    passes: tuple[str, ...],
    every: bool,
    names: str | None,
    exit_code: bool,
    shape: Shape | None,
    values: Values,
    form: str,
) -> int:
    """Compare two networks layer by layer: what changed, and what it costs.

    Two specs, by file or by name; two networks of one spec; one spec as it is and with other
    values, `-D w=64`; or a network before and after a rewrite, `--pass`.
    """
    metrics = find_metrics(names.split(",")) if names is not None else ()
    before, after = _sides(files, nets, passes, shape, values)
    difference = api.diff(before.network, after.network, names=_names(before, after))
    if form == "json":
        print_json(as_json(difference, (before.file, after.file), metrics))
    elif form == "csv":
        click.echo(as_csv(records(difference, metrics)), nl=False)
    else:
        _print(difference, form, metrics, every=every)
    return int(exit_code and not difference.equal)


def _sides(
    files: Sequence[str],
    nets: Sequence[str],
    passes: Sequence[str],
    shape: Shape | None,
    values: Values,
) -> tuple[_Side, _Side]:
    """The two networks that the arguments mean."""
    if len(files) > 2 or len(nets) > 2:
        raise click.UsageError("two networks are compared at a time")
    if len(files) == 2 and passes:
        raise click.UsageError("--pass compares one network with its rewrite: name one spec")
    once = dict.fromkeys(or_stdin(files))  # standard input is there once
    specs = [read_source(file) if file == STDIN else file for file in once]
    loaded = load_networks(specs, input=shape, values=values, notes=False)
    if len(files) == 2:
        one, other = (_of_file(loaded, file) for file in files)
        first, last = (nets[0], nets[-1]) if nets else (None, None)
        return _chosen(one, first, files[0]), _chosen(other, last, files[1])
    (file,) = or_stdin(files)
    if passes:
        before = _chosen(loaded, nets[0] if nets else None, file)
        after = designs.rewrite(before.network, *passes).network
        return before, before._replace(network=after)
    if values and len(nets) < 2:
        given = _chosen(loaded, nets[0] if nets else None, file)
        own = load_networks(specs, input=shape, notes=False)
        title = " ".join([given.name, *assignments(dict(values))])
        return _chosen(own, given.name, file), given._replace(name=title)
    return _two_of_one(loaded, nets, file)


def _of_file(loaded: Sequence[LoadedNetwork], file: str) -> list[LoadedNetwork]:
    return [each for each in loaded if each.file == file]


def _chosen(loaded: Sequence[LoadedNetwork], name: str | None, file: str) -> _Side:
    network = select([each.network for each in loaded], name, file)
    return _Side(network, file, network.name)


def _two_of_one(
    loaded: Sequence[LoadedNetwork], nets: Sequence[str], file: str
) -> tuple[_Side, _Side]:
    names = list(nets) or [each.network.name for each in loaded]
    if len(names) == 1:
        raise click.UsageError(
            f"{file} is one network: name a second spec or `--net`, or say what changes,"
            " `-D NAME=VALUE` or `--pass NAME`"
        )
    if len(names) > 2:
        raise error(
            "CTC111",
            f"the spec has {len(names)} networks: {', '.join(names)}",
            path=file,
            hint="choose two: `--net NAME --net NAME`",
        )
    return _chosen(loaded, names[0], file), _chosen(loaded, names[1], file)


def _names(before: _Side, after: _Side) -> tuple[str, str]:
    """What tells the two apart: their names, else their files, else the order."""
    if before.name != after.name:
        return before.name, after.name
    if before.file != after.file:
        return before.file, after.file
    return _ORDER


def _print(
    difference: Difference, form: str, metrics: Sequence[Metric[Any]], *, every: bool
) -> None:
    """The changes, the totals, and how they are counted."""
    write = as_markdown if form == "markdown" else as_text
    if difference.equal:
        names = difference.names
        if names == _ORDER:
            names = (difference.before.network.name, difference.after.network.name)
        click.echo(f"{names[0]} and {names[1]} are equal: the same layers on the same maps")
        if not every:
            return
    headers = [f"{name}: {old} → {new}\n" for name, (old, new) in difference.headers.items()]
    if headers:
        click.echo("".join(headers))
    click.echo(write(changes(difference, metrics, every=every)))
    click.echo(write(totals(difference, metrics)))
    click.echo(fill(statement(metrics or DEFAULT, difference.before.workload), 100))
