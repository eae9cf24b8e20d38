"""Errors as exceptions."""

from pathlib import Path

from ctcdsl.text import Label, Source, Span, SpecError, UserError, error

SPEC = Source("net.ctc", "net A")


def test_an_error_of_a_spec_shows_its_place() -> None:
    place = Span(SPEC, 4, 5)
    raised = error("CTC405", "no such layer", at=Label(place, "here"), hint="choose another")
    assert isinstance(raised, SpecError)
    assert str(raised).splitlines() == [
        "error[CTC405]: no such layer",
        " --> net.ctc:1:5",
        "  |",
        "1 | net A",
        "  |     ^ here",
        "  = hint: choose another",
    ]
    assert error("CTC405", "no such layer", at=place).diagnostics[0].labels == (Label(place),)


def test_other_errors_are_of_no_spec() -> None:
    raised = error("CTC608", "cannot write", path=Path("a/b"), notes=("", "why"), hint=("", "how"))
    assert type(raised) is UserError
    (diagnostic,) = raised.diagnostics
    assert (diagnostic.path, diagnostic.notes, diagnostic.hints) == ("a/b", ("why",), ("how",))


def test_what_is_empty_is_dropped() -> None:
    (diagnostic,) = error("CTC405", "none", at=Span(Source("", ""), 0, 0), path="").diagnostics
    assert (diagnostic.labels, diagnostic.path, diagnostic.hints) == ((), None, ())
