"""Results on standard output, diagnostics on standard error, as every command shows them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Collection, Iterable

import click

from ctcdsl.storage.atomic import write_atomic, write_error
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


def require_writable(file: str) -> None:
    """Fail for a file that could not be written, before work that may take hours.

    Raises:
        UserError: CTC608 where its folder is missing, or a folder is in its place.
    """
    folder = os.path.dirname(file) or os.curdir
    number = 0
    if os.path.isdir(file):
        number = errno.EISDIR
    elif not os.path.exists(folder):
        number = errno.ENOENT
    elif not os.path.isdir(folder):
        number = errno.ENOTDIR
    elif not os.access(folder, os.W_OK):
        number = errno.EACCES
    if number:
        raise write_error(OSError(number, os.strerror(number)), file)


PER_NETWORK = ("CTC901", "CTC902", "CTC903", "CTC906", "CTC907", "CTC933")
"""Notes on single networks: of many networks, one line for all is enough."""


def print_json(data: object) -> None:
    """Print plain data as JSON."""
    import json

    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_diagnostics(diagnostics: Iterable[Diagnostic], *, collapse: Collection[str] = ()) -> None:
    """Print diagnostics, then their count.

    Those with a code in `collapse` are printed as one line for all, with their number: a cost
    table of 14 networks needs no 14 equal notes.
    """
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    listed = list(diagnostics)
    collapsed: dict[str, list[Diagnostic]] = {}
    for diagnostic in listed:
        if diagnostic.code in collapse:
            collapsed.setdefault(diagnostic.code, []).append(diagnostic)
        else:
            click.echo(render(diagnostic, colour=colour), err=True)
    for first, *others in collapsed.values():
        more = f" (and {len(others)} more like it)" if others else ""
        click.echo(f"{first.severity}[{first.code}]: {first.message}{more}", err=True)
    total = summary(listed)
    if total:
        click.echo(total, err=True)
