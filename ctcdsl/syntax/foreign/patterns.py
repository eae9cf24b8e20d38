r"""The patterns of papers' notations: their parts, and how they are read.

In a pattern a space stands for any space or none, and `$k` for a part of `PARTS`; capitals do not
matter.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from ctcdsl.syntax.foreign.readings import Reading
from ctcdsl.syntax.foreign.rows import Fields

SIZE = r"\d+ [x×] \d+"
_SIDE = r"(?:[1-9]|1\d)"
PARTS = {
    "k": rf"(?P<k>{_SIDE} [x×*] {_SIDE}(?!\d))",
    "n": r"(?P<n>\d+)",
    # What may be missing: stride, padding, repetition, the size of the map that a table adds.
    "s": r"(?:[ ,]*(?:(?:with|at|and)[ ]+)?(?:(?:a[ ]+)?strides?(?: of| =| :)? |/ s?|(?<!\w)s =? )"
    r"(?P<s>\d+)(?: [x×] \d+)?)?",
    "p": r"(?:[ ,]*(?:(?:with|and)[ ]+)?(?:pad(?:ding)?(?: of| =| :)?|p) (?P<p>\d+))?",
    "x": r"(?: [x×*] (?P<x>\d+)(?! [x×\d]))?",
    "map": rf"(?:[ |]+{SIZE}(?: [x×] \d+)?)?",
    "conv": r"conv(?:olution(?:al)?|2d|s)?\.?(?:[ ]+layer)?",
    "pool": r"(?P<pool>max|avg|average|mean)(?:[ -]*pool(?:ing)?\d*(?:[ ]+layer)?)?",
    "full": r"(?:fc|fully[ -]*connected|dense|linear|connected)(?:[ ]+layer)?",
    "softmax": r"soft[- ]?max",
}

_SPACES = re.compile(r"\\.|\[(?:\\.|[^\]])*\]| ")
"""What is escaped, a set of characters, or a space."""


class Notation(NamedTuple):
    """A form of a layer, or of several; `implied` are numbers that its paper gives elsewhere."""

    whose: str
    example: str
    row: str
    pattern: str
    read: Reading
    implied: Fields = {}  # noqa: RUF012  # of a named tuple: nothing changes it


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern with its parts in it, and its spaces as any or none; not within a word."""
    pattern = re.sub(r"\$([a-z]+)", lambda match: PARTS[match[1]], pattern)

    def spaced(match: re.Match[str]) -> str:
        text = match[0]
        return r"[ \t]*" if text == " " else text.replace(" ", r" \t")

    return re.compile(rf"(?:{re.sub(_SPACES, spaced, pattern)})(?![\w′'])", re.IGNORECASE)
