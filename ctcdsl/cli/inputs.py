"""The specs named on a command line, read and checked."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import click

from ctcdsl.checking import Network
from ctcdsl.cli.options import Sweep, Values
from ctcdsl.cli.output import PER_NETWORK, print_diagnostics
from ctcdsl.elaborate.definitions import NO_VALUES
from ctcdsl.ir import Shape, replace
from ctcdsl.loading import check_spec, combinations, select
from ctcdsl.syntax.words import suggest
from ctcdsl.text import Diagnostic, Severity, Source
from ctcdsl.text.files import STDIN, read_source


class LoadedNetwork(NamedTuple):
    """A checked network, the file it came from, and what `-D` gave it of several values."""

    file: str
    network: Network
    values: Mapping[str, float | str] = NO_VALUES

    @property
    def title(self) -> str:
        """Its name, with the values that tell it from others: `mobilenet_v2 w=0.5`."""
        return " ".join([self.network.name, *assignments(self.values)])


def titled(loaded: LoadedNetwork) -> Network:
    """The network under a name that tells its values."""
    network = loaded.network
    if not loaded.values:
        return network
    renamed = replace(network.architecture, name=loaded.title)
    return dataclasses.replace(network, architecture=renamed)


def assignments(values: Mapping[str, float | str]) -> list[str]:
    """Values as `-D` takes them: `w=0.5`."""
    return [
        f"{name}={value}" if isinstance(value, str) else f"{name}={value:.15g}"
        for name, value in values.items()
    ]


def or_stdin(files: Sequence[str]) -> tuple[str, ...]:
    """The files named, or standard input when something is piped in."""
    if files:
        return tuple(files)
    if sys.stdin is not None and not sys.stdin.isatty():
        return (STDIN,)
    raise click.UsageError("name a spec, or `-` for standard input")


_CAUSES = ("CTC922", "CTC924", "CTC926", "CTC951")
"""What explains errors: swapped numbers, `16-512` for a range, which file a name means."""


def check_files(
    specs: Iterable[str | Source], *, input: Shape | None = None, values: Values = ()
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
        file = spec if isinstance(spec, str) else STDIN
        networks += [LoadedNetwork(file, network) for network in report.networks]
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


def check_sweep(
    specs: Sequence[str], *, input: Shape | None = None, sweep: Sweep = ()
) -> tuple[list[LoadedNetwork], list[Diagnostic], bool]:
    """Check every spec with each combination of values; what some have alone says which.

    Returns the checked networks, run by run, all diagnostics, and whether any is an error.
    """
    several = [name for name, values in sweep if len(values) > 1]
    runs = combinations(dict(sweep))
    networks: list[LoadedNetwork] = []
    found: dict[str, tuple[Diagnostic, list[str]]] = {}
    failed = False
    # Standard input is there once.
    texts = [read_source(spec) if spec == STDIN else spec for spec in specs]
    for run in runs:
        loaded, diagnostics, wrong = check_files(texts, input=input, values=tuple(run.items()))
        told = {name: run[name] for name in several}
        networks += [network._replace(values=told) for network in loaded]
        for diagnostic in diagnostics:
            _, runs_of = found.setdefault(str(diagnostic), (diagnostic, []))
            runs_of.append(" ".join(assignments(told)))
        failed = failed or wrong
    return networks, [_with_values(*pair, len(runs)) for pair in found.values()], failed


def _with_values(diagnostic: Diagnostic, runs: Sequence[str], number: int) -> Diagnostic:
    """A diagnostic of some of a `number` of runs, with a note of which."""
    if len(runs) >= number:
        return diagnostic
    return diagnostic._replace(notes=(*diagnostic.notes, f"with {', '.join(runs)}"))


def _require_known(names: Iterable[str], known: Iterable[str]) -> None:
    """Fail for a `-D` that no spec has a `let` for: a typo would otherwise change nothing."""
    for name in names:
        if name not in known:
            meant = suggest(name, tuple(known))
            hint = f"; did you mean `{meant}`?" if meant else ""
            raise click.UsageError(f"-D {name}: no spec has a `let {name}`{hint}")


def load_networks(
    files: Iterable[str | Source],
    *,
    input: Shape | None = None,
    values: Values = (),
    notes: bool = True,
) -> list[LoadedNetwork]:
    """The networks of files that are right; exits with 1 after showing what is wrong.

    Without `notes` only errors and warnings are shown.
    """
    checked = check_files(files, input=input, values=values)
    return _shown(*checked, notes=notes)


def load_sweep(
    files: Sequence[str], *, input: Shape | None = None, sweep: Sweep = ()
) -> list[LoadedNetwork]:
    """As `load_networks`, with each combination of values."""
    return _shown(*check_sweep(files, input=input, sweep=sweep), notes=True)


def _shown(
    networks: list[LoadedNetwork], diagnostics: Sequence[Diagnostic], failed: bool, *, notes: bool
) -> list[LoadedNetwork]:
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
    return select([network for _, network, _ in loaded], net, file)
