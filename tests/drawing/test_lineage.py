"""Lineages as pictures: every network, every rewrite with its cost, all of it readable."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from ctcdsl.drawing.lineage import draw, lineage_picture
from ctcdsl.drawing.svg import Rect, Text
from ctcdsl.passes import Pass, run_passes
from ctcdsl.passes.lineage import Family, Relation, chain_family, find_family
from ctcdsl.passes.rewrites.delay_subsample import DelaySubsample
from ctcdsl.passes.rewrites.depth_for_size import DepthForSize
from tests.conftest import SPECS, load, one
from tests.support.readable import assert_readable

MODELS = [load(path) for path in SPECS if re.fullmatch(r"[A-J](_prime)?", path.stem)]


def family(*pairs: str, name: str = "{}") -> Family:
    """Networks of one letter, and rewrites between them."""
    names = tuple(dict.fromkeys(name.format(letter) for letter in "".join(pairs)))
    relations = tuple(
        Relation(name.format(pair[0]), name.format(pair[1]), DelaySubsample(), 1.0)
        for pair in pairs
    )
    return Family(names, dict.fromkeys(names, 1.0), relations)


def test_the_papers_family_is_readable() -> None:
    picture = lineage_picture(find_family(MODELS))
    assert_readable(picture)
    shown = [part.text for part in picture.parts if isinstance(part, Text)]
    assert {network.name for network in MODELS} <= set(shown)
    # Every rewrite has what it does and its cost, each on a line of its own.
    assert shown.count("stage 2, depth 4") == 2 and shown.count("×0.833") == 2
    assert "depth-for-width" in shown


def test_a_chain_is_readable() -> None:
    passes: list[Pass] = [DepthForSize(stage="2", to=2), DelaySubsample()]
    (start,) = (network for network in MODELS if network.name == "B")
    steps = run_passes(start, passes)
    picture = lineage_picture(chain_family(steps))
    assert_readable(picture)
    boxes = [part for part in picture.parts if isinstance(part, Rect) and part.kind == "network"]
    assert [box.note for box in boxes] == ["B", "B 1", "B 2"]
    assert boxes[0].x < boxes[1].x < boxes[2].x and len({box.y for box in boxes}) == 1


@pytest.mark.parametrize(
    "pairs",
    [
        ("AB", "BC", "CA"),  # a circle
        ("AB", "BA"),
        ("AB", "CD"),  # two families
        tuple(f"A{other}" for other in "BCDEFGHIJKLM"),
        tuple(f"{one}{other}" for one in "ABCDE" for other in "FGHIJ"),
        tuple(f"{one}{other}" for one in "ABCDEFG" for other in "ABCDEFG" if one < other),
    ],
    ids=len,
)
def test_any_family_is_readable(pairs: tuple[str, ...]) -> None:
    assert_readable(lineage_picture(family(*pairs)))
    hostile = family(*pairs, name="<{}> & " + "长" * 40)
    assert_readable(lineage_picture(hostile))
    assert "<A>" not in draw(hostile)
    ElementTree.fromstring(draw(hostile))


def test_a_lone_network_is_drawn() -> None:
    picture = lineage_picture(Family(("A",), {"A": 1.0}, ()))
    assert_readable(picture)
    assert "A" in [part.text for part in picture.parts if isinstance(part, Text)]


def test_the_same_network_twice_is_one() -> None:
    twice = find_family([*MODELS, *MODELS])
    assert twice._replace(repeated=0) == find_family(MODELS)
    assert twice.repeated == len(MODELS)


def test_different_networks_of_one_name_are_told_apart() -> None:
    networks = [one(f"net N\n(7,64)/2 3/3 (3,{n})x3 gap fc") for n in (8, 16)]
    found = find_family([*networks, networks[0]])
    assert found.names == ("N", "N (2)")
    assert found.complexity["N"] == 1 < found.complexity["N (2)"]
