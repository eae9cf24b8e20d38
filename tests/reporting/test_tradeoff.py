"""Complexity against error: the front, the arrows, and that names can be read."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

import ctcdsl
from ctcdsl.drawing.geometry import crosses, overlap, within
from ctcdsl.drawing.svg import Line, Rect, Text
from ctcdsl.reporting.results import Measured
from ctcdsl.reporting.tradeoff import Point, pareto_front, relations, tradeoff_picture

PAPER = {"A": 37.4, "B": 35.7, "D": 34.5, "E": 33.8, "F": 35.5, "I": 33.9, "J": 32.9, "J'": 32.2}
NETWORKS = [ctcdsl.load(name) for name in PAPER]
REWRITES = relations(NETWORKS)
POINTS = [
    Point(net.name, net.macs, Measured(PAPER[net.name], 0.2 if net.name < "E" else None))
    for net in NETWORKS
]
clouds = st.lists(st.tuples(st.integers(1, 10**10), st.floats(0, 100)), min_size=1, max_size=12)


def cloud(pairs: list[tuple[int, float]]) -> list[Point]:
    return [Point(f"N{k}", macs, Measured(error)) for k, (macs, error) in enumerate(pairs)]


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=9))
def test_the_front_is_what_nothing_beats(pairs: list[tuple[int, int]]) -> None:
    points = cloud([(macs, float(error)) for macs, error in pairs])

    def beats(one: Point, other: Point) -> bool:
        pair, second = (one.macs, one.measured.error), (other.macs, other.measured.error)
        return pair != second and pair[0] <= second[0] and pair[1] <= second[1]

    expected = {p.name for p in points if not any(beats(other, p) for other in points)}
    assert {point.name for point in pareto_front(points)} == expected


def test_the_front_of_the_paper() -> None:
    assert [point.name for point in pareto_front(POINTS)] == ["I", "J", "J'"]


def test_arrows_are_the_rewrites_between_the_networks() -> None:
    found = {(each.parent, each.child): each.applied.name for each in REWRITES}
    assert found["A", "B"] == "depth-for-size" and found["J", "J'"] == "delay-subsample"
    assert ("A", "J") not in found
    picture = tradeoff_picture(POINTS, REWRITES, width=840)
    arrows = [part for part in picture.parts if isinstance(part, Line) and part.tip]
    passes = {each.applied.name for each in REWRITES}
    assert len(arrows) == len(found) + len(passes)  # and those of the legend
    assert "A becomes F by depth-for-width" in picture.description


def test_equal_networks_are_one_in_the_family() -> None:
    twice = [*NETWORKS, ctcdsl.loads("net A2\n" + str(NETWORKS[0]).partition("\n")[2])]
    assert twice[-1].name == "A2"
    assert relations(twice) == REWRITES


@settings(max_examples=60)
@given(clouds, st.sampled_from([840, 350]))
def test_names_are_inside_and_apart(pairs: list[tuple[int, float]], width: int) -> None:
    picture = tradeoff_picture(cloud(pairs), width=width)
    whole = Rect(0, 0, picture.width, picture.height, "")
    texts = [part for part in picture.parts if isinstance(part, Text)]
    for text in texts:
        assert within(text.box, whole), text
    for one, other in combinations(texts, 2):
        assert not overlap(one.box, other.box), (one, other)


def test_every_network_of_the_paper_is_named() -> None:
    for width in (840, 350):
        picture = tradeoff_picture(POINTS, REWRITES, width=width)
        texts = {part.text for part in picture.parts if isinstance(part, Text)}
        assert texts >= PAPER.keys()


def test_names_are_data() -> None:
    svg = tradeoff_picture([Point("<script>&\"'", 5, Measured(3.0))], width=350).svg()
    assert "<script" not in svg and "&lt;script&gt;&amp;" in svg


def test_a_line_through_a_box() -> None:
    box = Rect(10, 10, 10, 10, "")
    assert crosses(Line(((0, 0), (30, 30))), box)
    assert crosses(Line(((15, 0), (15, 30))), box) and crosses(Line(((12, 12), (13, 14))), box)
    assert not crosses(Line(((0, 15), (9, 15))), box) and not crosses(
        Line(((0, 25), (25, 0))), Rect(14, 14, 9, 9, "")
    )
    assert crosses(Line(((0, 0), (0, 15), (15, 15))), box)
