"""Texts and the places in them."""

import pytest

from ctcdsl.text import Source
from tests.conftest import check


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_one(end: str) -> None:
    source = Source("net.ctc", f"net A{end}(3,8){end}{end}gap fc")
    assert source.lines == ("net A", "(3,8)", "", "gap fc")
    assert source.position(source.line_offset(4)) == (4, 1)
    assert check(f"net A{end}(3,8){end}gap fc{end}").ok
