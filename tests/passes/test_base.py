"""Each pass's docstring shows a row before and after: they are run, third parties' too."""

from __future__ import annotations

import re
from inspect import getdoc

import pytest

from tests.support.rewriting import KNOWN, after, paper, row

EXAMPLE = re.compile(r"^([a-z][a-z0-9-]*(?::\S+)?)\n\n((?: {4}.*\n)+)", re.MULTILINE)
"""A pass as the command line writes it, and indented rows."""


def examples(name: str) -> list[tuple[str, list[str]]]:
    text = f"{getdoc(KNOWN[name].kind)}\n"
    return [(m[1], [line[4:] for line in m[2].splitlines()]) for m in EXAMPLE.finditer(text)]


@pytest.mark.parametrize("name", KNOWN)
def test_the_docstring_tells_the_truth(name: str) -> None:
    shown = examples(name)
    assert shown, f"{name} shows no row before and after"
    for applied, rows in shown:
        assert applied.partition(":")[0] == name
        before, *wanted = rows
        rewritten = after(paper(before), applied)
        headers = [line for line in str(rewritten).splitlines() if line.startswith("recompute")]
        assert [*headers, row(rewritten)] == wanted


@pytest.mark.parametrize("name", KNOWN)
def test_a_pass_says_what_it_does_in_a_line(name: str) -> None:
    kind = KNOWN[name].kind
    assert kind.summary and "\n" not in kind.summary and len(kind.summary) <= 72
    assert not kind.summary.endswith(".") and kind.section
