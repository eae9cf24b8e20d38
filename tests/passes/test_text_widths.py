"""Which numbers of a text are widths."""

from __future__ import annotations

import pytest

from ctcdsl.passes.text_widths import width_literals, with_values
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source


def doubled(text: str) -> str:
    """A text whose widths are twice what they were."""
    tree, errors = parse(Source("", text))
    assert not errors
    values = {literal.place: 2 * literal.value for literal in width_literals(tree)}
    return format_file(with_values(tree, values))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("(7,64)/2 3/3 (1x3,128,g2)x4", "(7,128)/2 3/3 (1x3,256,g2)x4"),
        ("(3,8) (3,dw) (3,2c) se(4) se(c/4)", "(3,16) (3,dw) (3,2c) se(8) se(c/4)"),
        ("(3,8)\nhead: drop(0.5) fc(9) fc", "(3,16)\nhead: drop(0.5) fc(18) fc"),
        ("[ (1,8) { (3,6) | max(3)/1 } | id? ]x3/2", "[ (1,16) { (3,12) | 3/1 } | id? ]x3/2"),
        (
            "def ir(t,n) = [ (1,t*c) (3,dw) (1,n,linear) | id? ]\nir(6,24)x2/2",
            "def ir(t,n) = [ (1,t*c) (3,dw) (1,n,linear) | id? ]\nir(6,48)x2/2",
        ),
        (
            "def mb(k,n) = [ (1,6c) (k,dw) se(c/4) (1,n) ]\nmb(5,40)",
            "def mb(k,n) = [ (1,6c) (k,dw) se(c/4) (1,n) ]\nmb(5,80)",
        ),
        (
            "def a(m) = (3,2m)\ndef b(k,n) = a(n) (k,n/2)\ndef d = { id | (1,128) (3,32) }\n"
            "b(3,6) d x2",
            "def a(m) = (3,2m)\ndef b(k,n) = a(n) (k,n/2)\ndef d = { id | (1,256) (3,64) }\n"
            "b(3,12) d x2",
        ),
        (
            "let w = 64\nlet d = 3\nlet t = 4\n(3,w) (3,t*w)x(d) (d,2w)",
            "let w = 128\nlet d = 3\nlet t = 4\n(3,w) (3,t*w)x(d) (d,2w)",
        ),
        (
            "def f(k,n=24,e=6) = (1,e*c) (k,n)\nf(3) f(3,40) f(5,n=48,e=4)",
            "def f(k,n=48,e=6) = (1,e*c) (k,n)\nf(3) f(3,80) f(5,n=96,e=4)",
        ),
        ("def f(n) = (1,round8(n/2)) (3,n,g(n/16))\nf(64)",
         "def f(n) = (1,round8(n/2)) (3,n,g(n/16))\nf(128)"),
        ("[ (3,8) (3,8) | zeropad(8) ]/2", "[ (3,16) (3,16) | zeropad(16) ]/2"),
        ("split(16){ id | (3,48) } (1,64)", "split(32){ id | (3,96) } (1,128)"),
        ("let w = 8\nlet v = 2w\n(3,v)", "let w = 16\nlet v = 2w\n(3,v)"),
        ("let w = 8\ndef f(n) = (3,n)\nf(w) f(5)", "let w = 16\ndef f(n) = (3,n)\nf(w) f(10)"),
    ],
)  # fmt: skip
def test_widths_change_and_nothing_else(text: str, wanted: str) -> None:
    tree, _ = parse(Source("", wanted))
    assert doubled(text) == format_file(tree)
