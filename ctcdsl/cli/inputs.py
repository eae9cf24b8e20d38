"""The specs named on a command line: read, checked, and refused when wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from math import isfinite, nan
from typing import NamedTuple

import click

from ctcdsl.checking import Network, Report, check_source
from ctcdsl.cli.report import show
from ctcdsl.ir import Shape
from ctcdsl.loading import Found, find_spec, select
from ctcdsl.syntax.words import suggest
from ctcdsl.text import Diagnostic, Severity, Source, UserError
from ctcdsl.text.files import STDIN


class Named(NamedTuple):
    """A checked network and the file it came from."""

    file: str
    network: Network


def input_shape(text: str) -> Shape:
    """Read the option `--input`: `3x224x224`, or `224` for a square colour image."""
    parts = text.replace("×", "x").split("x")
    fine = all(part.isascii() and part.isdigit() and 0 < int(part[:9]) <= 65_536 for part in parts)
    if not fine or len(parts) not in (1, 3):
        raise click.BadParameter(f"{text!r} is no input: write 3x224x224, or 224")
    numbers = [int(part) for part in parts]
    return Shape(*numbers) if len(numbers) == 3 else Shape(3, numbers[0], numbers[0])


def parameter(text: str) -> tuple[str, float]:
    """Read the option `-D`: `w=64`."""
    name, equals, value = text.partition("=")
    try:
        number = float(value) if "." in value else int(value)
    except ValueError:
        number = nan
    if not equals or not name.isidentifier() or not isfinite(number):
        raise click.BadParameter(f"{text!r} gives no parameter a value: write w=64")
    return name, number


values_option = click.option(
    "-D",
    "values",
    type=parameter,
    multiple=True,
    metavar="NAME=VALUE",
    help="Give a `let` of the spec another value; may be repeated.",
)

Values = tuple[tuple[str, float], ...]


def or_stdin(files: Sequence[str]) -> tuple[str, ...]:
    """The files named, or standard input when something is piped in."""
    if files:
        return tuple(files)
    if sys.stdin is not None and not sys.stdin.isatty():
        return (STDIN,)
    raise click.UsageError("name a spec, or `-` for standard input")


_CAUSES = ("CTC922", "CTC924")
"""Warnings of swapped numbers: they explain the errors that follow from them."""


def check_files(
    files: Iterable[str | Source | Found], *, input: Shape | None = None, values: Values = ()
) -> tuple[list[Named], list[Diagnostic], bool]:
    """Check every file; one that cannot be read does not keep the others from it.

    Returns the checked networks, all diagnostics, and whether any is an error.
    """
    networks: list[Named] = []
    diagnostics: list[Diagnostic] = []
    failed = False
    given = dict(values)
    known: set[str] = set()
    for file in files:
        try:
            found = _found(file)
            report = check_source(found.source, input=input, values=given)
            if found.network is not None:
                report = report.only(found.network)
            diagnostics += found.notes
        except UserError as error:
            report = Report((), error.diagnostics)
        name = file if isinstance(file, str) else _found(file).source.name
        networks += [Named(name, network) for network in report.networks]
        # Beside errors, notes and most warnings only distract.
        diagnostics += (
            d
            for d in report.diagnostics
            if not report.failed or d.severity is Severity.ERROR or d.code in _CAUSES
        )
        failed = failed or report.failed
        known.update(report.parameters)
    if not failed:
        _refuse_unknown(given, known)
    return networks, diagnostics, failed


def _found(file: str | Source | Found) -> Found:
    if isinstance(file, Found):
        return file
    return Found(file) if isinstance(file, Source) else find_spec(file)


def _refuse_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a `-D` that no spec has a `let` for: a slip would otherwise change nothing."""
    for name in given:
        if name not in known:
            meant = suggest(name, tuple(known))
            hint = f"; did you mean `{meant}`?" if meant else ""
            raise click.UsageError(f"-D {name}: no spec has a `let {name}`{hint}")


def checked_or_exit(
    files: Iterable[str | Source | Found],
    *,
    input: Shape | None = None,
    values: Values = (),
    notes: bool = True,
) -> list[Named]:
    """The networks of files that are right; exits with 1 after showing what is wrong.

    Without `notes` only errors and warnings are shown.
    """
    networks, diagnostics, failed = check_files(files, input=input, values=values)
    shown = [d for d in diagnostics if notes or d.severity is not Severity.NOTE]
    show(shown, fold=("CTC901", "CTC902", "CTC903", "CTC906", "CTC907"))
    if failed:
        raise click.exceptions.Exit(1)
    return networks


def pick(networks: Sequence[Named], name: str | None, file: str) -> Network:
    """The network of a spec: its only one, or the one named (CTC111 where there is none)."""
    return select([each.network for each in networks], name, file)
