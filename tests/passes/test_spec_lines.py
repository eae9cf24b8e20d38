"""Which elements each item of a spec gave, as their origins say."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctcdsl.checking import check_source
from ctcdsl.ir.printer import row
from ctcdsl.passes.spec_lines import spec_text, with_elements
from ctcdsl.text.files import read_source
from tests.conftest import ROOT, one

SPECS = sorted((ROOT / "specs").rglob("*.ctc"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_element_is_of_one_item_in_order(path: Path) -> None:
    for network in check_source(read_source(str(path))).networks:
        spec = network.architecture.spec
        assert spec is not None
        lines = with_elements(spec_text(spec.tree, spec.name).lines, spec.elements)
        given = [element for line in lines for _, elements in line.items for element in elements]
        assert [id(element) for element in given] == [id(element) for element in spec.elements]
        for _, items in lines:
            for item, elements in items:
                assert all(element.origin.item == item.span for element in elements)
                # Outside of a `def` a layer's own text is in that of its item.
                spans = [(*e.origin.calls, e.origin.span)[0] for e in elements]
                assert all(s.start >= item.span.start and s.end <= item.span.end for s in spans)


def test_items_with_their_elements() -> None:
    text = """
let d = 0
def two(n) = (3,n) [ (3,n) (3,n) ]
input 3x32x32
pad same
a: (3,8)/2 two(4)x2 (5,8)x(d) { (1,2) | (3,4)x2 }/2
head: gap fc(9) drop(0.5) fc
"""
    architecture = one(text).architecture
    assert architecture.spec is not None
    lines = with_elements(
        spec_text(architecture.spec.tree, architecture.spec.name).lines, architecture.spec.elements
    )
    assert [
        [(item.span.text, row(elements, architecture.style, 3)) for item, elements in line.items]
        for line in lines
    ] == [
        [
            ("(3,8)/2", "(3,8)/2"),
            ("two(4)x2", "(3,4) [ (3,4)x2 ] (3,4) [ (3,4)x2 ]"),
            ("(5,8)x(d)", ""),
            ("{ (1,2) | (3,4)x2 }/2", "{ (1,2)/2 | (3,4)/2 (3,4) }"),
        ],
        [("gap", "gap"), ("fc(9)", "fc(9)"), ("drop(0.5)", "drop(0.5)"), ("fc", "fc")],
    ]
