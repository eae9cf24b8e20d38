"""The SVG writer: markup, colours, text widths."""

from __future__ import annotations

import re

import pytest

from ctcdsl.drawing.boxes import DARKEST
from ctcdsl.drawing.network import network_picture
from ctcdsl.drawing.svg import _COLOURS, HUES, Line, Picture, Rect, Text, moved
from ctcdsl.drawing.text import shorten, text_width
from tests.conftest import one


def picture(*parts: Rect | Text | Line) -> str:
    return Picture(100, 50, "T", "D", parts).svg()


def test_lines_have_round_corners() -> None:
    text = picture(Line(((10, 0), (10, 20), (30, 20)), tip=True))
    assert "d='M10 0L10 13Q10 20 17 20L25 20'" in text
    assert "class='tip flow' d='M30 20" in text


def test_a_curve_is_level_at_its_ends() -> None:
    text = picture(Line(((0, 0), (20, 10), (40, 10)), "blue", curved=True))
    assert "d='M0 0C10 0 10 10 20 10H40'" in text


def test_text_is_escaped_and_characters_that_xml_has_not_are_replaced() -> None:
    assert ">a&lt;b&amp;c\ufffd</text>" in picture(Text(0, 0, "a<b&c\x07", 10))
    assert "<title>&lt;</title></rect>" in picture(Rect(0, 0, 1, 1, "layer", note="<"))


def test_every_kind_has_its_colours_in_both_modes() -> None:
    network = one("net N\ninput 3x32x32\na: (3,8)x2 [ (3,8) ] { (1,8) | id }\nhead: gap fc")
    text = network_picture(network).svg()
    light, dark = re.search(r"<style>(.*)@media\(.*?\)\{(.*)\}</style>", text).groups()  # type: ignore[union-attr]
    kinds = {name for names in re.findall(r"class='([^']*)'", text) for name in names.split()}
    for kind in kinds - {"ctcdsl", "line", "tip", "bold", "behind", "swatch"}:
        assert f".{kind}{{" in light and f".{kind}{{" in dark, kind


def _luminance(colour: tuple[float, ...]) -> float:
    """Of WCAG 2.2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("mode", [2, 3], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("kind", "ground", "opacity"),
    [
        *((kind, "layer", opacity) for kind in ("ink", "soft") for opacity in (0.0, DARKEST)),
        *((kind, "minor", 0.0) for kind in ("ink", "soft")),
        *(("faint", ground, 0.0) for ground in ("ground", "stage", "block", "network")),
        *((hue, "ground", 0.0) for hue in HUES),
    ],
)
def test_text_has_the_contrast_that_wcag_asks_for(
    kind: str, ground: str, opacity: float, mode: int
) -> None:
    fills = {row[0].strip("."): row[mode] for row in _COLOURS if row[1] == "fill"}
    text, below, share = (
        [int(fills[name][k : k + 2], 16) / 255 for k in (1, 3, 5)]
        for name in (kind, ground, "share")
    )
    behind = [opacity * b + (1 - opacity) * a for a, b in zip(below, share, strict=True)]
    low, high = sorted(map(_luminance, (tuple(text), tuple(behind))))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_only_the_rules_in_use_are_written() -> None:
    assert ".blue" not in picture() and ".blue" in picture(Text(0, 0, "x", 10, HUES[0]))


def test_parts_move_together() -> None:
    parts = (Rect(1, 2, 3, 4, "layer"), Text(1, 2, "x", 10), Line(((1, 2), (3, 4))))
    rect, text, line = moved(parts, 10, 20)
    assert isinstance(rect, Rect) and (rect.x, rect.y) == (11, 22)
    assert isinstance(text, Text) and (text.x, text.y) == (11, 22)
    assert isinstance(line, Line) and line.points == ((11, 22), (13, 24))


@pytest.mark.parametrize(
    ("text", "width"), [("", 0), ("iiii", 0.888), ("WWWW", 3.776), ("3×3, 64", 3.364)]
)
def test_widths_are_those_of_helvetica_and_a_little_more(text: str, width: float) -> None:
    assert width <= text_width(text, 1) <= 1.04 * width
    assert text_width(text, 10) == pytest.approx(10 * text_width(text, 1))
    assert text_width(text, 10, bold=True) >= text_width(text, 10)


def test_wide_combined_and_unknown_characters() -> None:
    assert text_width("长", 10) > text_width("W", 10)
    assert text_width("e\u0301", 10) == text_width("é", 10) == text_width("e", 10)
    assert text_width("\U0001f600", 10) >= 10


@pytest.mark.parametrize("room", [0, 5, 12, 30, 60, 1000])
def test_shortened_text_fits(room: float) -> None:
    short = shorten("a network's name", 12, room)
    assert short == "…" or text_width(short, 12) <= room
    assert short == "a network's name" or short.endswith("…")
