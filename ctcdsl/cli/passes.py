"""`ctcdsl passes`."""

from __future__ import annotations

from inspect import getdoc

import click

from ctcdsl.cli.options import format_option
from ctcdsl.cli.output import print_json
from ctcdsl.cli.tables import as_text
from ctcdsl.metrics.tables import Table
from ctcdsl.passes import Pass
from ctcdsl.passes.registry import Entry, options, registered, usage
from ctcdsl.syntax.words import suggest
from ctcdsl.text import Diagnostic, UserError


@click.command("passes")
@click.argument("name", required=False)
@format_option("text", "json")
def command(name: str | None, form: str) -> None:
    """List the passes of `rewrite`, or describe one: its options, a row before and after.

    Options in brackets may be left out. A pass that cannot be loaded is reported, and does
    not keep the others from being listed.
    """
    known = registered()
    if name is not None and name not in known:
        meant = suggest(name, tuple(known))
        hint = f" Did you mean {meant!r}?" if meant else ""
        raise click.UsageError(f"There is no pass {name!r}.{hint} `ctcdsl passes` lists them.")
    loaded: list[tuple[Entry, type[Pass]]] = []
    broken: list[Diagnostic] = []
    for entry in known.values() if name is None else [known[name]]:
        try:
            loaded.append((entry, entry.kind))
        except UserError as error:
            broken += error.diagnostics
    if form == "json":
        print_json([_data(*item) for item in loaded])
    elif name is None:
        titles = ("pass", "options", "keeps", "section", "from", "what it does")
        rows = tuple(_row(*item) for item in loaded)
        click.echo(as_text(Table(titles, rows, frozenset(titles))))
    elif loaded:
        click.echo(_about(*loaded[0]))
    if broken:
        raise UserError(*broken)


def _row(entry: Entry, kind: type[Pass]) -> tuple[str, ...]:
    return (
        entry.name,
        usage(options(kind)),
        str(kind.preserves),
        kind.section,
        entry.package,
        kind.summary,
    )


def _about(entry: Entry, kind: type[Pass]) -> str:
    lines = [
        f"{entry.name}, of {entry.package}; section {kind.section}; keeps: {kind.preserves}",
        "",
        getdoc(kind) or kind.summary,
        "",
        *(
            f"  {option.name}: {option.type}"
            + ("" if option.required else f", default {option.default or 'none'}")
            for option in options(kind)
        ),
    ]
    return "\n".join(lines).rstrip()


def _data(entry: Entry, kind: type[Pass]) -> dict[str, object]:
    return {
        "name": entry.name,
        "summary": kind.summary,
        "section": kind.section,
        "preserves": str(kind.preserves),
        "package": entry.package,
        "options": [option._asdict() for option in options(kind)],
    }
