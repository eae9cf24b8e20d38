"""`ctcdsl specs`."""

from __future__ import annotations

import re
from itertools import takewhile

import click

from ctcdsl.cli.options import format_option
from ctcdsl.cli.tables import as_text
from ctcdsl.loading import BuiltIn, built_in_specs, check_spec, find_spec
from ctcdsl.metrics import network_cost
from ctcdsl.metrics.tables import Table

_PUBLISHED = re.compile(r".*?\b\d{4}\b(?: \([^)]*\))?(?:, (?:Table|Figure) \d+)?")
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
        click.echo(find_spec(name).source.text, nl=False)
        return
    specs = built_in_specs()
    if form == "json":
        import json

        click.echo(json.dumps([_data(spec) for spec in specs], indent=2, ensure_ascii=False))
        return
    rows = tuple(row for spec in specs for row in _rows(spec))
    click.echo(as_text(Table(_TITLES, rows, frozenset({"name", "network", "source"}))), nl=False)


def _rows(spec: BuiltIn) -> list[tuple[str, ...]]:
    """One row a spec; a table of several networks says how many."""
    source = spec.read()
    costs = [network_cost(network) for network in check_spec(source).networks]
    if len(costs) > 1:
        return [(spec.name, f"{len(costs)} networks", "", "", "", _title(source.text))]
    (cost,) = costs
    numbers = (str(cost.depth), f"{cost.macs:,}", f"{cost.params:,}")
    return [(spec.name, cost.network.name, *numbers, _title(source.text))]


def _data(spec: BuiltIn) -> dict[str, object]:
    source = spec.read()
    costs = [network_cost(network) for network in check_spec(source).networks]
    networks = [
        {"name": c.network.name, "depth": c.depth, "macs": c.macs, "params": c.params}
        for c in costs
    ]
    return {
        "name": spec.name,
        "group": spec.group,
        "source": _title(source.text),
        "networks": networks,
    }


def _title(text: str) -> str:
    """Where a network was published, by the comment that its spec begins with."""
    comment = " ".join(line.lstrip("# ") for line in takewhile(_is_comment, text.split("\n")))
    found = _PUBLISHED.match(comment)
    return found[0] if found else comment.partition(". ")[0]


def _is_comment(line: str) -> bool:
    return line.startswith("#")
