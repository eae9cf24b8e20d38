"""Every change that a diagnostic proposes makes its error go away, when it is applied."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctcdsl.checking import check_source
from ctcdsl.text import Diagnostic, Fix, Source
from tests.errors.test_messages import CASES, WARNINGS

REPLACED = (
    *("001", "002", "003", "101", "102", "104", "107", "108", "109", "112", "116", "117", "118"),
    *(
        "204",
        "207",
        "208",
        "301",
        "302",
        "904",
        "906",
        "907",
        "908",
        "909",
        "921",
        "922",
        "923",
        "924",
    ),
)


def diagnostics_of(path: Path) -> tuple[Diagnostic, ...]:
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    return tuple(check_source(Source(path.name, text)).diagnostics)


def applied(fix: Fix) -> Source:
    """The text with one change made."""
    source, start, end = fix.span[:3]
    return Source(source.name, source.text[:start] + fix.replacement + source.text[end:])


def is_same(found: Diagnostic, before: Diagnostic, fix: Fix) -> bool:
    """Whether an error is still there, at its place or where the change has moved it."""
    start = before.labels[0].span.start
    if start > fix.span.start:
        moved = start + len(fix.replacement) - (fix.span.end - fix.span.start)
        start = max(moved, fix.span.start)
    place = found.labels[0].span.start
    return (found.code, found.message, place) == (before.code, before.message, start)


def is_about(found: Diagnostic, fix: Fix) -> bool:
    """Whether what was written instead has itself an error of syntax or of names.

    That the call of a `def` whose name is right now lacks arguments is no fault of the change.
    """
    if found.code > "CTC200" or found.code == "CTC102" or not fix.replacement:
        return False
    place = found.labels[0].span
    end = fix.span.start + len(fix.replacement)
    return fix.span.start <= place.start and place.end <= end


@pytest.mark.parametrize("path", [*CASES, *WARNINGS], ids=lambda path: path.stem)
def test_a_fix_removes_its_error(path: Path) -> None:
    for diagnostic in diagnostics_of(path):
        for fix in diagnostic.fixes:
            after = check_source(applied(fix)).diagnostics
            left = [d for d in after if is_same(d, diagnostic, fix) or is_about(d, fix)]
            assert not left, f"{fix.title}\n{left[0]}"


def test_hints_that_are_replacements_carry_a_change() -> None:
    """Of the codes of tests/errors those are listed whose hints say what to write instead."""
    found = {
        diagnostic.code
        for path in (*CASES, *WARNINGS)
        for diagnostic in diagnostics_of(path)
        if diagnostic.fixes
    }
    assert found >= {f"CTC{number}" for number in REPLACED}
