"""Depth for width in stages of blocks: their number changes, and their inner widths."""

from __future__ import annotations

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

import ctcdsl
from ctcdsl.ir import Block
from ctcdsl.metrics import macs
from ctcdsl.passes import run_pass
from ctcdsl.passes.rewrites.width import DepthForWidth
from ctcdsl.passes.update_source import update_source
from ctcdsl.text import UserError
from tests.conftest import check, one
from tests.support.carrying import small
from tests.support.rewriting import after, row, step, text

V1 = """\
style conv-bn-relu
def ds(n) = (3,dw) (1,n)
a: (3,32)/2 ds(64) ds(128)/2 ds(128)
b: ds(512)/2 ds(512)x5
head: gap fc
"""


def line(name: str, applied: str, label: str) -> str:
    """The line of a stage in a rewritten network of ours."""
    network = ctcdsl.load(name)
    new = after(network, applied)
    printed = update_source(network.architecture, new.architecture).origin.source.text
    (found,) = (row for row in printed.splitlines() if row.lstrip().startswith(label))
    return found


@pytest.mark.parametrize(
    ("name", "applied", "wanted"),
    [
        ("resnet50", "stage=conv4_x,depth=12", "conv4_x: [ (1,160) (3,160) (1,1024) ]x12/2"),
        ("resnet50", "stage=conv4_x,depth=3", "conv4_x: [ (1,392) (3,392) (1,1024) ]x3/2"),
        ("resnet18", "stage=conv3_x,depth=4", "conv3_x: [ (3,56) (3,128) ]x4/2"),
        ("resnext50_32x4d", "stage=conv3,depth=8", "conv3: [ (1,128) (3,128,g32) (1,512) ]x8/2"),
        (
            "convnext_tiny",
            "stage=res4,depth=6",
            "res4: ln (2,384)/2 [ (7,dw) ln (1,2320,gelu) (1,384) scale ]x6",
        ),
    ],
)
def test_blocks_are_counted(name: str, applied: str, wanted: str) -> None:
    label = wanted.partition(":")[0]
    assert line(name, f"depth-for-width:{applied},multiple=8", label) == wanted


def test_the_first_block_keeps_its_stride_and_its_share() -> None:
    mobilenet = ctcdsl.load("mobilenet_v2")
    done = step(mobilenet, "depth-for-width:stage=3,depth=6,multiple=8")
    assert done.notes == (
        "stage3: 6 blocks instead of 3, widths 144 → 72, 192 → 104: 37,494,016 MACs instead of"
        " 37,443,840",
    )
    blocks = done.after.architecture.stages[2].elements
    assert len(blocks) == 6 and blocks[1:] == (blocks[1],) * 5


def test_layers_beside_the_blocks_stay() -> None:
    before = ctcdsl.load("mobilenet_v2").architecture.stages[4].elements
    done = step(ctcdsl.load("mobilenet_v2"), "depth-for-width:stage=5,depth=5,multiple=8")
    assert done.after.architecture.stages[4].elements[-2:] == before[-2:]


def test_units_of_several_layers_are_counted_too() -> None:
    done = step(one(V1), "depth-for-width:stage=b,depth=4,multiple=8")
    assert done.notes[0].startswith("b: 4 units instead of 6, widths 512 → 688: ")
    assert text(V1, "depth-for-width:stage=b,depth=4,multiple=8").splitlines()[-2] == (
        "b:    (3,dw)/2+(1,688)+(3,dw)+(1,688)+(3,dw)+(1,688)+(3,dw)+(1,512)"
    )
    dilated = small("(3,16) (3,16,d2,p2)x3", pad="same")
    assert "(3,16)+(3,10,p2,d2)x6+(3,16,p2,d2)" in text(
        dilated, "depth-for-width:stage=1,depth=7,multiple=1"
    )


def test_a_budget_is_moved_between_stages_of_blocks() -> None:
    moved = "transfer:source=conv4_x,target=conv3_x,multiple=8"
    done = step(ctcdsl.load("resnet50"), moved)
    assert done.notes == ("conv4_x: widths 256 → 208", "conv3_x: widths 128 → 160")
    repaired = after(done.after, "repair:stage=conv5_x,macs=4087136256,multiple=8")
    assert abs(repaired.macs / 4_087_136_256 - 1) < 0.01
    assert line("resnet50", "repair:stage=conv4_x,macs=3500000000,multiple=8", "conv4_x") == (
        "conv4_x: [ (1,176) (3,176) (1,1024) ]x6/2"
    )


@pytest.mark.parametrize(
    ("spec", "options", "code", "said", "place"),
    [
        ("(3,8)\na: [ (3,8) ]x2 [ (3,16) ]x2", "depth=3", "CTC404",
         "a repeats several things: 2 blocks `[ (3,8) ]` and 2 blocks `[ (3,16) ]`", "[ (3,16) ]"),
        ("(3,8)\na: { id | (3,8) }x3", "depth=4", "CTC404",
         "no two blocks of a give one width: they give 16, 24, 32", "{ id | (3,8) }"),
        ("(3,8)\na: [ (3,8) ] { (1,8) | (3,8) }", "depth=4", "CTC404",
         "a repeats no block", "[ (3,8) ]"),
        ("(3,8)\na: { id | (3,8) }", "depth=4", "CTC404",
         "each block of a changes the width: with 4 of them", "{ id | (3,8) }"),
        ("(3,8)\na: [ (3,8) | (1,8) ]x3", "depth=4", "CTC405",
         "no width inside of a is free", "[ (3,8) | (1,8) ]"),
        ("(3,8)\na: [ (3,8) (3,8) ]x3", "depth=3", "CTC405",
         "a has 3 blocks: the depth is to be another number", "[ (3,8) (3,8) ]"),
        ("(3,8)\na: [ (3,8) (3,8) ]x3", "depth=0", "CTC405", "another number from 1", None),
        ("(3,8)\na: [ (3,8) (3,8) ]x3", "depth=4,multiple=0", "CTC402", "a multiple", None),
        ("(3,8)\na: (3,8,g2) (5,8)", "depth=4", "CTC404", "`(3,8,g2)` has 2 groups", "(3,8,g2)"),
    ],
)  # fmt: skip
def test_what_cannot_be(spec: str, options: str, code: str, said: str, place: str | None) -> None:
    rows = small(spec, pad="same")
    multiple = "" if "multiple" in options else ",multiple=8"
    with pytest.raises(UserError) as caught:
        after(one(rows), f"depth-for-width:stage=a,{options}{multiple}")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code and said in diagnostic.message
    if place is not None:
        assert diagnostic.labels[0].span.text == place


# ------------------------------------------------------------------ properties

WIDTHS = st.sampled_from([16, 24, 32, 48, 64])
BLOCKS = st.sampled_from(
    [
        "[ (1,{m}) (3,{m}) (1,{n}) ]",
        "[ (3,{m}) (3,{n}) ]",
        "[ (1,3c) (3,dw) se(c/4) (1,{n},linear) | id? ]",
        "{{ (1,{n}) | (1,{m}) (3,{n}) }}",
        "[ (1,{m}) {{ (1,{m}) | (3,16) }} (1,{n}) ]",
        "(3,dw) (1,{n})",
    ]
)


@settings(max_examples=80)
@given(
    block=BLOCKS,
    n=WIDTHS,
    m=WIDTHS,
    old=st.integers(1, 4),
    new=st.integers(1, 6),
    stride=st.sampled_from(["", "/2"]),
    around=st.sampled_from(["{}", "3/2 {}", "{} (3,32)", "(3,24) {} drop(0.1)"]),
    multiple=st.sampled_from([1, 8]),
)
def test_any_stage_of_blocks(
    block: str, n: int, m: int, old: int, new: int, stride: str, around: str, multiple: int
) -> None:
    repeated = f"{block.format(n=n, m=m)}{stride}"
    rest = block.format(n=n, m=m)
    stage = around.format(" ".join([repeated, *[rest] * (old - 1)]))
    report = check(
        f"input 3x64x64\nclasses 5\nstyle conv-bn-relu\n(3,96)x3\na: {stage}\nb: (3,96)x3\n"
        "head: gap fc\n"
    )
    assume(report.ok)
    (before,) = report.networks
    try:
        done = run_pass(before, DepthForWidth(stage="a", depth=new, multiple=multiple))
    except UserError as error:
        event(error.diagnostics[0].code)
        assert error.diagnostics[0].code in ("CTC404", "CTC405", "CTC406", "CTC410")
        return
    event("applies")
    stages = zip(before.architecture.stages, done.after.architecture.stages, strict=True)
    assert [was == now for was, now in stages] == [True, False, True]
    assert before.stage(1)[-1].output == done.after.stage(1)[-1].output
    widths = {node.output.channels for node in before.stage(1) if isinstance(node.layer, Block)}
    for node in done.after.stage(1):
        if isinstance(node.layer, Block):
            assert node.output.channels in widths
    share = macs(done.after.stage(1)) / macs(before.stage(1))
    event(f"within {10 * (int(10 * abs(share - 1)) + 1)}%")
    printed = update_source(before.architecture, done.after.architecture)
    assert row(one(printed.origin.source.text)) == row(done.after)


def test_shortcuts_of_zeros_stride_in_the_first_block_alone() -> None:
    spec = small("(3,16)\nb: [ (3,32) (3,64) | zeropad ]x3/2", pad="same")
    rewritten = row(after(one(spec), "depth-for-width:stage=b,depth=5,multiple=8"))
    assert rewritten == "(3,16) [ (3,16) (3,64) | zeropad(64) ]x5/2"
