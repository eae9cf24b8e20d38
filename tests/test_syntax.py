"""The parser and the formatter: each undoes the other, and neither falls over."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark, logger

import trees
from conftest import SPECS, check
from ctcdsl.resources import resource
from ctcdsl.syntax import nodes as n
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source
from trees import bare


def tree_of(text: str) -> n.File:
    tree, mistakes = parse(Source("test", text))
    assert not mistakes, (text, mistakes)
    return tree


@settings(max_examples=400)
@given(tree=trees.files, unicode=st.booleans())
def test_parsing_a_formatted_tree_gives_the_tree(tree: n.File, unicode: bool) -> None:
    text = format_file(tree, unicode=unicode)
    assert bare(tree_of(text)) == bare(tree)
    assert format_file(tree_of(text), unicode=unicode) == text


NOTATION = "()[]{}|+/x×*,:?#=- \n\\\t0123456789.cdpgnetablmxsf'"


@settings(max_examples=400)
@given(st.one_of(st.text(alphabet=NOTATION, max_size=80), st.text(max_size=40)))
def test_any_text_is_answered_with_a_tree_or_an_error(text: str) -> None:
    report = check(text)
    assert report.networks or report.failed


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_formatting_a_spec_is_idempotent_and_keeps_its_comment(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    once = format_file(tree_of(text))
    assert format_file(tree_of(once)) == once
    assert once.splitlines()[0] == text.splitlines()[0]
    assert bare(tree_of(once)) == bare(tree_of(text))


def test_canonical_text() -> None:
    before = """

# a comment
net  Demo   input 3x224x224   # behind
conv1:( 7 , 64 ) / 2
conv2_x: max( 3 )/2   { (1 , 64)+( 3,64 )}  * 3/2 relu x 2 # layers


# the end
head:  gap   fc
  # last
"""
    after = """\
# a comment
net Demo  # behind
input 3x224x224
conv1:   (7,64)/2
conv2_x: 3/2 { (1,64)+(3,64) }x3/2 relu x2  # layers

# the end
head:    gap fc
# last
"""
    assert format_file(tree_of(before.replace(" / 2", "/2"))) == after


def test_unicode_and_ascii_repeats() -> None:
    tree = tree_of("(3,256)×3 (3,256)*3 (3,256) x 3")
    assert format_file(tree) == "(3,256)x3 (3,256)x3 (3,256)x3\n"
    assert format_file(tree, unicode=True) == "(3,256)×3 (3,256)×3 (3,256)×3\n"


def test_a_markdown_table_is_a_table() -> None:
    rows = "| model | stage 1 |\n|---|:--:|\n| A | (7,64)/2 3/3 (5,128) |\n"
    report = check(f"pad paper\ntable\n{rows}end\nhead: none".replace("\nhead: none", ""))
    assert [checked.name for checked in report.networks] == ["A"]


def test_long_lines_are_continued() -> None:
    text = " ".join(f"({k},64)" for k in range(1, 40))
    formatted = format_file(tree_of(f"stem: {text}"))
    assert max(map(len, formatted.splitlines())) <= 100
    assert formatted.count(" \\\n") == formatted.count("\n") - 1
    assert bare(tree_of(formatted)) == bare(tree_of(f"stem: {text}"))


def test_pasted_spaces_and_line_breaks_in_brackets() -> None:
    pasted = "(7,\u00a064)/2\u20093/3 (5,\n 128)"
    assert bare(tree_of(pasted)) == bare(tree_of("(7,64)/2 3/3 (5,128)"))


def test_the_grammar_is_lalr_without_conflicts_or_unused_rules(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger.addHandler(caplog.handler)
    caplog.set_level("DEBUG", logger="lark")
    try:
        text = Path(resource("grammar", "ctc.lark")).read_text(encoding="utf-8")
        Lark(text, parser="lalr", lexer="basic", maybe_placeholders=False, debug=True)
    finally:
        logger.removeHandler(caplog.handler)
    said = {record.getMessage() for record in caplog.records}
    assert said == {"Unused terminals: ['SLASH']"}


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    for bracket, close in ("{}", "[]", "()"):
        (error,) = check(bracket * 10_000 + "(3,4)" + close * 10_000).diagnostics
        assert error.code in ("CTC004", "CTC002")
