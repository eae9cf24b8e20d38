"""`maps`: networks whose paddings the rule gives are inferred once, and come out the same."""

from __future__ import annotations

from itertools import product

import pytest

import ctcdsl
from ctcdsl.ir import replace
from ctcdsl.shapes.infer import ShapeInference, infer_network
from ctcdsl.shapes.maps import paddings_for_maps
from ctcdsl.text.sink import Diagnostics

PAPER = ("A", "B", "C", "E", "E_prime", "G", "I", "J", "J_prime")


@pytest.mark.parametrize("name", PAPER)
def test_the_short_way_gives_what_the_solver_gives(name: str) -> None:
    original = ctcdsl.load(name).architecture
    for moves in product((-1, 0, 1), repeat=len(original.maps)):
        maps = tuple(
            (side[0] + move, side[1] + move)
            for side, move in zip(original.maps, moves, strict=True)
        )
        architecture = replace(original, maps=maps)
        reports, expected = Diagnostics(), None
        paddings = paddings_for_maps(architecture, reports, paper_holds=False, rule_misses=False)
        if paddings is not None:
            expected = ShapeInference(architecture, reports, paddings).run()
        found_reports = Diagnostics()
        found = infer_network(architecture, found_reports)
        assert (None if found is None else found.nodes) == expected
        assert [d.message for d in found_reports.reported] == [d.message for d in reports.reported]
        if expected is not None and not paddings:
            again = ShapeInference(architecture, Diagnostics(), {})
            assert again.run(under_maps=True) == expected and not again.misses_maps
