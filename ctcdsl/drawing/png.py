"""Pictures as PNG, for where SVG is not shown: the same shapes, in their light colours.

What is drawn is the SVG document, element by element. matplotlib loads when `png` is called.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ctcdsl.drawing.svg import HUES, Picture, colours
from ctcdsl.drawing.text import text_width
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text.packages import require_packages

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

_SVG = "{http://www.w3.org/2000/svg}"
_SCALE = 2
"""Pixels of the file for each of the picture, as screens of high resolution have."""
_POINTS = 72 / 100
_STEP = re.compile(r"([MLHVCQz])([^MLHVCQz]*)")
_FONT = "DejaVu Sans"
"""Comes with matplotlib, so that a picture is the same on every machine."""


def png(picture: Picture) -> bytes:
    """The picture as a PNG file, two pixels wide for each of its own.

    Raises:
        UserError: CTC615 matplotlib is not installed.
    """
    require_packages("a picture as PNG", "matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    root = ElementTree.fromstring(picture.svg())
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    figure = Figure(figsize=(width / 100, height / 100), dpi=100 * _SCALE, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    for order, element in enumerate(root):
        _draw(axes, element, order)
    file = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def write_picture(picture: Picture, path: str | os.PathLike[str]) -> None:
    """Write a picture as SVG, or as PNG where the file's name ends in `.png`.

    Raises:
        UserError: CTC608 the file cannot be written, CTC615 matplotlib is not installed.
    """
    as_png = os.fspath(path).endswith(".png")
    write_atomic(path, png(picture) if as_png else picture.svg().encode())


def _draw(axes: Axes, element: ElementTree.Element, order: int) -> None:
    tag = element.tag.removeprefix(_SVG)
    if tag == "text":
        _write(axes, element, order)
    elif tag in ("rect", "path"):
        _fill(axes, element, order)


def _fill(axes: Axes, element: ElementTree.Element, order: int) -> None:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Circle, FancyBboxPatch, PathPatch

    kinds = element.attrib["class"].split()
    look = colours(kinds)
    fill, stroke = look.get("fill"), look.get("stroke")
    if "line" in kinds:
        hue = next((colours([kind])["fill"] for kind in kinds if kind in HUES), None)
        fill, stroke = None, hue or stroke
    opacity = float(element.get("fill-opacity", 1))
    style: dict[str, Any] = {
        "facecolor": "none" if fill is None else to_rgba(fill, opacity),
        "edgecolor": "none" if stroke is None else stroke,
        "linewidth": (1.3 if "line" in kinds else 1) * _POINTS,
        "linestyle": (0, (5 / 1.3, 4 / 1.3)) if "dashed" in kinds else "solid",
        "zorder": order,
    }
    if element.tag == f"{_SVG}path":
        axes.add_patch(PathPatch(_path(element.attrib["d"]), **style))
        return
    x, y, width, height = (float(element.get(n, 0)) for n in ("x", "y", "width", "height"))
    radius = min(float(element.get("rx", 0)), width / 2, height / 2)
    if 2 * radius == width == height:
        axes.add_patch(Circle((x + radius, y + radius), radius, **style))
        return
    box = f"round,pad=0,rounding_size={radius}" if radius > 0 else "square,pad=0"
    axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=box, **style))


def _write(axes: Axes, element: ElementTree.Element, order: int) -> None:
    """A text, no wider than Helvetica is, for which pictures leave room."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import PathPatch
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    text, size = element.text or "", float(element.attrib["font-size"])
    kinds = element.attrib["class"].split()
    bold = "bold" in kinds
    font = FontProperties(family=_FONT, weight="bold" if bold else "normal")
    letters = TextPath((0, 0), text.replace("$", r"\$"), size=size, prop=font)  # "$" is a dollar
    box = letters.get_extents()
    if not box.width:
        return
    scale = min(1.0, text_width(text, size, bold=bold) / box.width)
    anchor = {"start": box.x0, "middle": (box.x0 + box.x1) / 2, "end": box.x1}
    place = Affine2D().translate(-anchor[element.get("text-anchor", "start")], 0)
    place = place.scale(scale, -scale)
    place = place.translate(float(element.attrib["x"]), float(element.attrib["y"]))
    outline = letters.transformed(place)
    axes.add_patch(PathPatch(outline, facecolor=colours(kinds)["fill"], linewidth=0, zorder=order))


def _path(text: str) -> Path:
    """The path of a `d`, in the absolute steps that pictures have."""
    from matplotlib.path import Path

    codes = {"M": Path.MOVETO, "L": Path.LINETO, "Q": Path.CURVE3, "C": Path.CURVE4}
    points: list[tuple[float, float]] = []
    kinds: list[int] = []
    for step, numbers in _STEP.findall(text):
        if step == "z":
            points.append(points[0])
            kinds.append(int(Path.CLOSEPOLY))
            continue
        values = [float(number) for number in numbers.replace(",", " ").split()]
        if step == "H":
            values = [values[0], points[-1][1]]
        elif step == "V":
            values = [points[-1][0], values[0]]
        for point in _pairs(values):
            points.append(point)
            kinds.append(int(codes.get(step, Path.LINETO)))
    return Path(points, kinds)


def _pairs(values: list[float]) -> Iterator[tuple[float, float]]:
    return zip(values[::2], values[1::2], strict=True)
