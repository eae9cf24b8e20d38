"""Networks as pictures: what they show, and that all of it can be read."""

from __future__ import annotations

import re
from pathlib import Path
from time import process_time
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctcdsl.checking import Network, check_source
from ctcdsl.drawing import draw_network
from ctcdsl.drawing.network import network_picture
from ctcdsl.drawing.svg import Line, Rect, Text
from ctcdsl.ir import replace
from ctcdsl.text import UserError
from ctcdsl.text.files import read_source
from tests.conftest import ROOT, SAMPLE, TABLES, check, one
from tests.support.readable import assert_readable

NETWORKS = {
    f"{path.relative_to(ROOT)}:{network.name}": network
    for path in [*SAMPLE, *TABLES]
    for network in check_source(read_source(str(path))).networks
}
HEADER = "net N\nstyle conv-relu\ninput 3x32x32\n"


def texts(network: Network) -> list[str]:
    return [part.text for part in network_picture(network).parts if isinstance(part, Text)]


def spec(name: str) -> Network:
    return next(network for key, network in NETWORKS.items() if f"/{name}.ctc" in key)


@pytest.mark.parametrize("width", [840, 0])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_spec_is_readable(name: str, width: int) -> None:
    assert_readable(network_picture(NETWORKS[name], width=width))


convolutions = st.builds(
    "({},{}{}){}".format,
    st.sampled_from([1, 3, "1x3"]),
    st.sampled_from([4, 8, 64]),
    st.sampled_from(["", ",linear", ",bn,gelu,nobias"]),
    st.sampled_from(["", "", "x2", "/2", "x3/2"]),
)
plain = st.sampled_from(["(3,8)", "(1,16)", "3/1", "bn", "relu", "se(4)", "lrn(3,0.01,0.5)", "id"])
chains = st.recursive(
    st.lists(plain | convolutions, min_size=1, max_size=4).map(" ".join),
    lambda inner: st.one_of(
        st.builds("{{ {} }}x{}".format, inner, st.integers(1, 3)),
        st.lists(inner, min_size=2, max_size=4).map(lambda of: f"{{ {' | '.join(of)} }}"),
        st.builds("[ {} (1,8) | (1,8) | id? ]x{}".format, inner, st.integers(1, 3)),
        st.lists(inner, min_size=2, max_size=3).map(" ".join),
    ),
    max_leaves=6,
)


@settings(max_examples=60)
@given(
    stages=st.lists(chains, min_size=1, max_size=3),
    style=st.sampled_from(["conv-relu", "bn-relu-conv"]),
    width=st.sampled_from([0, 300, 840, 5000]),
)
def test_any_network_is_readable(stages: list[str], style: str, width: int) -> None:
    lines = "\n".join(f"s{k}: {stage}" for k, stage in enumerate(stages))
    text = f"net N\nstyle {style}\ninput 3x64x64\n{lines}\nhead: gap fc"
    for network in check(text).networks:
        assert_readable(network_picture(network, width=width))


def test_equal_neighbours_are_folded() -> None:
    shown = texts(one(f"{HEADER}a: (3,8)/2 (3,8)x3 [ (3,8) (3,8) ]x4\nhead: gap fc"))
    assert shown.count("3×3, 8, /2") == 1
    assert shown.count("3×3, 8") == 3  # the three in a row, and the two of the block
    assert {"×3", "×4", "identity", "+"} <= set(shown)


def test_tooltips_have_names_and_exact_costs() -> None:
    notes = [
        part.note for part in network_picture(spec("googlenet")).parts if isinstance(part, Rect)
    ]
    assert "conv.conv1\n(7,64,p3)/2\n3×224×224 → 64×112×112" in "\n".join(notes)
    assert any("118,013,952 MACs, 7.5 % of" in note for note in notes)
    assert any("inc(a=64, r3=96, n3=128, r5=16, n5=32, p=32)" in note for note in notes)


def test_a_first_block_with_a_stride_stands_apart() -> None:
    shown = texts(spec("resnet50"))
    assert [text for text in shown if text.startswith("×")] == ["×2", "×3", "×5", "×2"]
    assert shown.count("1×1, 512, /2") == 1  # the projection of conv3_x
    assert shown.count("identity") == 4
    assert shown.count("+") == 8


def test_chains_of_several_layers_are_folded() -> None:
    shown = texts(one(f"{HEADER}a: {{ (3,8) (3,9) }}x6 (3,7)\nhead: gap fc"))
    assert shown.count("3×3, 9") == 1 and "×6" in shown


def test_a_repetition_says_what_enters_it_and_where_its_maps_go() -> None:
    rows = "a: (3,5)\nb: { (3,8)x2 (1,4)x2 }x2\nc: (3,6)"
    shown = texts(one(f"{HEADER}pad valid\n{rows}\nhead: gap fc"))
    maps = ["5×30×30", "4×22×22", "6×20×20"]
    assert [text for text in shown if re.match(r"\d×\d\d×", text)] == maps
    assert any(text.startswith("28 → 22 · ") for text in shown)  # 28 26, then 24 22


def test_a_branch_that_ends_in_an_identity_is_shown() -> None:
    shown = texts(one(f"{HEADER}a: {{ {{ (3,8) id }}x4 | (1,8) }}\nhead: gap fc"))
    assert "3×3, 8" in shown and "×4" in shown


def test_dense_blocks_are_one_with_growing_channels() -> None:
    shown = texts(spec("densenet121"))
    assert {"×6", "×12", "×24", "×16", "concat, 96 … 256", "dense"} <= set(shown)


def test_the_maps_of_alternating_layers_are_listed() -> None:
    shown = " ".join(texts(spec("E")))
    assert "35 36 35 36 · 34.3 %" in shown and "17 18 ×3 · 52.5 %" in shown


def test_maps_stand_on_the_edges() -> None:
    shown = texts(spec("resnet50"))
    for size in ("64×112×112", "64×56×56", "512×28×28", "2048×7×7", "2048"):
        assert size in shown
    assert shown[0] == "ResNet50" and "input 3×224×224" in shown and "1000 classes" in shown


def test_a_long_label_over_a_narrow_stage_has_room() -> None:
    text = "net N\nstyle conv-relu\ninput 3x1000x1000\na: (3,1024)\nb: relu\nc: relu\nhead: none"
    assert_readable(network_picture(one(text)))


def test_shares_are_those_of_the_macs() -> None:
    shown = [float(text[:-2]) for text in texts(spec("vgg16")) if re.fullmatch(r"[\d.]+ %", text)]
    stages = shown[::2]
    assert shown[::2] == shown[1::2] and sum(stages) == pytest.approx(100, abs=0.2)


def test_the_largest_share_is_the_darkest() -> None:
    parts = network_picture(spec("E")).parts
    shades = [p.opacity for p in parts if isinstance(p, Rect) and p.kind == "share" and p.radius]
    assert max(filter(None, shades)) == shades[-1]  # stage 3's, of 52.5 %


def test_a_sum_of_one_branch_is_no_sum() -> None:
    shown = texts(one(f"{HEADER}a: (3,8) [ (3,16) (3,16,linear) | id? ]\nhead: gap fc"))
    assert "+" not in shown


def test_the_stages_wrap_where_asked() -> None:
    network = spec("resnet50")
    below, beside = (network_picture(network, width=width) for width in (0, 100_000))
    assert below.width < 400 < 1000 < beside.width
    assert below.height > 2 * beside.height
    assert network_picture(network).width <= 840


def test_lines_run_at_right_angles() -> None:
    for part in network_picture(spec("inception_v3")).parts:
        if isinstance(part, Line):
            for (x, y), (to_x, to_y) in zip(part.points, part.points[1:], strict=False):
                assert abs(x - to_x) < 0.11 or abs(y - to_y) < 0.11


def test_the_text_is_the_same_each_time_and_well_formed() -> None:
    network = spec("inception_v3")
    text = draw_network(network)
    assert text == draw_network(network)
    root = ElementTree.fromstring(text)
    assert [child.tag.rpartition("}")[2] for child in root][:2] == ["title", "desc"]
    assert "94 convolutions" in (root[0].text or "")
    assert "prefers-color-scheme:dark" in text


@pytest.mark.parametrize(
    "name", ["</title><script>", "&amp;", "\x00\ud800'\"", "长" * 90, "a" * 999]
)
def test_hostile_names_do_no_harm(name: str) -> None:
    network = one(f"{HEADER}a: (3,8)\nhead: gap fc")
    stages = tuple(replace(stage, name=name) for stage in network.architecture.stages)
    architecture = replace(network.architecture, name=name, stages=stages)
    hostile = Network(architecture, network.nodes)
    assert_readable(network_picture(hostile))
    root = ElementTree.fromstring(draw_network(hostile))
    kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert kinds <= {"svg", "title", "desc", "style", "rect", "path", "text"}


def test_a_network_of_thousands_of_layers_folds_or_is_refused() -> None:
    start = process_time()
    row = one(f"{HEADER}a: (3,8)x9900\nhead: gap fc")
    assert "×9900" in texts(row)
    many = " ".join(f"(1,{k % 4999 + 1})" for k in range(4001))
    with pytest.raises(UserError) as caught:
        draw_network(one(f"{HEADER}a: {many}\nhead: gap fc"))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "CTC952" and "4,003 layers" in diagnostic.message
    assert process_time() - start < 20


def test_the_command(ctcdsl: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.svg"
    result = ctcdsl("draw", "specs/modern/resnet50.ctc", "-o", path)
    assert (result.code, result.out, result.err) == (0, "", f"ResNet50 drawn in {path}\n")
    assert path.read_text(encoding="utf-8") == draw_network(spec("resnet50"))
    text = Path("specs/modern/resnet50.ctc").read_text(encoding="utf-8")
    assert ctcdsl("draw", "-", stdin=text).out == path.read_text(encoding="utf-8")
    assert ">input 3×64×64<" in ctcdsl("draw", "-", "--input", "64", stdin=text).out
    assert "choose one: `--net NAME`" in ctcdsl("draw", "specs/table1.ctc").err
    assert "<title>J:" in ctcdsl("draw", "specs/table1.ctc", "--net", "J").out
    given = f"let w = 8\n{HEADER}a: (3,w)\nhead: gap fc"
    assert ">3×3, 24<" in ctcdsl("draw", "-", "-D", "w=24", stdin=given).out
    assert ctcdsl("draw", "specs/A.ctc", "-o", tmp_path / "no" / "net.svg").code == 1
