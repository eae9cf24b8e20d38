"""Results on standard output, diagnostics on standard error, as every command shows them."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable

import click

from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text import Diagnostic
from ctcdsl.text.files import STDIN
from ctcdsl.text.render import render, summary


def write_output(text: str, file: str | None, done: str) -> None:
    """Write a result to a file, and say `done FILE`; without one to standard output."""
    if file is None or file == STDIN:
        click.echo(text, nl=False)
    else:
        write_atomic(file, text.encode())
        click.echo(f"{done} {file}", err=True)


def show(diagnostics: Iterable[Diagnostic], *, fold: Collection[str] = ()) -> None:
    """Print diagnostics, then their count.

    Those with a code in `fold` are printed as one line for all, with their number: a cost
    table of 14 networks needs no 14 equal notes.
    """
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    found = list(diagnostics)
    folded: dict[str, list[Diagnostic]] = {}
    for diagnostic in found:
        if diagnostic.code in fold:
            folded.setdefault(diagnostic.code, []).append(diagnostic)
        else:
            click.echo(render(diagnostic, colour=colour), err=True)
    for first, *others in folded.values():
        more = f" (and {len(others)} more like it)" if others else ""
        click.echo(f"{first.severity}[{first.code}]: {first.message}{more}", err=True)
    total = summary(found)
    if total:
        click.echo(total, err=True)
