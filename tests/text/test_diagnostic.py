"""Errors as exceptions."""

import re
from pathlib import Path

from ctcdsl.text import Label, Origin, Source, Span, SpecError, UserError, error

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


def test_an_error_of_a_layer_names_the_calls_that_lead_to_it() -> None:
    source = Source("net.ctc", "def a(n) = (3,n)\ndef b = a(4)\ndef c = b\nc")
    places = re.finditer(r"a\(4\)|[bc]$", source.text, re.MULTILINE)
    inner, middle, outer = (Span(source, *place.span()) for place in places)
    layer = Origin(Span(source, 11, 16), outer, (outer, middle, inner))
    assert layer.text == "(3,n)"
    for at in (layer, Label(layer)):
        assert str(error("CTC404", "no", at=at)).splitlines()[2:] == [
            "  |",
            "1 | def a(n) = (3,n)",
            "  |            ^^^^^",
            "2 | def b = a(4)",
            "  |         ---- called here",
            "4 | c",
            "  | - called here",
        ]
    once = layer._replace(calls=(outer,))
    (diagnostic,) = error("CTC404", "no", at=once).diagnostics
    assert diagnostic.labels == (Label(once), Label(outer, "called here"))
