"""What `ctcdsl rewrite` tells of a chain: the paper's equation, and the same as data."""

from __future__ import annotations

import json
from typing import Any

import pytest

A_TO_F = (
    "depth-for-width:stage=3,depth=6: 128·3²·256 + (256·3²·256)×2  =  128·3²·160 +"
    " (160·3²·160)×4 + 160·3²·256   (×1.000; network 1.000 of A)"
)
A_TO_B = (
    "depth-for-size:stage=3,to=2: 128·3²·256 + (256·3²·256)×2  ≈  128·2²·256 + (256·2²·256)×5"
    "   (×0.978; network 0.961 of A)"
)
E_TO_J = (
    "add-pool: (256·2²·256)×2  =  (256·2²·2304 + 2304·2²·256)/3²   (×1.000; network 0.980 of E)"
)


@pytest.mark.parametrize(
    ("parent", "applied", "line"),
    [
        ("A", "depth-for-width:stage=3,depth=6", A_TO_F),
        ("A", "depth-for-size:stage=3,to=2", A_TO_B),
        ("E", "add-pool", E_TO_J),
        (
            "B",
            "delay-subsample",
            "delay-subsample: every convolution keeps its complexity   (network 1.000 of B)",
        ),
        (
            "C",
            "depth-for-width:stage=2,depth=4",
            "depth-for-width:stage=2,depth=4: 64·3²·128 + 128·3²·128  ≈  (64·3²·64)×3 + 64·3²·128"
            "   (×0.833; network 0.945 of C)",
        ),
        (
            "A",
            "repeat-last:times=1",
            "repeat-last:times=1: 0  →  256·3²·256   (network 1.224 of A)",
        ),
    ],
)
def test_the_equation(parent: str, applied: str, line: str, ctcdsl: Any) -> None:
    result = ctcdsl("rewrite", f"specs/{parent}.ctc", "--pass", applied)
    assert result.err.splitlines()[0] == line


def test_a_chain_is_reported_step_by_step(ctcdsl: Any) -> None:
    passes = ("--pass", "depth-for-size:stage=3,to=2", "--pass", "width-for-size:stage=3,to=3")
    result = ctcdsl("rewrite", "specs/A.ctc", *passes)
    first, second, remark = result.err.splitlines()
    assert first == A_TO_B
    assert second.startswith("width-for-size:stage=3,to=3: 128·2²·256 + (256·2²·256)×5  ≈  ")
    assert second.endswith("network 1.000 of A)")
    assert remark == "  stage3: width 160, from 157.8"


def test_notes_tell_of_paddings_that_changed(ctcdsl: Any) -> None:
    result = ctcdsl("rewrite", "specs/E.ctc", "--pass", "delay-subsample")
    assert "note[CTC902]" in result.err and result.code == 0


def test_json_is_the_same_as_data(ctcdsl: Any) -> None:
    result = ctcdsl("rewrite", "specs/E.ctc", "--pass", "add-pool", "--format", "json")
    data = json.loads(result.out)
    assert data["start"] == "E"
    (step,) = data["steps"]
    assert step["pass"] == "add-pool" and step["section"] == "4.5"
    assert step["preserves"] == "complexity" and step["ratio"] == pytest.approx(1)
    old = {"in": 256, "kernel": [2, 2], "out": 256, "stride": [12, 12], "complexity": 262_144}
    wide = 4 * 256 * 2304
    assert step["before"] == [old, old]
    assert step["after"] == [
        {"in": 256, "kernel": [2, 2], "out": 2304, "stride": [36, 36], "complexity": wide},
        {"in": 2304, "kernel": [2, 2], "out": 256, "stride": [36, 36], "complexity": wide},
    ]
    assert step["relative"] == pytest.approx(0.9702 / 0.9898, abs=1e-4)
    assert step["notes"] == ["after the pool: width 2304"] and step["diagnostics"] == []
    costs = json.loads(ctcdsl("cost", "-", "--format", "json", stdin=data["spec"]).out)
    assert costs["networks"][0]["macs"] == step["macs"]


def test_blocks_show_in_the_equation_where_they_change(ctcdsl: Any) -> None:
    spec = (
        "net N\ninput 3x64x64\nclasses 10\n(3,8) (3,8) [ (3,16) (3,16) ]x2 3/2 (3,24,g2)\ngap fc\n"
    )
    result = ctcdsl("rewrite", "--pass", "nin:stage=1", stdin=spec)
    assert result.err.splitlines()[0].startswith(
        "nin:stage=1: 8·3²·8  ≈  8·1²·8 + 8·3²·8 + 8·1²·8   (×1.222; network 1."
    )


def test_a_step_names_the_options_that_differ_from_their_defaults(ctcdsl: Any) -> None:
    result = ctcdsl("rewrite", "specs/E.ctc", "--pass", "add-pool:pool=3,layers=2,multiple=64")
    assert result.err.startswith("add-pool:multiple=64: ")


def test_the_equation_divides_strides_by_what_enlarges_maps(ctcdsl: Any) -> None:
    spec = (
        "style conv-relu\ninput 3x32x32\n(3,8)/2 { id | 2/2 (3,8) up(2) } (3,8) (2,8,up2) up(3)\n"
    )
    spec += "x: (3,8) (3,8)\nhead: none\n"
    result = ctcdsl("rewrite", "--pass", "repeat-last:times=1", stdin=spec)
    assert result.err.startswith("repeat-last:times=1: 0  →  8·3²·8   (")
    result = ctcdsl("rewrite", "--pass", "nin:stage=x", "--format", "json", stdin=spec)
    (step,) = json.loads(result.out)["steps"]
    assert {tuple(term["stride"]) for term in (*step["before"], *step["after"])} == {(1 / 3, 1 / 3)}
