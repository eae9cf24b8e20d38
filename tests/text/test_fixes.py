"""Hints with the changes that they propose, and how they come out."""

from __future__ import annotations

from ctcdsl.text import Diagnostic, Fix, Hint, Label, Source, Span, error
from ctcdsl.text.fixes import fixes_of, leave_out, write
from ctcdsl.text.formats import as_json, as_sarif
from ctcdsl.text.sink import Diagnostics

SPEC = Source("a b.ctc", "net A\n(7,64) gpa\n  fc")
PLACE = Span(SPEC, 13, 16)


def titles(*fixes: Fix) -> list[str]:
    return [fix.title for fix in fixes]


def test_titles_say_what_changes() -> None:
    assert titles(
        Fix(PLACE, "gap"),
        Fix(PLACE, ""),
        Fix(Span(SPEC, 16, 16), ")"),
        Fix(Span(SPEC, 12, 13), ","),
        Fix(Span(SPEC, 12, 13), "\n"),
        Fix(Span(SPEC, 0, 16), "x" * 50),
    ) == [
        "replace `gpa` by `gap`",
        "remove `gpa`",
        "insert `)`",
        "replace a space by `,`",
        "replace a space by a line end",
        f"replace `net A (7,64) gpa` by `{'x' * 40}…`",
    ]


def test_a_hint_is_its_sentence() -> None:
    hint = write("gap", ", the pool")
    assert hint == "write `gap`, the pool" and hint.changes == ("gap",)
    assert leave_out("why").changes == ("",)
    assert Hint("no change").changes == ()


def test_plain_changes_are_of_the_place_and_others_of_their_own() -> None:
    other = Fix(Span(SPEC, 0, 3), "def")
    hint = Hint("two ways", "gap", other, "gap")
    assert fixes_of([hint, "a sentence"], PLACE) == (Fix(PLACE, "gap"), other)
    assert fixes_of([hint.at(other.span)], PLACE) == (Fix(other.span, "gap"), other)
    assert fixes_of([hint], None) == (other,)
    assert fixes_of([Hint("x", "gap")], Span(Source("", ""), 0, 0)) == ()


def test_errors_carry_the_changes_of_their_hints() -> None:
    (raised,) = error("CTC405", "none", at=PLACE, hint=write("gap")).diagnostics
    sink = Diagnostics()
    sink.error("CTC101", "none", PLACE, hint=write("gap"))
    sink.error("CTC102", "none", PLACE, hint="a sentence")
    assert [d.fixes for d in (raised, *sink.reported)] == [(Fix(PLACE, "gap"),)] * 2 + [()]


def test_programs_get_them() -> None:
    diagnostic = Diagnostic("CTC101", "none", (Label(PLACE),), fixes=(Fix(PLACE, "gap"),))
    assert as_json(diagnostic)["fixes"] == [
        {
            "title": "replace `gpa` by `gap`",
            "file": "a b.ctc",
            "line": 2,
            "column": 8,
            "end_line": 2,
            "end_column": 11,
            "replacement": "gap",
        }
    ]
    plain, fixed = as_sarif([diagnostic._replace(fixes=()), diagnostic])["runs"][0]["results"]
    assert "fixes" not in plain
    (change,) = fixed["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"] == {"uri": "a%20b.ctc"}
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 2, "startColumn": 8, "endLine": 2, "endColumn": 11},
            "insertedContent": {"text": "gap"},
        }
    ]
