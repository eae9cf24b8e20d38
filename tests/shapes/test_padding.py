"""The padding rules, and the solver against brute force."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctcdsl.ir import Conv, Pair, Pool, Shape, convolution_macs, output_size, replace
from ctcdsl.ir.printer import unparse
from ctcdsl.layers.base import Context
from ctcdsl.metrics.complexity import network_cost
from ctcdsl.shapes.solver import SolverStep, fits, solve, solver_steps
from tests.conftest import check, one


def paddings(text: str) -> list[int]:
    paddings = [p.padding for p in one(text).layers if p.stage is not None]
    assert all(height == width for height, width in paddings)
    return [height for height, _ in paddings]


def test_the_paper_s_rule() -> None:
    row = "(11,4) (7,4) (5,4) (3,4) (1,4) 3/3 (2,4)x5"
    assert paddings(f"pad paper\n{row}\nhead: none") == [0, 0, 2, 1, 0, 0, 0, 1, 0, 1, 0]


def test_sequential_2x2_filters_alternate_anew_in_each_stage_and_run() -> None:
    row = "(2,4)x3 3/3 (2,4)x2+(3,4)+(2,4)x2"
    assert paddings(f"pad paper\n{row}\nhead: none") == [0, 1, 0, 0, 0, 1, 1, 0, 1]


def test_same_pads_by_half_the_window_but_not_tiles() -> None:
    row = "(3,4) (5,4)/2 (4,4) (4,4)/4 (1,4) 3/1 3/2 2/2 (7,4)"
    assert paddings(f"pad same\n{row}\nhead: none") == [1, 2, 1, 0, 0, 1, 1, 0, 3]


def test_valid_never_pads_but_tags_do() -> None:
    assert paddings("pad valid\n(3,4) (5,4,p1) max(3,p1)/2\nhead: none") == [0, 1, 1]


def test_a_side_as_long_as_the_stride_is_not_padded() -> None:
    row = "max(1x4)/4 (3,4)/2 (2x3,4)/2 (3x5,4)/3 (1x4,4)/4 (3x2,4,d2)/2 avg(3x1)/3"
    paddings = [p.padding for p in one(f"pad same input 3x999x999\n{row}\nhead: none").layers]
    assert paddings == [(0, 0), (1, 1), (0, 1), (0, 2), (0, 0), (2, 0), (0, 0)]


HEADERS = (
    "net A",
    "classes 5",
    "input 3x224x224",
    "net A input 3x224x224 classes 1000",
    "let w = 64",
    "def f = (3,w)\nlet w = 4",
)


@pytest.mark.parametrize("header", HEADERS)
def test_a_network_without_a_style_is_padded_as_in_the_paper(header: str) -> None:
    row = "(7,4)/2 3/3 (2,4)x2"
    assert paddings(row) == paddings(f"{header}\n{row}") == [0, 0, 0, 1]
    assert paddings(f"{header}\npad same\n{row}") == [3, 0, 0, 0]


@pytest.mark.parametrize("style", ["conv-relu", "conv-bn-relu", "bn-relu-conv", "conv"])
def test_a_style_brings_pad_same_and_a_note_where_that_matters(style: str) -> None:
    row = "(7,4)/2 3/3 (2,4)x2\nhead: none"
    (note,) = check(f"style {style}\n{row}").diagnostics
    assert note.code == "CTC907" and note.labels[0].span.text == f"style {style}"
    assert paddings(f"style {style}\n{row}") == [3, 0, 0, 0]
    for silent in (
        f"style {style}\npad same\n{row}",
        f"pad paper\nstyle {style}\n{row}",
        f"style {style}\n(3,4) 2/2 (5,4)\nhead: none",  # padded alike by both rules
        f"style {style}\n(7,4)/2 (1x7,4)\nhead: none",  # the paper's has no padding for 1x7
        f"style {style}\n(7,4)/2 3/3 [ (3,4) ]\nhead: none",  # not a plain row
    ):
        assert check(silent).diagnostics == (), silent


def test_a_file_s_style_holds_for_all_its_networks_and_each_has_its_note() -> None:
    row = "(7,4)/2\nhead: none"
    report = check(f"style conv-bn-relu\nnet A\n{row}\nnet B\npad paper\n{row}\nnet C\n{row}")
    assert [n.architecture.pad for n in report.networks] == ["same", "paper", "same"]
    assert [d.message[:3] for d in report.diagnostics] == ["`A`", "`C`"]


def test_maps_that_only_the_paper_s_padding_gives_say_so() -> None:
    text = "maps 36 18\n(7,64)/2 3/3 (5,128) 2/2 (3,256)x3\nhead: none"
    assert check(text).ok
    (error,) = check(f"style conv-relu\n{text}").diagnostics
    assert error.code == "CTC203" and "`pad paper`" in error.hints[0]


WHOLE = "pad same\ninput 3x7x7\ndef f = avg(7)/1\n{}\nhead: none"


WHOLE_MAP_POOLS = (
    "(3,4) avg(7)/1",
    "(3,4) 7/1",
    "(3,4) f",
    "a: (3,4)\nb: max(7,ceil)/1",
    "(3,4) max(3x7,p0)/1 avg(5x1)/1",
    "{ (3,4) } avg(7)/1",
)
PADDED_POOLS = (
    ("(3,4) avg(7,p2)/1", (2, 2)),
    ("(3,4) avg(7,p0)/1", (0, 0)),
    ("(3,4) avg(5)/1", (2, 2)),
    ("(3,4) avg(7x5)/1", (3, 2)),
    ("(3,4) avg(7)/2", (3, 3)),
    ("(3,4) { avg(7)/1 }", (3, 3)),
    ("(3,4) { f }", (3, 3)),
    ("(3,4) { id | avg(7)/1 }", (3, 3)),
    ("(3,4) [ f ]", (3, 3)),
    ("(3,4) { { (1,4) f } | id }", (3, 3)),
    ("(3,4) { avg(7)/1 }/2", (3, 3)),
)


@pytest.mark.parametrize(
    ("row", "padding", "covers"),
    [(row, (0, 0), True) for row in WHOLE_MAP_POOLS]
    + [(row, padding, False) for row, padding in PADDED_POOLS],
)
def test_a_pool_over_its_whole_map_is_not_padded(row: str, padding: Pair, covers: bool) -> None:
    report = check(WHOLE.format(row))
    (network,) = report.networks
    pool = [p for p in network.layers if isinstance(p.layer, Pool)][-1]
    assert (pool.padding, pool.map_dependent) == (padding, covers)
    assert [d.code for d in report.diagnostics if d.code != "CTC904"] == ["CTC906"] * covers
    again = one(unparse(network.architecture))
    assert again.architecture.stages == network.architecture.stages
    assert [p.padding for p in again.layers] == [p.padding for p in network.layers]


@pytest.mark.parametrize("rule", ["paper", "valid"])
def test_only_pad_same_sees_whole_maps(rule: str) -> None:
    report = check(WHOLE.format("(3,4,p1) avg(7)/1").replace("same", rule))
    assert [d.code for d in report.diagnostics] == ["CTC904"]
    assert not any(p.map_dependent for p in report.networks[0].layers)


def test_paddings_that_maps_solved_depend_on_the_map() -> None:
    text = "pad paper\nmaps 36\n(7,64)/2 3/1 (2,128)/3+(2,128)x3\nhead: none"
    assert [p.map_dependent for p in one(text).layers] == [False] * 5 + [True]


def test_the_printed_row_of_googlenet_classifies_from_1x1() -> None:
    row = "pad same\ninput 3x7x7\n(1,1024) avg(7)/1 fc"
    assert network_cost(one(row)).layers[-1].params == 1_025_000


def test_a_whole_map_is_seen_under_maps_too() -> None:
    text = "pad same\ninput 3x8x8\nmaps 1\n(3,4) 2/2 (4,4,p0) avg(1)/1 (1,4) gap fc"
    assert check(text).ok
    text = "pad same\ninput 3x8x8\nmaps 4 1\n(3,4) 2/2 (3,4) 4/1 (1,4) gap fc"
    assert [d.code for d in check(text).diagnostics] == ["CTC906"]


@given(
    size=st.integers(1, 40),
    kernel=st.integers(1, 9),
    stride=st.integers(1, 5),
    padding=st.integers(0, 4),
)
def test_windows_counted_one_by_one(size: int, kernel: int, stride: int, padding: int) -> None:
    positions = range(-padding, size + padding - kernel + 1, stride)
    assert output_size(size, kernel, stride, padding) == len(positions)
    if kernel <= size + 2 * padding and padding <= kernel // 2:
        ceil = output_size(size, kernel, stride, padding, ceil=True)
        last = -padding + (ceil - 1) * stride
        assert last < size + padding, "the last window begins inside the map or its padding"
        assert last + stride + kernel > size + padding or ceil >= len(positions)
        assert len(positions) <= ceil <= len(positions) + 1


def brute_force(shape: Shape, trunk: tuple[SolverStep, ...]) -> tuple[Pair, ...] | None:
    """Try every padding of every free convolution; the solver must find the same."""
    choices = [
        [(padding, padding) for padding in range(step.layer.kernel[0] // 2 + 1)]
        if isinstance(step.layer, Conv) and step.target is not None and step.layer.padding is None
        else [step.rule or (0, 0)]
        for step in trunk
    ]
    best: tuple[int, int, tuple[Pair, ...]] | None = None
    for paddings in product(*choices):
        here, macs = shape, 0
        for step, padding in zip(trunk, paddings, strict=True):
            entering = here.channels
            output = step.layer.infer(here, Context(padding))
            if output is None or not fits(step, output):
                break
            here = output
            if isinstance(step.layer, Conv):
                macs += convolution_macs(entering, step.layer.kernel, here)
        else:
            changes = sum(p != s.rule for p, s in zip(paddings, trunk, strict=True))
            candidate = (changes, macs, paddings)
            best = candidate if best is None or candidate < best else best
    return best[2] if best else None


@settings(max_examples=60)
@given(
    row=st.lists(
        st.tuples(st.sampled_from([1, 2, 2, 3, 5]), st.sampled_from([1, 1, 2])),
        min_size=1,
        max_size=6,
    ),
    pool=st.sampled_from(["2/2", "3/3", "2/1", "3/1"]),
    size=st.integers(24, 40),
    aim=st.integers(5, 20),
)
def test_the_solver_finds_what_brute_force_finds(
    row: list[tuple[int, int]], pool: str, size: int, aim: int
) -> None:
    layers = " ".join(f"({kernel},4)/{stride}" for kernel, stride in row)
    trunk_text = f"input 3x{size}x{size}\npad paper\n(3,4)/2 {pool} {layers}\nhead: none"
    report = check(trunk_text)
    if not report.ok:
        return
    with_maps = check(trunk_text.replace("(3,4)/2 ", f"maps {aim}\n(3,4)/2 ", 1))
    architecture = replace(report.networks[0].architecture, maps=((aim, aim),))
    trunk = solver_steps(architecture)
    expected = brute_force(architecture.input, trunk)
    assert solve(architecture.input, trunk) == expected
    assert with_maps.ok == (expected is not None)


def test_an_unsolvable_map_names_the_stage_and_what_it_has() -> None:
    report = check("pad paper\nmaps 30 18\n(7,64)/2 3/3 (5,128) 2/2 (3,256)x3\nhead: none")
    (error,) = report.diagnostics
    assert error.code == "CTC203"
    assert "stage 2" in error.message and "36" in error.message and "30" in error.message
    assert "maps 36 18" in error.hints[0]


def test_the_author_s_paddings_are_never_changed() -> None:
    text = "pad paper\nmaps 36 18\n(7,64)/2 3/1 (2,128,p1)/3+(2,128,p1)x3 2/1 (2,256)/2\nhead: none"
    report = check(text)
    assert not report.ok
    assert "padding" in report.diagnostics[0].hints[0]


@pytest.mark.parametrize("text", ["(9,4)", "(4,4)x2", "(7,4)/2 (6,4)"])
def test_filters_without_a_rule_need_a_padding(text: str) -> None:
    (error,) = check(f"pad paper\n{text}\nhead: none").diagnostics
    assert error.code == "CTC204"


def test_the_hint_s_paddings_do_solve() -> None:
    text = "pad same\nmaps 36 18\n(7,64,p0)/2 3/1 (2,128)/3+(2,128)x3 2/1 (2,256)/2+(2,256)x5"
    (error,) = check(f"{text}\nhead: none").diagnostics
    assert error.code == "CTC203" and "would give" in error.hints[0]
