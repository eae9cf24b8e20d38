"""Checking: a spec's text to its networks, with every error reported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ctcdsl.elaborate.definitions import NO_VALUES
from ctcdsl.elaborate.networks import PAPER_HEAD, read_networks
from ctcdsl.ir import Architecture, Shape, replace
from ctcdsl.ir.network import Network, Node
from ctcdsl.shapes.infer import infer_network
from ctcdsl.syntax.nodes import File, Let
from ctcdsl.syntax.parser import collector_paused, parse
from ctcdsl.text import Diagnostic, Severity, Source
from ctcdsl.text.plural import plural
from ctcdsl.text.sink import Diagnostics

__all__ = ["PAPER_HEAD", "Network", "Node", "Report", "check_source", "infer_shapes"]


class Report(NamedTuple):
    """The result of checking a source: the networks without errors, and all diagnostics.

    `parameters` are the names of the source's `let`s.
    """

    networks: tuple[Network, ...]
    diagnostics: tuple[Diagnostic, ...]
    parameters: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that are errors."""
        return tuple(d for d in self.diagnostics if d.severity is Severity.ERROR)

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self.errors

    def __str__(self) -> str:
        return "\n".join(map(str, self.diagnostics)) or repr(self)

    def __repr__(self) -> str:
        errors = plural(len(self.errors), "error") if self.errors else "ok"
        return f"<Report: {', '.join([errors, *map(repr, self.networks)])}>"


def check_source(
    source: Source,
    *,
    input: Shape | None = None,
    values: Mapping[str, float | str] = NO_VALUES,
    parsed: tuple[File, list[Diagnostic]] | None = None,
) -> Report:
    """Parse and check a source.

    Args:
        source: The text of a spec.
        input: An input that replaces the spec's; `maps` is then dropped, with a note,
            since it is for the spec's own input.
        values: Replace those of the spec's `let`s; a text is what a `let` has, such as a `def`.
        parsed: Its tree and syntax errors, where it has been parsed.
    """
    with collector_paused():
        return _check_source(source, input, values, parsed or parse(source))


def _check_source(
    source: Source,
    input: Shape | None,
    values: Mapping[str, float | str],
    parsed: tuple[File, list[Diagnostic]],
) -> Report:
    tree, syntax_errors = parsed
    texts = {name: text for name, text in values.items() if isinstance(text, str)}
    numbers = {name: x for name, x in values.items() if not isinstance(x, str)}
    if texts:
        from ctcdsl.elaborate.pins import pinned

        lets = {s.name.text for s in tree.statements if isinstance(s, Let)}
        tree = pinned(tree, {name: text for name, text in texts.items() if name in lets})
    diagnostics = Diagnostics()
    networks = read_networks(tree, diagnostics, numbers, any_input=input is not None)
    if syntax_errors:
        # Lines with syntax errors are missing from the tree: what follows from that is not
        # reported, but wrong words and numbers on the other lines are.
        defined = set(re.findall(r"\b(?:let|def)[ \t]+(\w+)", source.text))
        others = [
            diagnostic
            for diagnostic in diagnostics.reported
            if "CTC100" < diagnostic.code < "CTC200"
            and not (diagnostic.code in ("CTC101", "CTC112") and defined & _words(diagnostic))
        ]
        return Report((), _named(source, sorted([*syntax_errors, *others], key=_position)))
    report = _check(networks, diagnostics, input, None)
    if not report.ok:
        report = report._replace(diagnostics=_named(source, report.diagnostics))
    named = (s.name.text for s in tree.statements if isinstance(s, Let))
    return report._replace(parameters=tuple(named))


def _named(source: Source, diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics, those of other tools' notations as one each."""
    from ctcdsl.syntax.foreign.recognise import name_notations  # loaded only for an error

    return tuple(name_notations(source, tuple(diagnostics)))


def infer_shapes(
    architecture: Architecture,
    *,
    input: Shape | None = None,
    classes: int | None = None,
    previous: Network | None = None,
) -> Report:
    """Check a network again, with another input or number of classes.

    With the network that it was rewritten from as `previous` the result is the same, and comes
    sooner: stages that the two share are reused.
    """
    return _check([architecture], Diagnostics(), input, classes, previous)


def _check(
    architectures: Iterable[Architecture],
    diagnostics: Diagnostics,
    input: Shape | None,
    classes: int | None,
    previous: Network | None = None,
) -> Report:
    networks: list[Network] = []
    for architecture in architectures:
        changed = architecture
        if input is not None and input != architecture.input:
            changed = replace(changed, input=input, maps=())
            if architecture.maps:
                diagnostics.add(
                    Severity.NOTE,
                    "CTC903",
                    f"`{architecture.name}`: `maps` is for {architecture.input} and is not"
                    f" checked at {input}",
                    architecture.origin,
                )
        if classes is not None:
            changed = replace(changed, classes=classes)
        result = infer_network(changed, diagnostics, previous)
        if result is not None:
            networks.append(result)
    return Report(tuple(networks), tuple(diagnostics.reported))


def _words(diagnostic: Diagnostic) -> set[str]:
    return set(re.findall(r"[A-Za-z_]\w*", diagnostic.labels[0].span.text))


def _position(diagnostic: Diagnostic) -> int:
    return diagnostic.labels[0].span.start if diagnostic.labels else 0
