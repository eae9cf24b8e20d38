"""The picture of a roofline: its roofs, its dots, its words."""

from __future__ import annotations

import re

import pytest

import ctcdsl as package
from ctcdsl.drawing.roofline import roofline_picture
from ctcdsl.drawing.svg import Line, Rect, Text
from ctcdsl.metrics import Cost, network_cost
from tests.support.latency import linear_table


def costs(*names: str) -> list[Cost]:
    return [network_cost(package.load(name), latencies=linear_table()) for name in names]


@pytest.mark.parametrize("width", [350, 840])
def test_every_layer_with_macs_is_a_dot_inside(width: int) -> None:
    network = package.load("mobilenet_v2")
    picture = roofline_picture(costs("mobilenet_v2"), width=width)
    dots = [part for part in picture.parts if isinstance(part, Rect) and part.note]
    with_macs = [layer for layer in package.cost(network).layers if layer.macs + layer.macs_fc]
    assert len(dots) == len(with_macs)
    for dot in dots:
        assert dot.x >= 0 and dot.x + dot.width <= width
        assert dot.y >= 0 and dot.y + dot.height <= picture.height
    for text in picture.parts:
        if isinstance(text, Text):
            assert text.box.x >= 0 and text.box.x + text.box.width <= width


def test_the_roofs_meet_at_the_ridge() -> None:
    picture = roofline_picture(costs("A"), width=840)
    slope, level = (
        part for part in picture.parts if isinstance(part, Line) and part.kind == "flow"
    )
    assert slope.points[1] == level.points[0]
    assert level.points[0][1] == level.points[1][1] < slope.points[0][1]
    texts = [part.text for part in picture.parts if isinstance(part, Text)]
    assert "arithmetic: 50 GMACs/s" in texts and "memory: 10 GB/s" in texts


def test_networks_have_colours_of_their_own_and_words() -> None:
    picture = roofline_picture(costs("A", "resnet18"), width=840)
    kinds = {part.kind for part in picture.parts if isinstance(part, Rect)}
    assert kinds == {"blue", "red"}
    assert "memory binds below 5 MACs for each byte" in picture.description
    assert re.search(r"of ResNet18, layers with MACs take \d+%", picture.description)
    assert picture.svg() == roofline_picture(costs("A", "resnet18"), width=840).svg()
