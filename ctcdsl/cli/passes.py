"""`ctcdsl passes`."""

from __future__ import annotations

from inspect import getdoc

import click

from ctcdsl.cli.tables import as_text
from ctcdsl.cost.report import Table
from ctcdsl.passes.registry import Entry, options, registered
from ctcdsl.syntax.words import suggest


@click.command("passes")
@click.argument("name", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print the passes.",
)
def command(name: str | None, form: str) -> None:
    """List the passes of `rewrite`, or tell about one: its options, a row before and after."""
    known = registered()
    if name is not None and name not in known:
        meant = suggest(name, tuple(known))
        hint = f" Did you mean {meant!r}?" if meant else ""
        raise click.UsageError(f"There is no pass {name!r}.{hint} `ctcdsl passes` lists them.")
    if form == "json":
        import json

        chosen = known.values() if name is None else [known[name]]
        click.echo(json.dumps([_data(entry) for entry in chosen], indent=2, ensure_ascii=False))
    elif name is not None:
        click.echo(_about(known[name]))
    else:
        titles = ("pass", "options", "keeps", "section", "from", "what it does")
        rows = tuple(_row(entry) for entry in known.values())
        click.echo(as_text(Table(titles, rows, frozenset(titles))))


def _row(entry: Entry) -> tuple[str, ...]:
    kind = entry.kind
    return (
        entry.name,
        ", ".join(_usage(entry)),
        str(kind.preserves),
        kind.section,
        entry.package,
        kind.summary,
    )


def _usage(entry: Entry) -> list[str]:
    return [
        f"{option.name}=…" if option.default is None else f"{option.name}={option.default}"
        for option in options(entry.kind)
    ]


def _about(entry: Entry) -> str:
    kind = entry.kind
    lines = [
        f"{entry.name}, of {entry.package}; section {kind.section}; keeps: {kind.preserves}",
        "",
        getdoc(kind) or kind.summary,
        "",
        *(
            f"  {option.name}: {option.type}"
            + ("" if option.default is None else f", {option.default} unless told")
            for option in options(kind)
        ),
    ]
    return "\n".join(lines).rstrip()


def _data(entry: Entry) -> dict[str, object]:
    kind = entry.kind
    return {
        "name": entry.name,
        "summary": kind.summary,
        "section": kind.section,
        "preserves": str(kind.preserves),
        "package": entry.package,
        "options": [option._asdict() for option in options(kind)],
    }
