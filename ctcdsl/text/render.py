"""Diagnostics for people: the message, the line, a mark under the place."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from ctcdsl.text.diagnostic import Diagnostic, Label, Severity
from ctcdsl.text.plural import plural

_COLOURS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "1;36"}
_SUMMARISED = (Severity.ERROR, Severity.WARNING)
MAX_COLUMNS = 120
"""A source line longer than this is shown around the place alone."""


def render(diagnostic: Diagnostic, *, colour: bool = False) -> str:
    """Return a diagnostic as text: the message, the line, a mark under the place."""

    def paint(text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if colour else text

    head = paint(f"{diagnostic.severity}[{diagnostic.code}]", _COLOURS[diagnostic.severity])
    lines = [f"{head}: {diagnostic.message}"]
    margin = " "
    if diagnostic.labels:
        numbers = [label.span.source.position(label.span.start)[0] for label in diagnostic.labels]
        margin = " " * (len(str(max(numbers))) + 1)
        first = diagnostic.labels[0].span
        line, column = first.source.position(first.start)
        lines.append(f"{margin[1:]}--> {first.source.name}:{line}:{column}")
        lines.append(f"{margin}|")
        for number in sorted(set(numbers)):
            here = [x for x, k in zip(diagnostic.labels, numbers, strict=True) if k == number]
            lines += _excerpt(number, here, diagnostic.labels[0], margin, paint)
    elif diagnostic.path is not None:
        lines.append(f" --> {diagnostic.path}")
    for kind, texts in (("note", diagnostic.notes), ("hint", diagnostic.hints)):
        lines += [f"{margin}= {kind}: {text}" for text in texts]
    return "\n".join(lines)


def _excerpt(
    number: int, labels: list[Label], primary: Label, margin: str, paint: Any
) -> list[str]:
    """One source line, with a mark and a word under each of its labels."""
    source = labels[0].span.source
    text = source.lines[number - 1].replace("\t", " ")
    columns = [source.position(label.span.start)[1] - 1 for label in labels]
    start = 0
    if len(text) > MAX_COLUMNS:
        start = max(0, min(columns[0] - MAX_COLUMNS // 3, len(text) - MAX_COLUMNS))
        end = start + MAX_COLUMNS
        more = end < len(text)
        text = "…" * (start > 0) + text[start + (start > 0) : end - more] + "…" * more
    lines = [f"{str(number).rjust(len(margin) - 1)} | {_printable(text)}".rstrip()]
    for label, column in zip(labels, columns, strict=True):
        if not 0 <= column - start <= len(text):
            continue
        # Marks are below characters, and some characters are two columns wide.
        before = _width(text[: column - start])
        room = max(1, len(text) - (column - start))
        length = min(max(1, label.span.end - label.span.start), room)
        mark = "^" if label is primary else "-"
        marks = mark * max(1, _width(text[column - start : column - start + length]))
        marked = paint(f"{marks} {label.text}".rstrip(), "1;31" if mark == "^" else "1;34")
        lines.append(f"{margin}| {' ' * before}{marked}")
    return lines


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """Return `2 errors, 1 warning`; empty where there is neither."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    counts = ((severity, severities.count(severity)) for severity in _SUMMARISED)
    return ", ".join(plural(count, severity) for severity, count in counts if count)
