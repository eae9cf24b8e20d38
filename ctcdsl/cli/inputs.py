"""The specs named on a command line, read and checked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import click

from ctcdsl.checking import Network
from ctcdsl.cli.options import Values
from ctcdsl.cli.report import PER_NETWORK, print_diagnostics
from ctcdsl.ir import Shape
from ctcdsl.loading import check_spec, select
from ctcdsl.syntax.words import suggest
from ctcdsl.text import Diagnostic, Severity
from ctcdsl.text.files import STDIN


class LoadedNetwork(NamedTuple):
    """A checked network and the file it came from."""

    file: str
    network: Network


def or_stdin(files: Sequence[str]) -> tuple[str, ...]:
    """The files named, or standard input when something is piped in."""
    if files:
        return tuple(files)
    if sys.stdin is not None and not sys.stdin.isatty():
        return (STDIN,)
    raise click.UsageError("name a spec, or `-` for standard input")


_CAUSES = ("CTC922", "CTC924", "CTC951")
"""What explains errors: warnings of swapped numbers, and which file a name means."""


def check_files(
    specs: Iterable[str], *, input: Shape | None = None, values: Values = ()
) -> tuple[list[LoadedNetwork], list[Diagnostic], bool]:
    """Check every spec; one that cannot be read does not keep the others from it.

    Returns the checked networks, all diagnostics, and whether any is an error.
    """
    networks: list[LoadedNetwork] = []
    diagnostics: list[Diagnostic] = []
    failed = False
    parameters: set[str] = set()
    for spec in specs:
        report = check_spec(spec, input=input, values=dict(values))
        networks += [LoadedNetwork(spec, network) for network in report.networks]
        # Beside errors, notes and most warnings only distract.
        diagnostics += (
            d
            for d in report.diagnostics
            if report.ok or d.severity is Severity.ERROR or d.code in _CAUSES
        )
        failed = failed or not report.ok
        parameters.update(report.parameters)
    if not failed:
        _require_known(dict(values), parameters)
    return networks, diagnostics, failed


def _require_known(names: Iterable[str], known: Iterable[str]) -> None:
    """Fail for a `-D` that no spec has a `let` for: a typo would otherwise change nothing."""
    for name in names:
        if name not in known:
            meant = suggest(name, tuple(known))
            hint = f"; did you mean `{meant}`?" if meant else ""
            raise click.UsageError(f"-D {name}: no spec has a `let {name}`{hint}")


def load_networks(
    files: Iterable[str],
    *,
    input: Shape | None = None,
    values: Values = (),
    notes: bool = True,
) -> list[LoadedNetwork]:
    """The networks of files that are right; exits with 1 after showing what is wrong.

    Without `notes` only errors and warnings are shown.
    """
    networks, diagnostics, failed = check_files(files, input=input, values=values)
    shown = [d for d in diagnostics if notes or d.severity is not Severity.NOTE]
    print_diagnostics(shown, collapse=PER_NETWORK)
    if failed:
        raise click.exceptions.Exit(1)
    return networks


def load_network(
    spec: str | None,
    net: str | None,
    *,
    input: Shape | None = None,
    values: Values = (),
    notes: bool = True,
) -> Network:
    """The network of the spec named on the command line, or of standard input."""
    (file,) = or_stdin([spec] if spec else [])
    loaded = load_networks([file], input=input, values=values, notes=notes)
    return select([network for _, network in loaded], net, file)
