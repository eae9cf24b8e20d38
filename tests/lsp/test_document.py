"""Documents without an editor: positions, versions, calls."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctcdsl import checking
from ctcdsl.lsp import document as lsp_document
from ctcdsl.lsp.completion import completions
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.hover import hover_at
from ctcdsl.lsp.positions import Position, Positions
from ctcdsl.syntax.nodes import Def, File
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Diagnostic, Source
from tests.conftest import SAMPLE, TABLES

CODECS = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
WIDTHS = {"utf-8": 1, "utf-16": 2, "utf-32": 4}


@pytest.mark.parametrize("encoding", CODECS)
@given(st.text(alphabet="a×🙂\n\u2028é", max_size=40))
def test_positions_are_those_of_the_encoding(encoding: str, text: str) -> None:
    positions = Positions(Source("", text), encoding)
    for offset in range(len(text) + 1):
        before = text[:offset].split("\n")
        units = len(before[-1].encode(CODECS[encoding])) // WIDTHS[encoding]
        assert positions.position(offset) == (len(before) - 1, units)
        assert positions.offset(Position(len(before) - 1, units)) == offset


def test_positions_beyond_the_text() -> None:
    positions = Positions(Source("", "a🙂\nb"))
    assert positions.offset(Position(0, 2)) == 1  # inside the pair
    assert positions.offset(Position(0, 99)) == 2
    assert positions.offset(Position(7, 0)) == 4
    assert positions.position(99) == (1, 1)


@pytest.mark.parametrize("path", [*SAMPLE, *TABLES], ids=lambda path: path.stem)
def test_every_layer_of_every_spec_has_its_numbers(path: Path) -> None:
    """The numbers shown at a layer's own text are those of the cost report."""
    document = Document(path.name, path.read_text(encoding="utf-8"))
    assert document.costs
    for cost in document.costs:
        for layer in cost.layers:
            if cost.network.architecture.head.implied and layer.node.stage is None:
                continue
            origin = layer.node.layer.origin
            for span in (origin.span, *origin.calls):
                shown = hover_at(document, span.start)
                assert shown is not None, span.text
                assert "```text" in shown.markdown


@pytest.mark.parametrize("path", [*SAMPLE, *TABLES], ids=lambda path: path.stem)
def test_layers_know_the_calls_they_come_from(path: Path) -> None:
    document = Document(path.name, path.read_text(encoding="utf-8"))
    defs = [s.span for s in document.tree.statements if isinstance(s, Def)]
    for cost in document.costs:
        for layer in cost.layers:
            origin = layer.node.layer.origin
            # Each is in the body of the `def` that the one before it calls; the first in none.
            spans = (*origin.calls, origin.span)
            inside = [any(d.start < span.start < d.end for d in defs) for span in spans]
            assert inside == [False, *[True] * len(origin.calls)]


def test_a_text_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Source] = []

    def counted(source: Source) -> tuple[File, list[Diagnostic]]:
        parsed.append(source)
        return parse(source)

    for module in (checking, lsp_document):
        monkeypatch.setattr(module, "parse", counted)
    document = Document("a.ctc", "def a = (3,8)\na gap fc\n")
    assert document.report.ok and document.costs and document.tree.statements
    assert hover_at(document, 14) is not None and document.formatted() is None
    assert parsed == [document.source]


def test_versions_do_not_pile_up() -> None:
    document = Document("a.ctc", "(7,64) gap fc")
    for _ in range(3):
        assert document.report.ok
        first = weakref.ref(document)
        document = Document("a.ctc", "(7,64 gap fc", document)
        assert not document.report.ok
        document = Document("a.ctc", "(7,64) gap fc", document)
        assert document.last_valid is first()
    assert document.report.ok
    gc.collect()
    assert first() is None


def test_a_place_keeps_its_numbers_while_another_is_edited() -> None:
    valid = "net A\nstem: (7,64)/2\nbody: (3,96)\nhead: gap fc\n"
    document = Document("a.ctc", valid)
    assert document.report.ok
    broken = Document("a.ctc", valid.replace("/2", "/2 ("), document)
    assert not broken.report.ok
    again = Document("a.ctc", broken.source.text.replace("net A", "net B"), broken)
    for version in (broken, again):
        place = version.earlier(version.source.text.index("(3,96)"))
        assert place is not None and place.document is document
        assert valid[place.offset :].startswith("(3,96)")
    assert again.earlier(again.source.text.index("(7")) is None  # between two changes
    assert document.earlier(0) is None


@given(st.text(alphabet="()[]{}|,/x3c \n#:=?adefgilnpt", max_size=60), st.integers(0, 60))
def test_no_text_is_too_odd(text: str, offset: int) -> None:
    document = Document("a.ctc", text)
    hover_at(document, min(offset, len(text)))
    completions(document, min(offset, len(text)))
