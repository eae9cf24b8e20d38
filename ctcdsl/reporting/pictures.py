"""Pictures for a page: each is drawn twice, for wide screens and for phones."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.drawing.network import network_picture
from ctcdsl.drawing.svg import Picture
from ctcdsl.text import UserError

WIDE, NARROW = 840, 350
"""Pixels; a phone of 390 has 350 between the margins of a page."""


class Drawing(NamedTuple):
    """A picture as SVG for both; `note` instead where there is none."""

    wide: str = ""
    narrow: str = ""
    note: str = ""


def drawing(draw: Callable[[int], Picture]) -> Drawing:
    """What `draw` makes of the two widths."""
    return Drawing(draw(WIDE).svg(), draw(NARROW).svg())


def diagram(network: Network) -> Drawing:
    """The stages of a network; of one that has too many layers for a picture, the reason."""
    try:
        return drawing(lambda width: network_picture(network, width=width))
    except UserError as failure:
        return Drawing(note=failure.diagnostics[0].message)
