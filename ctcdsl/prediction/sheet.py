"""A contact sheet: small pictures in rows, each with its likeliest classes."""

from __future__ import annotations

import os

from PIL import Image, ImageDraw, ImageFont

from ctcdsl.prediction.predict import Prediction, Predictions
from ctcdsl.storage.atomic import write_atomic

MOST = 200
"""Images on a sheet; of more, so many spread over them."""
_SIDE, _GAP, _LINE, _COLUMNS = 150, 12, 15, 8
_GUESSES = 3
_INK, _QUIET, _BAR, _PAPER = "#222222", "#767676", "#cfe0ee", "white"


def write_sheet(path: str | os.PathLike[str], predictions: Predictions) -> None:
    """Write the sheet as PNG. Raises `UserError` CTC608 where it cannot be written."""
    count = min(len(predictions), MOST)
    shown = [number * len(predictions) // count for number in range(count)]
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    guesses = min(_GUESSES, len(predictions[0].guesses))
    cell = (_SIDE + _GAP, _SIDE + _GAP + (guesses + 1) * _LINE)
    sheet = Image.new("RGB", (columns * cell[0] + _GAP, rows * cell[1] + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    for place, number in enumerate(shown):
        left = _GAP + place % columns * cell[0]
        top = _GAP + place // columns * cell[1]
        pixels = predictions.images.pixels(predictions.indices[number])
        picture = Image.fromarray(pixels)
        scale = _SIDE / max(picture.size)
        size = [max(1, round(side * scale)) for side in picture.size]
        picture = picture.resize((size[0], size[1]))
        sheet.paste(picture, (left + (_SIDE - size[0]) // 2, top + (_SIDE - size[1]) // 2))
        _write(draw, font, predictions[number], guesses, left, top + _SIDE + 2)
    write_atomic(path, lambda file: sheet.save(file, "PNG"))


def _write(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    prediction: Prediction,
    guesses: int,
    left: int,
    top: int,
) -> None:
    for number, (name, probability) in enumerate(prediction.guesses[:guesses]):
        line = top + number * _LINE
        width = round(_SIDE * probability)
        draw.rectangle((left, line, left + width, line + _LINE - 2), fill=_BAR)
        percent = f"{100 * probability:.0f} %"
        right = left + _SIDE - draw.textlength(percent, font)
        draw.text((left + 2, line), _fitted(draw, font, name, right - left - 8), _INK, font)
        draw.text((right, line), percent, _INK if number == 0 else _QUIET, font)
    name = _fitted(draw, font, os.path.basename(prediction.image), _SIDE)
    draw.text((left + 2, top + guesses * _LINE), name, _QUIET, font)


def _fitted(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    text: str,
    width: float,
) -> str:
    """As much of a text as fits into so many pixels."""
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(f"{text}…", font) > width:
        text = text[:-1]
    return f"{text}…"
