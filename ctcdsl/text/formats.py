"""Diagnostics for programs: JSON, SARIF 2.1.0, and GitHub's annotations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ctcdsl import __version__
from ctcdsl.text.codes import title
from ctcdsl.text.diagnostic import Diagnostic, Label, Severity
from ctcdsl.text.fixes import Fix
from ctcdsl.text.source import Span


def as_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """Return a diagnostic as plain data, lines and columns counted from 1."""
    return {
        "code": diagnostic.code,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        "file": _file(diagnostic),
        "labels": [_label(label) for label in diagnostic.labels],
        "notes": list(diagnostic.notes),
        "hints": list(diagnostic.hints),
        "fixes": [_fix(fix) for fix in diagnostic.fixes],
    }


def _file(diagnostic: Diagnostic) -> str | None:
    if diagnostic.labels:
        return diagnostic.labels[0].span.source.name
    return diagnostic.path


def _label(label: Label) -> dict[str, Any]:
    return {**_place(label.span), "text": label.text}


def _fix(fix: Fix) -> dict[str, Any]:
    return {"title": fix.title, **_place(fix.span), "replacement": fix.replacement}


def _place(span: Span) -> dict[str, Any]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {
        "file": span.source.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


def as_sarif(diagnostics: Sequence[Diagnostic]) -> dict[str, Any]:
    """Return a SARIF 2.1.0 log with one run, as code-scanning services read it."""
    used = sorted({diagnostic.code for diagnostic in diagnostics})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "ctcdsl",
                        "version": __version__,
                        "rules": [
                            {"id": code, "shortDescription": {"text": title(code)}} for code in used
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(diagnostic, used) for diagnostic in diagnostics],
            }
        ],
    }


def _result(diagnostic: Diagnostic, rules: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rules.index(diagnostic.code),
        "level": str(diagnostic.severity),
        "message": {"text": _sentences(diagnostic, " ")},
    }
    if diagnostic.labels:
        first, *others = map(_location, diagnostic.labels)
        result["locations"] = [first]
        if others:
            result["relatedLocations"] = others
    elif diagnostic.path is not None:
        location = {"artifactLocation": {"uri": _uri(diagnostic.path)}}
        result["locations"] = [{"physicalLocation": location}]
    if diagnostic.fixes:
        result["fixes"] = [_sarif_fix(fix) for fix in diagnostic.fixes]
    return result


def _sarif_fix(fix: Fix) -> dict[str, Any]:
    place = _place(fix.span)
    replacement = {
        "deletedRegion": _region(place),
        "insertedContent": {"text": fix.replacement},
    }
    artifact = {"artifactLocation": {"uri": _uri(place["file"])}, "replacements": [replacement]}
    return {"description": {"text": fix.title}, "artifactChanges": [artifact]}


def _location(label: Label) -> dict[str, Any]:
    place = _label(label)
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(place["file"])},
            "region": _region(place),
        }
    }
    if label.text:
        location["message"] = {"text": label.text}
    return location


def _region(place: dict[str, Any]) -> dict[str, Any]:
    return {
        "startLine": place["line"],
        "startColumn": place["column"],
        "endLine": place["end_line"],
        "endColumn": place["end_column"],
    }


def _uri(file: str) -> str:
    from urllib.parse import quote

    return quote(file.replace("\\", "/"))


_GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def as_github(diagnostics: Iterable[Diagnostic]) -> str:
    """Return workflow commands, a line each: GitHub shows them beside the changed lines."""
    lines = []
    for diagnostic in diagnostics:
        fields = {"title": diagnostic.code}
        if diagnostic.labels:
            place = _label(diagnostic.labels[0])
            fields = {
                "file": place["file"],
                "line": str(place["line"]),
                "col": str(place["column"]),
                "endLine": str(place["end_line"]),
                "endColumn": str(place["end_column"]),
                **fields,
            }
        elif diagnostic.path is not None:
            fields = {"file": diagnostic.path, **fields}
        shown = ",".join(f"{key}={_escape(value, ':,')}" for key, value in fields.items())
        message = _escape(_sentences(_with_label(diagnostic), "\n"))
        lines.append(f"::{_GITHUB[diagnostic.severity]} {shown}::{message}\n")
    return "".join(lines)


def _with_label(diagnostic: Diagnostic) -> Diagnostic:
    """What its mark says in its message, where no mark is shown."""
    text = diagnostic.labels[0].text if diagnostic.labels else ""
    return diagnostic._replace(message=f"{diagnostic.message} ({text})") if text else diagnostic


def _escape(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _sentences(diagnostic: Diagnostic, between: str) -> str:
    """The message with its notes and hints, for formats that have one text."""
    extra = [f"note: {note}" for note in diagnostic.notes]
    extra += [f"hint: {hint}" for hint in diagnostic.hints]
    message = diagnostic.message
    return between.join([f"{message}." if extra and between == " " else message, *extra])
