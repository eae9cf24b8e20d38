"""`ctcdsl specs`."""

from __future__ import annotations

from typing import Any

import click

from ctcdsl.cli.options import format_option
from ctcdsl.cli.output import print_diagnostics, print_json
from ctcdsl.cli.tables import as_text
from ctcdsl.loading import BuiltIn, built_in_specs, check_spec, find_spec
from ctcdsl.metrics import network_cost
from ctcdsl.metrics.tables import Table

_TITLES = ("name", "network", "depth", "MACs", "parameters", "source")


@click.command("specs")
@click.argument("name", required=False)
@format_option("table", "json")
def command(name: str | None, form: str) -> None:
    """List the built-in networks, or print the spec of one.

    Every command takes these names where it takes a file: `ctcdsl cost resnet50`. A file
    NAME.ctc in the current folder comes before the built-in network NAME.
    """
    if name is not None:
        found = find_spec(name)
        print_diagnostics(found.notes)
        click.echo(found.source.text, nl=False)
        return
    specs = [_data(spec) for spec in built_in_specs()]
    if form == "json":
        print_json(specs)
        return
    rows = tuple(_row(**spec) for spec in specs)
    click.echo(as_text(Table(_TITLES, rows, frozenset({"name", "network", "source"}))), nl=False)


def _data(spec: BuiltIn) -> dict[str, Any]:
    source = spec.read()
    costs = map(network_cost, check_spec(source).networks)
    return {
        "name": spec.name,
        "group": spec.group,
        "source": spec.title,
        "networks": [
            {
                "name": cost.network.name,
                "depth": cost.depth,
                "macs": cost.macs,
                "params": cost.params,
            }
            for cost in costs
        ],
    }


def _row(*, name: str, networks: list[dict[str, Any]], source: str, **_: str) -> tuple[str, ...]:
    """A row of the table; for a spec of several networks it says how many."""
    if len(networks) > 1:
        return name, f"{len(networks)} networks", "", "", "", source
    (net,) = networks
    return name, net["name"], str(net["depth"]), f"{net['macs']:,}", f"{net['params']:,}", source
