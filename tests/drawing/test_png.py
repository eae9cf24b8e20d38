"""Pictures as PNG: the shapes of the SVG, in its light colours."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ctcdsl.drawing.png import png, write_picture
from ctcdsl.drawing.svg import Area, Line, Picture, Rect, Text
from ctcdsl.text import UserError


def pixels(*parts: Rect | Text | Line | Area) -> NDArray[np.uint8]:
    """The pixels of a picture of 60 by 40, two for each of its own: (80, 120, 3)."""
    picture = Picture(60, 40, "a", "b", tuple(parts))
    image = Image.open(io.BytesIO(png(picture)))
    assert image.size == (120, 80)
    return np.asarray(image.convert("RGB"))


def test_shapes_are_where_the_svg_has_them() -> None:
    found = pixels(
        Rect(10, 10, 20, 10, "red", radius=0),
        Area(((40, 20), (50, 20), (50, 30), (40, 30)), "blue"),
        Line(((5, 35), (55, 35)), "green"),
    )
    assert tuple(found[30, 40]) == (0xA4, 0x0E, 0x26)
    assert tuple(found[50, 90]) == (0x05, 0x50, 0xAE)
    assert tuple(found[30, 80]) == tuple(found[4, 60]) == (255, 255, 255)
    assert found[70, 60, 1] > found[70, 60, 0] + 40  # green
    red = (found == (0xA4, 0x0E, 0x26)).all(axis=2)
    rows, columns = np.nonzero(red)
    assert (rows.min(), rows.max()) == (20, 39) and (columns.min(), columns.max()) == (20, 59)


def test_a_dot_is_round_and_opacity_counts() -> None:
    found = pixels(Rect(20, 10, 20, 20, "blue", radius=10, opacity=0.5))
    assert tuple(found[40, 60]) == pytest.approx((0x82, 0xA7, 0xD6), abs=2)
    assert tuple(found[22, 42]) == (255, 255, 255)


@pytest.mark.parametrize("anchor", ["start", "middle", "end"])
def test_text_stays_in_its_room(anchor: str) -> None:
    text = Text({"start": 4, "middle": 30, "end": 56}[anchor], 25, "12.5 M×$x$", 10, anchor=anchor)
    rows, columns = np.nonzero((pixels(text) < 128).all(axis=2))
    room = text.box
    assert len(rows) > 50
    assert 2 * room.x - 2 <= columns.min() and columns.max() <= 2 * (room.x + room.width) + 2
    assert 2 * (room.y - 2) <= rows.min() and rows.max() <= 2 * (room.y + room.height + 2)


def test_the_same_picture_is_the_same_file() -> None:
    picture = Picture(60, 40, "a", "b", (Line(((5, 5), (30, 5), (30, 30)), tip=True, kind="flow"),))
    assert png(picture) == png(picture)
    curved = Line(((5, 5), (30, 30)), "blue dashed", curved=True)
    assert png(picture._replace(parts=(curved,))) != png(picture)


def test_the_suffix_decides(tmp_path: Path) -> None:
    picture = Picture(60, 40, "a", "b", ())
    write_picture(picture, tmp_path / "a.png")
    write_picture(picture, tmp_path / "a.svg")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == picture.svg()
    with pytest.raises(UserError, match="CTC608"):
        write_picture(picture, tmp_path / "gone" / "a.svg")
