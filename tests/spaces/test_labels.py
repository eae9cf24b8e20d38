"""The front by labels is that of a search, which compares arrays."""

from __future__ import annotations

import pytest

import ctcdsl
from ctcdsl.metrics.catalog import ACTIVATION_BYTES
from ctcdsl.spaces import labels
from ctcdsl.spaces.design import Design
from ctcdsl.spaces.labels import usual_front
from ctcdsl.spaces.space import Space
from ctcdsl.text import Source
from tests.conftest import ROOT

RANKED = ("depth", ACTIVATION_BYTES.name, "params")
SMALL = "net S\nlet w = 16..96 by 16\nlet d = 2 | 3\n(7,64)/2 3/3 (3,w)x(d) gap fc\n"
PLACES = """net P
input 3x32x32
style conv-bn-relu
let w = 16 | 24 | 40
(3,16) (<1|3>,<16..48 by 16>)x2 2/2 [ (3,w)x2 ] < (3,64) | none > 2/2 (<3|5>,<32|64>)x2
head: gap fc
"""


def costs(designs: tuple[Design, ...]) -> list[tuple[float, ...]]:
    return sorted(tuple(design.costs[name] for name in RANKED) for design in designs)


@pytest.mark.parametrize("macs", [None, 10_000_000_000, 250_000_000, 60_000_000, 5_000_000])
@pytest.mark.parametrize("text", [SMALL, PLACES], ids=["stages", "in place"])
def test_the_front_is_that_of_a_search(text: str, macs: int | None) -> None:
    source = Source("space", text)
    found = usual_front(Space.read(source), macs)
    budget = None if macs is None else {"macs": f"<={macs}"}
    assert found is not None
    assert costs(found) == costs(ctcdsl.search(source, budget=budget).front)
    for design in found:
        cost = ctcdsl.cost(design.checked())
        assert (cost.depth, cost.params, cost.macs) == tuple(
            design.costs[name] for name in ("depth", "params", "macs")
        )
        assert macs is None or cost.macs <= macs


def test_the_front_of_the_papers_family() -> None:
    path = str(ROOT / "specs" / "spaces" / "family.ctc")
    found = usual_front(Space.read(path), 500_000_000)
    assert found is not None and len(found) > 20
    expected = ctcdsl.search(path, budget={"macs": "<=500000000"}).front
    assert costs(found) == costs(expected)
    assert [design.costs["depth"] for design in found] == sorted(
        (design.costs["depth"] for design in found), reverse=True
    )


def test_too_many_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MAX_LABELS", 3)
    assert usual_front(Space.read(Source("space", PLACES))) is None
