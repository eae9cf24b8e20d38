"""The width of text, from a table: no font has to be at hand to keep labels apart."""

from __future__ import annotations

import unicodedata

# Advance widths of Helvetica, in thousandths of the font size, of the characters from space to `~`.
# Arial, Liberation Sans and Nimbus Sans have the same ones.
_WIDTHS = (
    *(278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278),
    *(556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556),
    *(1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778),
    *(667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556),
    *(333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556),
    *(556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584),
)
_OTHERS = {"×": 584, "·": 333, "…": 1000, "→": 1000, "−": 584, "′": 240, "≤": 584}
_BOLD = 1.13  # more than any line of Helvetica Bold needs
_SPARE = 1.03  # for renderers that round advances to whole pixels
_OTHER, _WIDE = 800, 1000  # characters of no table, those of East Asia and emoji


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return an upper bound of a text's width in pixels, in Helvetica or Arial of `size` pixels."""
    return sum(map(_advance, text)) / 1000 * size * _SPARE * (_BOLD if bold else 1)


def shorten(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """Return a text that fits into `room` pixels: itself, or its beginning and `…`."""
    if text_width(text, size, bold=bold) <= room:
        return text
    short, used = "", text_width("…", size, bold=bold)
    for character in text:
        used += text_width(character, size, bold=bold)
        if used > room:
            break
        short += character
    return short.rstrip() + "…"


def _advance(character: str) -> int:
    code = ord(character)
    if 32 <= code < 127:
        return _WIDTHS[code - 32]
    if character in _OTHERS:
        return _OTHERS[character]
    if unicodedata.combining(character):
        return 0
    base = unicodedata.normalize("NFD", character)[0]
    if base != character and 32 <= ord(base) < 127:  # an accent widens no letter but i
        return max(_WIDTHS[ord(base) - 32], 278)
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _OTHER
