"""The parser and the formatter: each undoes the other, and neither falls over."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lark import Lark, logger

from ctcdsl.resources import resource
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.nodes import File
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source
from tests.conftest import SPECS, check
from tests.support import trees
from tests.support.trees import bare


def tree_of(text: str) -> File:
    tree, errors = parse(Source("test", text))
    assert not errors, (text, errors)
    return tree


@settings(max_examples=400)
@given(tree=trees.files, unicode=st.booleans())
def test_parsing_a_formatted_tree_gives_the_tree(tree: File, unicode: bool) -> None:
    text = format_file(tree, unicode=unicode)
    assert bare(tree_of(text)) == bare(tree)
    assert format_file(tree_of(text), unicode=unicode) == text


NOTATION = "()[]{}|+/x×*,:?#=- \n\\\t0123456789.cdpgnetablmxsf'"


@settings(max_examples=400)
@given(st.one_of(st.text(alphabet=NOTATION, max_size=80), st.text(max_size=40)))
@example("_")  # a word without a letter
def test_any_text_is_answered_with_a_tree_or_an_error(text: str) -> None:
    report = check(text)
    assert report.networks or not report.ok


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
    assert [network.name for network in report.networks] == ["A"]


def test_long_lines_are_continued() -> None:
    text = " ".join(f"({k},64)" for k in range(1, 40))
    formatted = format_file(tree_of(f"stem: {text}"))
    assert max(map(len, formatted.splitlines())) <= 100
    assert formatted.count(" \\\n") == formatted.count("\n") - 1
    assert bare(tree_of(formatted)) == bare(tree_of(f"stem: {text}"))


@pytest.mark.parametrize(
    "text",
    [
        "{ " + " | ".join(f"(1,{k}) (3,{k})" for k in range(20)) + " }",
        "[ " + " ".join(f"(3,{k})" for k in range(40)) + " | id? ]x3/2 (3,64)",
        "def block(n) = { " + " | ".join(["[ (1,n) (3,n) | id? ]"] * 9) + " }\nblock(4)",
        "table\n  model | s\n  A | " + " ".join(["(3,64)"] * 40) + "\nend",
    ],
)
def test_long_brackets_are_continued_without_a_backslash_inside(text: str) -> None:
    formatted = format_file(tree_of(text))
    assert format_file(tree_of(formatted)) == formatted
    assert bare(tree_of(formatted)) == bare(tree_of(text))
    if not text.startswith("table"):  # a row of a table is one line
        assert max(map(len, formatted.splitlines())) <= 100


def test_words_and_numbers_are_kept_apart_from_what_follows() -> None:
    tree = tree_of("a x2 a/s x2 a/2 x2 relu' x2 (3,64)/s x(n) (3,64)x2x(n) 3 *2 3/2x2")
    text = "a x2 a/s x2 a/2x2 relu'x2 (3,64)/s x(n) (3,64)x2x(n) 3 *2 3/2x2\n"
    assert format_file(tree) == text
    assert bare(tree_of(text)) == bare(tree)


def test_expressions_are_written_so_that_they_are_read_again() -> None:
    text = "(n x 3,a - -b) (1 x 7,2×c) x(-1)".replace(") x(", ")x(")
    assert format_file(tree_of(text)) == "(n*3,a- -b) (1x7,2*c)x(-1)\n"
    assert format_file(tree_of("drop(0.00001) lrn(100000000000000000000.0)")) == (
        "drop(1e-5) lrn(1000000000000000000.0)\n"
    )


def test_a_line_with_a_mistake_hides_no_other() -> None:
    text = "net my net\n(3,64) gapp\ndef f = [ (3,4)\ndef g = (3,m)\ng f\n"
    codes = [diagnostic.code for diagnostic in check(text).diagnostics]
    assert codes == ["CTC002", "CTC101", "CTC003", "CTC112"]


def test_parsing_takes_as_long_for_every_line() -> None:
    """Calls are counted, not seconds: so many more for each further line."""

    def calls(lines: int) -> int:
        source = Source("", "(3,64)x2 2/2 { (3,n) | id }  # a comment\n" * lines)
        count = 0

        def counted(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(counted)
        try:
            parse(source)
        finally:
            sys.setprofile(None)
        return count

    calls(1)
    first, second, third = calls(100), calls(200), calls(300)
    assert third - second == second - first


def test_the_collector_runs_again_after_parsing() -> None:
    for before in (gc.enable, gc.disable):
        before()
        enabled = gc.isenabled()
        parse(Source("", "(3,64) ("))
        assert gc.isenabled() == enabled
    gc.enable()


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
    messages = {record.getMessage() for record in caplog.records}
    assert messages == set()


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    for opening, close in (("{", "}"), ("[", "]"), ("(", ")"), ("f(", ")"), ("(3,4)x(", ")")):
        for before in ("", "def f = ", "let a = ", "table\n m | s\n A | ", "head: ", "(3,"):
            depth = 1_500 if before else 10_000  # either is deeper than Python's stack
            text = before + opening * depth + "(3,4)"
            for nested in (text, text + close * depth):
                report = check(nested)
                assert not report.ok
                assert {error.code for error in report.errors} <= {"CTC004", "CTC002", "CTC003"}


def test_endless_postfixes_and_definitions_are_errors() -> None:
    for text in (
        "(3,4)" + "x2" * 10_000,
        "[ " * 40 + "(3,4) " + "]x2 " * 40,
        "def a0 = (3,4)\n" + "".join(f"def a{k} = a{k - 1} x2\n" for k in range(1, 200)) + "a199",
    ):
        assert "CTC004" in {error.code for error in check(text).errors}
