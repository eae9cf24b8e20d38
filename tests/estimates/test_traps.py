"""The traps that He & Sun 2015 document (Section 4.4), which both scores fall into."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

import ctcdsl
from ctcdsl.estimates.scores import Score
from tests.conftest import ROOT

KINDS = ("naswot", "synflow")
MODELS = ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "B'", "D'", "E'", "J'")
RECORDED = json.loads((ROOT / "benchmarks" / "scores.json").read_text(encoding="utf-8"))


def network(name: str) -> ctcdsl.Network:
    """One of the paper's models, or of benchmarks/cifar, with the layers that its name adds."""
    small = ROOT / "benchmarks" / "cifar" / f"{name.replace(chr(39), '_prime')}.ctc"
    if small.exists():
        return ctcdsl.load(small)
    base, plus, more = name.partition("+")
    if not plus:
        return ctcdsl.load(base)
    return ctcdsl.rewrite(base, "nin" if more == "NIN" else f"repeat-last:times={more}").network


def recorded(name: str, kind: str) -> Score:
    return Score(*RECORDED[name][kind])


def test_the_file_has_the_networks_and_their_costs() -> None:
    assert set(RECORDED) >= {*MODELS, "B+NIN", "D+NIN", "D+16", "D24+8"}
    for name, entry in RECORDED.items():
        cost = ctcdsl.cost(network(name))
        assert (cost.depth, cost.macs, cost.params) == (
            entry["depth"],
            entry["macs"],
            entry["params"],
        ), name


@pytest.mark.parametrize("kind", KINDS)
def test_1x1_layers_raise_the_error_and_the_score(kind: Any) -> None:
    """B and D with a 1x1 layer after each 2x2 and 3x3 one: 16.5 from 14.9, 15.7 from 13.9."""
    for before in ("B", "D"):
        one, other = recorded(before, kind), recorded(f"{before}+NIN", kind)
        assert other.mean - one.mean > 2 * (one.deviation + other.deviation) / 3**0.5
    means = {name: recorded(name, kind).mean for name in (*MODELS, "D+NIN")}
    assert max(means, key=lambda name: means[name]) == "D+NIN"


@pytest.mark.parametrize("kind", KINDS)
def test_depth_beyond_what_helps_raises_the_score_to_the_end(kind: Any) -> None:
    """D+i: the error saturates, then gets worse."""
    means = [recorded(name, kind).mean for name in ("D", "D+2", "D+4", "D+6", "D+8", "D+16")]
    assert all(one < other for one, other in pairwise(means))


@pytest.mark.parametrize("kind", KINDS)
def test_the_traps_as_they_are_now(kind: Any) -> None:
    """The networks that were trained on CIFAR-10, D24 31.8, D24+4 33.5, D24+8 35.4 %."""
    names = ("D24", "D24+4", "D24+8")
    scores = {name: ctcdsl.score(network(name), kind) for name in names}
    for name, score in scores.items():
        assert score.mean == pytest.approx(recorded(name, kind).mean, abs=0.05), name
    assert scores["D24"].mean < scores["D24+4"].mean < scores["D24+8"].mean
    with_nin = ctcdsl.rewrite(network("D24"), "nin").network
    assert ctcdsl.score(with_nin, kind).mean > scores["D24"].mean


def test_the_paper_s_a_at_its_own_size() -> None:
    assert ctcdsl.score("A", "synflow", draws=1).mean == pytest.approx(
        recorded("A", "synflow").mean, abs=0.1
    )
